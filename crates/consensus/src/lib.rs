//! Consensus scoring: one epoch of weights, stakes and bonds in fixed point, equal to the last bit on every machine.
//! The definition is `consensus-scoring.md`; the step numbers in these files are its own. Integers only: every sum is
//! exact and every rounding is per product, so neither the order of work nor the number of threads can be seen in a
//! result. `test/vectors/yuma-epoch.json` holds what the runtime that defined it computed.
#![deny(clippy::float_arithmetic)]
#![warn(missing_docs)]

mod columns;
mod epoch;
mod error;
mod fixed;
mod input;
mod median;
mod output;

pub use epoch::{Workspace, epoch};
pub use error::Error;
pub use input::{Input, NEURONS_MAX, Rows};
pub use output::{Output, OwnedRows};
