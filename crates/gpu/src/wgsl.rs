//! Kernels as WGSL text. Rounds and tiles are written out by small generators, because a variable that is indexed at run
//! time would not live in registers.
pub mod matmul;
pub mod seal;
pub mod train;
