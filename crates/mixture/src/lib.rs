//! The mixture of experts: leaf codes and claims, their commitments, the posterior mixture, and exact contributions.
//! The definition is `mixture.md`; section numbers in these files are its own.
//!
//! Whatever enters a score can be recomputed bit for bit elsewhere: binary64 with + - × ÷ and conversions only, no fused
//! multiply-add, sums in increasing index order, weights as integers. `src/native/reference/mixture.ts` does it again.
#![warn(missing_docs)]

mod claim;
mod error;
mod game;
mod leaf;
mod logarithm;
mod ntd;
mod report;
mod shapley;
mod simd;
mod tables;
mod walk;

pub use claim::{Claim, Reveal, Status, check_reveal, commit, depth, paths, root};
pub use error::Error;
pub use game::{Game, PLAYERS_MAX, POSITIONS_MAX};
pub use leaf::{CLAIM_MAX, LEAF, LEAVES_MAX, LENGTH_MAX, claim, claims, decode, decode_into, encode};
pub use logarithm::{ln, log2};
pub use ntd::{NTD_ENTRIES_MAX, ntd_decode, ntd_decode_into, ntd_encode};
pub use report::{Report, report};
pub use shapley::{Outcome, shapley, values};
pub use tables::{X, Y};
