//! The GRU of mixture.md 1: an embedding, one recurrent layer, an output layer. Gates in the order reset, update, new;
//! n = tanh(x·Wₙ + bₙ + r·(h·Uₙ + cₙ)), h' = (1−z)·n + z·h. Windows of one group run in step, rows time by time.
mod backward;
mod forward;
mod predict;

use std::ops::Range;
use std::sync::Arc;

use tensor::matmul::{Into, Mode, View, ViewMut, multiply};

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

    /// out = x·w, then the bias to every row.
    fn linear(&self, x: &[f32], w: &[f32], bias: &[f32], out: &mut [f32]) {
        let columns = bias.len();
        let (rows, inputs) = (out.len() / columns, w.len() / columns);
        let (x, w) = (View::new(x, rows, inputs), View::new(w, inputs, columns));
        multiply(self.shape.mode, x, w, ViewMut::new(out, rows, columns), Into::Replace);
        for row in out.chunks_exact_mut(columns) {
            tensor::kernels::add(row, bias);
        }
    }
}

/// A GRU as the trainer holds it: shared with the predictors it makes.
pub struct Trainable(pub Arc<Gru>);

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
        TOGETHER
    }

    fn workspace(&self) -> forward::Workspace {
        forward::Workspace::default()
    }

    fn gradient(
        &self,
        weights: &[f32],
        windows: &[&[u8]],
        workspace: &mut forward::Workspace,
        gradient: &mut [f32],
    ) -> f64 {
        let loss = self.0.forward(weights, windows, workspace);
        self.0.backward(weights, windows, workspace, gradient);
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
        Trainable(Arc::new(Gru::new(Shape { embedding: 16, width: 24, context: 40, mode }).unwrap()))
    }

    fn text() -> Vec<u8> {
        (0..300_u32).map(|i| (i * i % 251) as u8).collect()
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let text = text();
        for mode in [Mode::Fast, Mode::Exact] {
            let error = largest_error(&make(mode), &[&text[..40], &text[100..140], &text[200..240]]);
            println!("largest relative error {error}");
            assert!(error <= 1e-3, "{mode:?}: {error}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bits_however_slices_fall() {
        let [one, two] = two_runs(|| make(Mode::Fast), 4);
        assert_eq!(one.0, two.0);
    }

    #[test]
    fn training_lowers_the_loss() {
        let [_, (_, _, mean)] = two_runs(|| make(Mode::Fast), 60);
        assert!(mean < 6.5, "{mean} bits per byte over sixty steps");
    }

    #[test]
    fn a_changed_byte_changes_nothing_before_it() {
        let network = make(Mode::Fast);
        let snapshot = network.predictor(Arc::new(network.layout().initial(1)));
        let text = text();
        let whole = snapshot.predict(&text, 0);
        for at in [0, 1, 39, 40, 299] {
            let mut changed = text.clone();
            changed[at] ^= 0x55;
            let leaves = snapshot.predict(&changed, 0);
            assert_eq!(leaves[..(at + 1) * 256], whole[..(at + 1) * 256], "byte {at}");
            assert_ne!(leaves[(at + 1) * 256..], whole[(at + 1) * 256..], "byte {at} is not seen");
        }
    }

    #[test]
    fn streams_and_batches_say_bit_for_bit_what_predict_says() {
        for mode in [Mode::Fast, Mode::Exact] {
            let network = make(mode);
            let snapshot = network.predictor(Arc::new(network.layout().initial(1)));
            let text = text();
            let whole = snapshot.predict(&text, 0);
            let mut stream = Arc::clone(&snapshot).open();
            let mut at = 0;
            for step in [1, 2, 70, 1, 30, 1, 1, 194] {
                let leaves = stream.extend(at, &text[at..at + step], step).unwrap();
                at += step;
                assert_eq!(leaves, whole[(at + 1 - step) * 256..(at + 1) * 256], "up to {at}");
            }
            assert_eq!(stream.extend(100, &text[100..120], 60).unwrap(), whole[61 * 256..121 * 256]);
            let batch: Vec<(&[u8], usize)> = (0..7).map(|i| (&text[..40 * i], 0)).collect();
            for ((context, _), leaves) in batch.iter().zip(snapshot.predict_together(&batch)) {
                assert_eq!(leaves, whole[..(context.len() + 1) * 256]);
            }
        }
    }
}
