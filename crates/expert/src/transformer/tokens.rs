//! What the first layer makes of each token before it knows the position: there are few tokens and many rows, and a row of
//! the first layer has seen nothing but its token.
use tensor::kernels;

use super::Transformer;
use super::factors::{Direction, apply};
use crate::layout::VOCABULARY;
use crate::target::Into;

/// Queries and keys of the first layer at position 0, which turns nothing, and its values.
pub struct Tokens {
    /// A row of 3·width for each token.
    rows: Vec<f32>,
    width: usize,
}

impl Tokens {
    pub fn new(network: &Transformer, weights: &[f32], factors: &Direction) -> Self {
        let (d, heads) = (network.shape.width, network.shape.heads);
        let (layer, factors) = (&network.layers[0], &factors.layers[0]);
        let mut normed = vec![0.0; VOCABULARY * d];
        let mut inverse = vec![0.0; VOCABULARY];
        let embedding = &weights[network.embedding.clone()];
        kernels::rms_norm(embedding, &weights[layer.norm.clone()], &mut normed, &mut inverse);
        let mut rows = vec![0.0; VOCABULARY * 3 * d];
        apply(&factors.qkv, &normed, d, &mut rows, 3 * d, Into::Replace);
        let mut placed = vec![0.0; d];
        let mut inverse = vec![0.0; heads];
        for row in rows.chunks_exact_mut(3 * d) {
            for (part, gain) in [&layer.query_norm, &layer.key_norm].into_iter().enumerate() {
                network.place(row, part, 0, &weights[gain.clone()], &mut placed, &mut inverse);
                row[part * d..][..d].copy_from_slice(&placed);
            }
        }
        Self { rows, width: d }
    }

    /// Queries and keys side by side, then values.
    pub fn of(&self, token: usize) -> (&[f32], &[f32]) {
        self.rows[token * 3 * self.width..][..3 * self.width].split_at(2 * self.width)
    }
}
