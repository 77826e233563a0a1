//! The GRU of mixture.md 1: an embedding, one recurrent layer, an output layer. Windows of one group run in step, rows
//! time by time.
//!
//! The mathematics, which any other backend must reproduce; w = width, e = `embedding` width, gates in the order reset,
//! update, new, σ the sigmoid. With x = E[u] [T, e] as for the transformer, h₀ = 0, a = x·`input` + `input_bias` [T, 3w] and
//! b = h·`recurrent` [3w], c = `recurrent_bias` [w]:
//! ```text
//! r = σ(a_r + b_r), z = σ(a_z + b_z), m = b_n + c, n = tanh(a_n + r∘m), h' = (1 − z)∘n + z∘h
//! ```
//! logits = h'·`output` + `output_bias` [T, 256], and the loss as there. Backward, with dh the gradient of h' from the
//! logits and from the next time:
//! ```text
//! da_n = dh∘(1 − z)∘(1 − n²), da_z = dh∘(h − n)∘z∘(1 − z), da_r = da_n∘m∘r∘(1 − r)
//! db = (da_r, da_z, da_n∘r), dc = Σ da_n∘r, dh of the time before = dh∘z + db·recurrentᵀ
//! ```
//! Weights as in any product, biases by summing rows.
mod backward;
mod factors;
mod forward;
mod predict;

use std::ops::Range;
use std::sync::Arc;

use tensor::mode::Mode;

use crate::error::Error;
use crate::layout::{Layout, Start, VOCABULARY};
use crate::model::Predictor;
use crate::network::Network;
use crate::transformer::PARAMETERS_MAX;

/// Windows that run in step: fewer make shorter slices, more use the recurrent matrix better.
const TOGETHER: usize = 4;

/// The size of a GRU, and how it adds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    pub embedding: usize,
    pub width: usize,
    pub context: usize,
    pub mode: Mode,
}

/// The architecture; weights are given to each call.
pub struct Gru {
    shape: Shape,
    layout: Layout,
    embedding: Range<usize>,
    input: Range<usize>,
    input_bias: Range<usize>,
    recurrent: Range<usize>,
    recurrent_bias: Range<usize>,
    output: Range<usize>,
    output_bias: Range<usize>,
}

impl Gru {
    pub fn new(shape: Shape) -> Result<Self, Error> {
        let Shape { embedding, width, context, .. } = shape;
        if !(8..=1_024).contains(&embedding) || !(8..=2_048).contains(&width) {
            return Err(Error::Spec(format!("an embedding of {embedding} and a layer of {width} are out of bounds")));
        }
        if !(16..=4_096).contains(&context) {
            return Err(Error::Spec(format!("the context must be 16 to 4,096 bytes, not {context}")));
        }
        if VOCABULARY * embedding + 3 * width * (embedding + width) + 256 * width > PARAMETERS_MAX {
            return Err(Error::Spec(format!("a model has {PARAMETERS_MAX} weights at most")));
        }
        let mut layout = Layout::default();
        let normal = |inputs: usize| Start::Normal(1.0 / (inputs as f32).sqrt());
        let zero = Start::Constant(0.0);
        Ok(Self {
            shape,
            embedding: layout.add("embedding", &[VOCABULARY, embedding], Start::Embedding(1.0)),
            input: layout.add("input", &[embedding, 3 * width], normal(embedding)),
            input_bias: layout.add("input_bias", &[3 * width], zero),
            recurrent: layout.add("recurrent", &[width, 3 * width], normal(width)),
            recurrent_bias: layout.add("recurrent_bias", &[width], zero),
            output: layout.add("output", &[width, 256], normal(width)),
            output_bias: layout.add("output_bias", &[256], zero),
            layout,
        })
    }
}

impl Network for Gru {
    type Prepared = factors::Factors;
    type Workspace = forward::Workspace;

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn context(&self) -> usize {
        self.shape.context
    }

    fn width(&self) -> usize {
        self.shape.width
    }

    fn windows(&self) -> usize {
        TOGETHER
    }

    fn workspace(&self) -> forward::Workspace {
        forward::Workspace::default()
    }

    fn prepare(&self, weights: &[f32]) -> factors::Factors {
        factors::Factors::for_training(self, weights)
    }

    fn gradient(
        &self,
        weights: &[f32],
        factors: &factors::Factors,
        windows: &[&[u8]],
        workspace: &mut forward::Workspace,
        gradient: &mut [f32],
    ) -> f64 {
        let loss = self.forward(weights, factors, windows, workspace);
        self.backward(factors, windows, workspace, gradient);
        loss
    }

    fn predictor(self: Arc<Self>, weights: Arc<Vec<f32>>) -> Arc<dyn Predictor> {
        Arc::new(predict::Snapshot::new(self, weights))
    }
}
