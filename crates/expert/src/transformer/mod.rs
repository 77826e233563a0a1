//! The byte transformer of mixture.md 1: decoder-only, RMS norms before attention and MLP and on queries and keys, `RoPE`,
//! GELU of four times the width, no biases, one embedding for input and output.
mod attention;
mod backward;
mod forward;
mod predict;
mod rope;

use std::ops::Range;
use std::sync::Arc;

use tensor::matmul::{Into, Mode, View, ViewMut, multiply};

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

    /// out = x·w or out += x·w, `w` a tensor of this model with `columns` columns.
    fn apply(&self, x: &[f32], w: &[f32], out: &mut [f32], columns: usize, into: Into) {
        let inputs = w.len() / columns;
        let rows = x.len() / inputs;
        multiply(
            self.shape.mode,
            View::new(x, rows, inputs),
            View::new(w, inputs, columns),
            ViewMut::new(out, rows, columns),
            into,
        );
    }

    /// logits = x·embeddingᵀ of the 256 bytes.
    fn logits(&self, weights: &[f32], x: &[f32], logits: &mut [f32]) {
        let width = self.shape.width;
        let rows = x.len() / width;
        let bytes = &weights[self.embedding.clone()][..256 * width];
        multiply(
            self.shape.mode,
            View::new(x, rows, width),
            View::new(bytes, 256, width).t(),
            ViewMut::new(logits, rows, 256),
            Into::Replace,
        );
    }
}

/// A transformer as the trainer holds it: shared with the predictors it makes.
pub struct Trainable(pub Arc<Transformer>);

impl Network for Trainable {
    type Workspace = forward::Workspace;

    fn layout(&self) -> &Layout {
        &self.0.layout
    }

    fn context(&self) -> usize {
        self.0.shape.context
    }

    fn width(&self) -> usize {
        self.0.shape.width
    }

    fn windows(&self) -> usize {
        1
    }

    fn workspace(&self) -> forward::Workspace {
        forward::Workspace::new(&self.0.shape)
    }

    fn gradient(
        &self,
        weights: &[f32],
        windows: &[&[u8]],
        workspace: &mut forward::Workspace,
        gradient: &mut [f32],
    ) -> f64 {
        let mut loss = 0.0;
        for window in windows {
            loss += self.0.forward(weights, window, workspace);
            self.0.backward(weights, window, workspace, gradient);
        }
        loss
    }

    fn predictor(&self, weights: Arc<Vec<f32>>) -> Arc<dyn Predictor> {
        Arc::new(predict::Snapshot::new(Arc::clone(&self.0), weights))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradient_check::{largest_error, two_runs};

    fn make(mode: Mode) -> Trainable {
        let shape = Shape { width: 32, layers: 2, heads: 2, context: 80, mode };
        Trainable(Arc::new(Transformer::new(shape).unwrap()))
    }

    fn text() -> Vec<u8> {
        (0..300_u32).map(|i| (i * i % 251) as u8).collect()
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let text = text();
        for mode in [Mode::Fast, Mode::Exact] {
            let error = largest_error(&make(mode), &[&text[..80]]);
            println!("largest relative error {error}");
            assert!(error <= 1e-3, "{mode:?}: {error}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bits_however_slices_fall() {
        let [one, two] = two_runs(|| make(Mode::Fast), 6);
        assert_eq!(one.0, two.0);
    }

    #[test]
    fn training_lowers_the_loss() {
        let [_, (_, _, mean)] = two_runs(|| make(Mode::Fast), 60);
        assert!(mean < 6.0, "{mean} bits per byte over sixty steps");
    }

    #[test]
    fn a_changed_byte_changes_nothing_before_it_even_beyond_the_context() {
        let network = make(Mode::Fast);
        let snapshot = network.predictor(Arc::new(network.layout().initial(1)));
        let text = text();
        let whole = snapshot.predict(&text, 0);
        for at in [0, 63, 64, 79, 80, 81, 200, 299] {
            let mut changed = text.clone();
            changed[at] ^= 0x55;
            let leaves = snapshot.predict(&changed, 0);
            assert_eq!(leaves[..(at + 1) * 256], whole[..(at + 1) * 256], "byte {at}");
            assert_ne!(leaves[(at + 1) * 256..], whole[(at + 1) * 256..], "byte {at} is not seen");
        }
    }

    #[test]
    fn a_stream_in_exact_mode_says_bit_for_bit_what_predict_says() {
        let network = make(Mode::Exact);
        let snapshot = network.predictor(Arc::new(network.layout().initial(1)));
        let text = text();
        let whole = snapshot.predict(&text, 0);
        let mut stream = snapshot.open();
        let mut at = 0;
        for step in [1, 2, 70, 1, 30, 1, 1, 194] {
            let leaves = stream.extend(at, &text[at..at + step], step).unwrap();
            at += step;
            assert_eq!(leaves, whole[(at + 1 - step) * 256..(at + 1) * 256], "up to {at}");
        }
        let again = stream.extend(100, &text[100..120], 60).unwrap();
        assert_eq!(again, whole[61 * 256..121 * 256]);
    }
}
