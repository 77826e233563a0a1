//! The tensors of weights that rows are multiplied by, packed for it once per training step.
use std::ops::Range;

use crate::target::{Into, ViewMut};
use tensor::view::View;

use super::Transformer;
use crate::product::Factor;

/// The factors of one layer.
pub struct LayerFactors {
    pub qkv: Factor,
    pub out: Factor,
    pub up: Factor,
    pub down: Factor,
}

/// Factors of one direction.
pub struct Direction {
    pub layers: Vec<LayerFactors>,
    /// The embedding of the 256 bytes: its transpose gives logits forward, itself their gradients' way back.
    pub bytes: Factor,
}

/// Factors of both directions; back, each is the transpose of the one forward.
pub struct Factors {
    pub forward: Direction,
    pub back: Direction,
}

impl Direction {
    /// Packs the weights of `network`, transposed when `back`.
    pub fn new(network: &Transformer, weights: &[f32], back: bool) -> Self {
        let mode = network.shape.mode;
        let d = network.shape.width;
        let pack = |range: &Range<usize>, rows: usize| {
            let columns = range.len() / rows;
            let view = View::new(&weights[range.clone()], rows, columns);
            Factor::new(mode, if back { view.t() } else { view })
        };
        let layers = network.layers.iter().map(|layer| LayerFactors {
            qkv: pack(&layer.qkv, d),
            out: pack(&layer.out, d),
            up: pack(&layer.up, d),
            down: pack(&layer.down, 4 * d),
        });
        let bytes = View::new(&weights[network.embedding.clone()][..256 * d], 256, d);
        Self { layers: layers.collect(), bytes: Factor::new(mode, if back { bytes } else { bytes.t() }) }
    }
}

impl Factors {
    pub fn for_training(network: &Transformer, weights: &[f32]) -> Self {
        Self { forward: Direction::new(network, weights, false), back: Direction::new(network, weights, true) }
    }
}

/// out = x·factor or out += x·factor: x has `inputs` columns, `out` has `outputs`.
pub fn apply(factor: &Factor, x: &[f32], inputs: usize, out: &mut [f32], outputs: usize, into: Into) {
    let rows = x.len() / inputs;
    factor.apply(View::new(x, rows, inputs), ViewMut::new(out, rows, outputs), into);
}
