//! Training whose gradients are computed by somebody else, a GPU for example: windows, optimiser, checkpoints and answers
//! stay as they are here.
use std::sync::{Arc, Mutex, PoisonError};

use crate::layout::Layout;
use crate::model::Predictor;
use crate::network::Network;

/// Computes the gradient of a batch.
pub trait Gradient: Send + Sync + 'static {
    /// Adds to `gradient` that of the summed loss over the windows, all of one length, and gives that loss in nats; the
    /// mathematics is that of the model's own documentation. `Err` says why it could not.
    fn gradient(&self, weights: &[f32], windows: &[&[u8]], gradient: &mut [f32]) -> Result<f64, String>;
}

/// Windows of one call: all of half a step, so that a device has enough to do and a slice can be a part of a step.
const WINDOWS: usize = 16;

/// A network of this crate whose gradients come from elsewhere.
pub struct Elsewhere<N> {
    network: Arc<N>,
    by: Arc<dyn Gradient>,
    failed: Mutex<Option<String>>,
}

impl<N: Network> Elsewhere<N> {
    pub fn new(network: N, by: Arc<dyn Gradient>) -> Self {
        Self { network: Arc::new(network), by, failed: Mutex::default() }
    }
}

impl<N: Network> Network for Elsewhere<N> {
    type Prepared = ();
    type Workspace = ();

    fn layout(&self) -> &Layout {
        self.network.layout()
    }

    fn context(&self) -> usize {
        self.network.context()
    }

    fn width(&self) -> usize {
        self.network.width()
    }

    fn windows(&self) -> usize {
        WINDOWS
    }

    fn prepare(&self, _: &[f32]) {}

    fn workspace(&self) {}

    fn gradient(&self, weights: &[f32], (): &(), windows: &[&[u8]], (): &mut (), gradient: &mut [f32]) -> f64 {
        self.by.gradient(weights, windows, gradient).unwrap_or_else(|why| {
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
            0.0
        })
    }

    fn failure(&self) -> Option<String> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn predictor(self: Arc<Self>, weights: Arc<Vec<f32>>) -> Arc<dyn Predictor> {
        Arc::clone(&self.network).predictor(weights)
    }
}
