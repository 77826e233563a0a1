//! What the trainer needs to know of an architecture.
use std::sync::Arc;

use crate::layout::Layout;
use crate::model::Predictor;

/// A trainable architecture; its weights live outside, in one vector ordered by `layout`.
pub trait Network: Send + Sync + 'static {
    /// What is made of the weights once per step, for all threads.
    type Prepared: Send + Sync;
    /// Memory that one thread needs to compute gradients.
    type Workspace: Send;

    fn layout(&self) -> &Layout;
    /// Bytes of one training window.
    fn context(&self) -> usize;
    /// Width that sets the learning rate (mixture.md 1).
    fn width(&self) -> usize;
    /// Windows that one call of `gradient` takes: enough to fill vectors, few enough to keep slices short.
    fn windows(&self) -> usize;
    fn prepare(&self, weights: &[f32]) -> Self::Prepared;
    fn workspace(&self) -> Self::Workspace;
    /// Adds to `gradient` that of the summed loss over the windows (each of one length), gives that loss in nats.
    fn gradient(
        &self,
        weights: &[f32],
        prepared: &Self::Prepared,
        windows: &[&[u8]],
        workspace: &mut Self::Workspace,
        gradient: &mut [f32],
    ) -> f64;
    /// Why gradients since the last question are worth nothing; none where they are good.
    fn failure(&self) -> Option<String> {
        None
    }
    /// The model with these weights.
    fn predictor(self: Arc<Self>, weights: Arc<Vec<f32>>) -> Arc<dyn Predictor>;
}
