//! The byte transformer of mixture.md 1: decoder-only, RMS norms before attention and MLP and on queries and keys, `RoPE`,
//! GELU of four times the width, no biases, one embedding for input and output.
//!
//! The mathematics, which any other backend must reproduce. Matrices are row-major, rows are the T positions of a window
//! y₀..y_{T−1}; d = width, h = heads, e = d/h. `layout` names the tensors and fixes their order in the vector of weights.
//!
//! Forward, of one window:
//! - x [T, d] = E[u], u = (BOS, y₀, .., y_{T−2}), E = `embedding` [260, d].
//! - norm(x; g) = x·r·g by row, r = 1/√(mean(x²) + 10⁻⁶).
//! - Each layer: [q k v] [T, 3d] = norm(x; `attention.norm`)·`attention.qkv`; of each head's e numbers
//!   q ← turn(norm(q; `query_norm`))/√e and k ← turn(norm(k; `key_norm`)), where turn rotates the pair (c, c + e/2) of row t
//!   by t·10,000^(−2c/e); attention as in `attention.rs` gives o [T, d]; x ← x + o·`attention.out`;
//!   a = norm(x; `mlp.norm`)·`mlp.up` [T, 4d]; x ← x + GELU(a)·`mlp.down`, GELU(a) = a·sigmoid(2√(2/π)(a + 0.044715a³)).
//! - logits [T, 256] = norm(x; `norm`)·(E[0..256])ᵀ; loss = Σₜ −ln softmax(logits[t])[yₜ].
//!
//! Backward, gradients of that sum: dlogits = softmax − one-hot; of Y = X·W it is dX = dY·Wᵀ and dW = Xᵀ·dY; of a norm
//! dx = r·(dy∘g − x·r²·mean(dy∘g∘x)) and dg = Σ rows dy∘x·r; GELU multiplies by its slope
//! s + a·s·(1 − s)·2√(2/π)(1 + 3·0.044715a²); a turn passes gradients by turning back. E gathers from both its uses.
//! A step sums the gradients of 32 windows, scales by 1/(32·T) and gives them to `optimizer`.
mod attention;
mod backward;
mod blocks;
mod cache;
mod columns;
mod factors;
mod forward;
mod predict;
mod rope;
mod rows;
mod tokens;
mod window;

use std::ops::Range;
use std::sync::Arc;

use tensor::mode::Mode;

use crate::error::Error;
use crate::layout::{Layout, Start, VOCABULARY};
use crate::model::{CONTEXT_BYTES_MAX, Predictor};
use crate::network::Network;
use rope::Rope;

/// Weights one model may have; the whole state is three times that, in 4-byte floats.
pub const PARAMETERS_MAX: usize = 20_000_000;

/// The size of a transformer, and how it adds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    pub context: usize,
    pub mode: Mode,
}

/// Where one layer's tensors are.
struct Layer {
    norm: Range<usize>,
    qkv: Range<usize>,
    query_norm: Range<usize>,
    key_norm: Range<usize>,
    out: Range<usize>,
    mlp_norm: Range<usize>,
    up: Range<usize>,
    down: Range<usize>,
}

/// The architecture; weights are given to each call.
pub struct Transformer {
    shape: Shape,
    layout: Layout,
    embedding: Range<usize>,
    layers: Vec<Layer>,
    norm: Range<usize>,
    rope: Rope,
}

impl Transformer {
    pub fn new(shape: Shape) -> Result<Self, Error> {
        let Shape { width, layers, heads, context, .. } = shape;
        let refuse = |text: String| Err(Error::Spec(text));
        if !(8..=1_024).contains(&width) || !width.is_multiple_of(8) {
            return refuse(format!("the width must be a multiple of 8 up to 1,024, not {width}"));
        }
        if !(1..=64).contains(&heads) || !width.is_multiple_of(2 * heads) {
            return refuse(format!("{heads} heads cannot share a width of {width} evenly in pairs"));
        }
        if !(1..=32).contains(&layers) {
            return refuse(format!("there can be 1 to 32 layers, not {layers}"));
        }
        if !(16..=4_096).contains(&context) {
            return refuse(format!("the context must be 16 to 4,096 bytes, not {context}"));
        }
        if VOCABULARY * width + layers * 12 * width * width > PARAMETERS_MAX {
            return refuse(format!("a model has {PARAMETERS_MAX} weights at most"));
        }
        let mut layout = Layout::default();
        let head = width / heads;
        // Small models learn fastest from starts of this size; what adds to the residual starts smaller, by its depth.
        let start = Start::Normal(1.0 / (width as f32).sqrt());
        let adding = |inputs: usize| Start::Normal(1.0 / (inputs as f32 * 2.0 * layers as f32).sqrt());
        let embedding = layout.add("embedding", &[VOCABULARY, width], Start::Embedding(0.05));
        let places = (0..layers)
            .map(|i| Layer {
                norm: layout.add(format!("layers.{i}.attention.norm"), &[width], Start::Constant(1.0)),
                qkv: layout.add(format!("layers.{i}.attention.qkv"), &[width, 3 * width], start),
                query_norm: layout.add(format!("layers.{i}.attention.query_norm"), &[head], Start::Constant(1.0)),
                key_norm: layout.add(format!("layers.{i}.attention.key_norm"), &[head], Start::Constant(1.0)),
                out: layout.add(format!("layers.{i}.attention.out"), &[width, width], adding(width)),
                mlp_norm: layout.add(format!("layers.{i}.mlp.norm"), &[width], Start::Constant(1.0)),
                up: layout.add(format!("layers.{i}.mlp.up"), &[width, 4 * width], start),
                down: layout.add(format!("layers.{i}.mlp.down"), &[4 * width, width], adding(4 * width)),
            })
            .collect();
        let norm = layout.add("norm", &[width], Start::Constant(1.0));
        let rope = Rope::new(head, CONTEXT_BYTES_MAX + 1);
        Ok(Self { shape, layout, embedding, layers: places, norm, rope })
    }

    fn head(&self) -> usize {
        self.shape.width / self.shape.heads
    }
}

impl Network for Transformer {
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
        1
    }

    fn workspace(&self) -> forward::Workspace {
        forward::Workspace::new(&self.shape)
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
        let mut loss = 0.0;
        for window in windows {
            loss += self.forward(weights, factors, window, workspace);
            self.backward(weights, factors, window, workspace, gradient);
        }
        loss
    }

    fn predictor(self: Arc<Self>, weights: Arc<Vec<f32>>) -> Arc<dyn Predictor> {
        Arc::new(predict::Snapshot::new(self, weights))
    }
}
