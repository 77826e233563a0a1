//! Matrix products and the few kernels that the nano models need, on the CPU. Two numeric modes: `Fast`, the same bits
//! on one machine for any number of threads, and `Exact`, the same bits on every CPU (native.md, Tensors).
//! A GPU backend would stand beside `matmul` and be listed by `devices`; this build has none.
#![allow(clippy::inline_always)] // what runs inside a vector dispatch is only compiled for its CPU when inlined
#![allow(clippy::missing_errors_doc)] // the error enum says when each occurs
pub mod devices;
pub mod error;
pub mod exact;
pub mod kernels;
pub mod level;
pub mod matmul;
