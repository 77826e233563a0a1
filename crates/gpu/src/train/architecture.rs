//! The networks that train on a device.
use expert::layout::Layout;
use expert::model::{GruShape, Spec, TransformerShape};

use super::{gru, transformer};
use crate::accelerator::Accelerator;
use crate::engine::Engine;
use crate::error::Error;
use crate::watch::Watch;

/// Which network, and of what size.
#[derive(Clone, Copy, Debug)]
pub enum Architecture {
    Transformer(TransformerShape),
    Gru(GruShape),
}

impl Architecture {
    /// Bytes of one window of training.
    pub fn context(&self) -> usize {
        match self {
            Self::Transformer(shape) => shape.context,
            Self::Gru(shape) => shape.context,
        }
    }
}

impl From<TransformerShape> for Architecture {
    fn from(shape: TransformerShape) -> Self {
        Self::Transformer(shape)
    }
}

impl From<GruShape> for Architecture {
    fn from(shape: GruShape) -> Self {
        Self::Gru(shape)
    }
}

impl From<Architecture> for Spec {
    fn from(architecture: Architecture) -> Self {
        match architecture {
            Architecture::Transformer(shape) => Self::Transformer(shape),
            Architecture::Gru(shape) => Self::Gru(shape),
        }
    }
}

/// Adds to `sum` the gradient of the summed loss in nats over `windows`, all of one length, and gives that loss.
///
/// # Errors
/// `Memory`, `Cancelled`, and what the driver says.
pub fn gradient<E: Engine>(
    on: &mut Accelerator<E>,
    (architecture, layout, weights): (&Architecture, &Layout, &[f32]),
    windows: &[&[u8]],
    sum: &mut [f32],
    watch: &Watch,
) -> Result<f64, Error> {
    match architecture {
        Architecture::Transformer(shape) => transformer::gradient(on, (shape, layout, weights), windows, sum, watch),
        Architecture::Gru(shape) => gru::gradient(on, (shape, layout, weights), windows, sum, watch),
    }
}
