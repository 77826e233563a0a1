//! The matrices of a GRU that rows are multiplied by, packed for it once per training step.
use std::ops::Range;

use crate::target::{Into, ViewMut};
use tensor::kernels;
use tensor::view::View;

use super::Gru;
use crate::product::Factor;

/// The factors of one direction; back, each is transposed.
pub struct Direction {
    pub input: Factor,
    pub recurrent: Factor,
    pub output: Factor,
}

/// Factors of both directions.
pub struct Factors {
    pub forward: Direction,
    pub back: Direction,
}

impl Direction {
    /// Packs the weights of `network`, transposed when `back`.
    pub fn new(network: &Gru, weights: &[f32], back: bool) -> Self {
        let pack = |range: &Range<usize>, rows: usize| {
            let columns = range.len() / rows;
            let view = View::new(&weights[range.clone()], rows, columns);
            Factor::new(network.shape.mode, if back { view.t() } else { view })
        };
        let (e, width) = (network.shape.embedding, network.shape.width);
        Self {
            input: pack(&network.input, e),
            recurrent: pack(&network.recurrent, width),
            output: pack(&network.output, width),
        }
    }
}

impl Factors {
    pub fn for_training(network: &Gru, weights: &[f32]) -> Self {
        Self { forward: Direction::new(network, weights, false), back: Direction::new(network, weights, true) }
    }
}

/// out = x·factor: x has `inputs` columns, `out` has `outputs`.
pub fn apply(factor: &Factor, x: &[f32], inputs: usize, out: &mut [f32], outputs: usize) {
    let rows = x.len() / inputs;
    factor.apply(View::new(x, rows, inputs), ViewMut::new(out, rows, outputs), Into::Replace);
}

/// The same, then the bias to every row of `out`.
pub fn linear(factor: &Factor, x: &[f32], inputs: usize, bias: &[f32], out: &mut [f32]) {
    apply(factor, x, inputs, out, bias.len());
    for row in out.chunks_exact_mut(bias.len()) {
        kernels::add(row, bias);
    }
}
