//! Which tensors a model has, in canonical order, all in one vector: so that the optimiser, gradients, roots and
//! checkpoints need not know the architecture.
use std::ops::Range;

use crate::random::Random;

/// Tokens: the 256 bytes and four more. Only bytes are ever predicted.
pub const VOCABULARY: usize = 260;
/// Begins every text.
pub const BOS: u16 = 256;
// 257 PAD, 258 SEP, 259 MASK have embeddings for later uses and occur in no text yet.

/// How a tensor begins, and whether weights decay towards zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// Normal of this standard deviation; decays.
    Normal(f32),
    /// Normal of this standard deviation; never decays (embeddings).
    Embedding(f32),
    /// All of this value; never decays (gains and biases).
    Constant(f32),
}

/// One tensor of the vector of weights.
#[derive(Clone, Debug)]
pub struct Tensor {
    pub name: String,
    pub shape: Vec<usize>,
    pub start: Start,
    pub range: Range<usize>,
}

/// All tensors, in canonical order: the order they are added in.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    pub tensors: Vec<Tensor>,
}

impl Layout {
    /// Appends a tensor and gives its place.
    pub fn add(&mut self, name: impl core::convert::Into<String>, shape: &[usize], start: Start) -> Range<usize> {
        let begin = self.parameters();
        let range = begin..begin + shape.iter().product::<usize>();
        self.tensors.push(Tensor { name: name.into(), shape: shape.to_vec(), start, range: range.clone() });
        range
    }

    pub fn parameters(&self) -> usize {
        self.tensors.last().map_or(0, |tensor| tensor.range.end)
    }

    /// The weights before any training.
    pub fn initial(&self, seed: u64) -> Vec<f32> {
        let mut weights = vec![0.0; self.parameters()];
        for (index, tensor) in self.tensors.iter().enumerate() {
            let mut random = Random::new(seed, &[index as u64]);
            for weight in &mut weights[tensor.range.clone()] {
                *weight = match tensor.start {
                    Start::Normal(deviation) | Start::Embedding(deviation) => deviation * random.normal(),
                    Start::Constant(value) => value,
                };
            }
        }
        weights
    }
}
