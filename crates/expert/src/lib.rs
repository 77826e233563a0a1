//! Nano language models over bytes: order-k with a match predictor, the public fallback, transformer and GRU.
//! Bytes go in, leaves come out: 256 codes of sixteenths of a nat (mixture.md 2.1). Nothing here knows Node.
#![allow(clippy::inline_always)] // what runs inside a vector dispatch is only compiled for its CPU when inlined
#![allow(clippy::missing_errors_doc)] // the error enum says when each occurs
pub mod elsewhere;
pub mod error;
pub mod fallback;
pub mod layout;
pub mod leaf;
pub mod model;
pub mod order;
pub mod watch;

mod checkpoint;
#[cfg(test)]
mod checks;
mod gru;
mod lines;
mod network;
mod optimizer;
mod pointwise;
mod product;
mod random;
mod ranges;
mod rates;
mod root;
mod softmax;
mod target;
mod threads;
mod trainer;
mod transformer;
