//! Training on a device: `expert`'s own trainer with gradients computed here. A slice is a pure function of checkpoint,
//! text and seed, so that one that was lost with its process is simply done again, on a CPU if need be.
mod architecture;
mod gru;
mod kernels;
mod slice;
mod steps;
mod transformer;
mod weights;
mod whole;

pub use architecture::{Architecture, gradient};
pub use slice::{Job, Trained, slice};
pub use whole::whole_steps;
