//! The GPU program's parts: frames on standard input and output, and devices that hash seals and multiply matrices.
//! It runs as a child of the node, because a driver that failed is only cured by the end of its process.
#![allow(clippy::missing_errors_doc)] // the error enum says when each occurs
pub mod accelerator;
#[cfg(feature = "drivers")]
mod cublas;
#[cfg(feature = "drivers")]
mod cuda;
pub mod device;
pub mod engine;
pub mod error;
pub mod fake;
pub mod frame;
pub mod host;
#[cfg(feature = "drivers")]
pub mod list;
pub mod matmul;
pub mod pace;
pub mod request;
pub mod seal;
pub mod server;
pub mod shape;
pub mod train;
#[cfg(feature = "drivers")]
pub mod vulkan;
pub mod watch;
mod wgsl;
