//! Consensus scoring: one epoch of weights, stakes and bonds in fixed point, equal to the last bit on every machine.
//! The definition is `consensus-scoring.md`; the step numbers in these files are its own. Integers only: every sum is
//! exact and every rounding is per product, so neither the order of work nor the number of threads can be seen in a
//! result. `test/vectors/yuma-epoch.json` holds what the runtime that defined it computed.
#![deny(clippy::float_arithmetic)]
#![warn(missing_docs)]

#[cfg(target_arch = "x86_64")]
mod avx512;
mod dense;
mod epoch;
mod error;
mod first;
mod fixed;
mod input;
mod lanes;
mod level;
mod market;
mod median;
mod odd;
mod output;
mod plan;
mod reciprocal;
mod rows;
mod second;
mod sparse;
mod store;
mod tiles;
mod what_if;

pub use epoch::{Depth, Way, Workspace, epoch};
pub use error::Error;
pub use input::{Input, NEURONS_MAX, OwnedInput};
pub use level::Level;
pub use output::Output;
pub use rows::{OwnedRows, Row, Rows};
pub use what_if::{Control, VARIANTS_MAX, Variant, WhatIf};
