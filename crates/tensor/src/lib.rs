//! Matrix products and the few kernels that the nano models need, on the CPU. Two numeric modes: `Fast`, the same bits
//! on one machine for any number of threads, and `Exact`, the same bits on every CPU (native.md, Tensors).
//!
//! `product` takes whole calls of every dtype; `tiled` cuts them (`plan`), packs the factors (`pack`) slice by slice, and has
//! threads (`share`, `helpers`) run tiles (`avx512`, `avx2`, `portable`) on blocks (`blocks`). `held` keeps factors for many
//! products. `kernels` are for the models.
#![allow(clippy::inline_always)] // what runs inside a vector dispatch is only compiled for its CPU when inlined
#![allow(clippy::missing_errors_doc)] // the error enum says when each occurs
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)] // vector instructions
mod avx2;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)] // vector instructions
mod avx512;
mod blocks;
pub mod devices;
mod direct;
pub mod error;
mod format;
pub mod held;
mod helpers;
pub mod kernels;
pub mod level;
mod memory;
pub mod mode;
mod pack;
mod plan;
#[allow(unsafe_code)] // tiles read panels by pointer
mod portable;
pub mod product;
pub mod results;
pub mod shape;
mod share;
#[allow(unsafe_code)] // tiles are called with a promise
mod tile;
mod tiled;
pub mod view;
