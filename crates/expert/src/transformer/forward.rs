//! The forward pass of training: one window of the text, everything kept that the backward pass needs.
use crate::target::Into;
use tensor::kernels::{self, vectorised};

use super::factors::{Factors, LayerFactors, apply};
use super::{Shape, Transformer, attention};
use crate::layout::BOS;
use crate::pointwise::gelu;
use crate::softmax::softmax_loss;

/// What one layer keeps of a window. Rows are positions.
#[derive(Default)]
pub struct Kept {
    /// The residual on entry and between attention and MLP.
    pub x: Vec<f32>,
    pub middle: Vec<f32>,
    pub normed: Vec<f32>,
    pub inverse: Vec<f32>,
    pub qkv: Vec<f32>,
    pub queries: Vec<f32>,
    pub keys: Vec<f32>,
    /// 1/rms of each query and key, heads side by side.
    pub query_inverse: Vec<f32>,
    pub key_inverse: Vec<f32>,
    pub mixed: Vec<f32>,
    /// ln of the sum of each row's exponentials, by head, then row.
    pub log_sums: Vec<f32>,
    pub mlp_normed: Vec<f32>,
    pub mlp_inverse: Vec<f32>,
    /// x·up became the slope of GELU there.
    pub slope: Vec<f32>,
    pub active: Vec<f32>,
}

/// One thread's memory for windows of one length at most.
pub struct Workspace {
    pub kept: Vec<Kept>,
    /// The last residual, its norm, and then the probabilities of each position.
    pub x: Vec<f32>,
    pub normed: Vec<f32>,
    pub inverse: Vec<f32>,
    pub probabilities: Vec<f32>,
    pub scores: attention::Scratch,
    /// Gradients on the way down: of the residual, of a norm's output, of the wide part of the MLP, of attention.
    pub dx: Vec<f32>,
    pub dnormed: Vec<f32>,
    pub dup: Vec<f32>,
    pub dmixed: Vec<f32>,
    pub dqkv: Vec<f32>,
    pub dqueries: Vec<f32>,
    pub dkeys: Vec<f32>,
}

impl Workspace {
    pub fn new(shape: &Shape) -> Self {
        let (t, d, heads) = (shape.context, shape.width, shape.heads);
        let zeros = |n: usize| vec![0.0_f32; n];
        let kept = (0..shape.layers)
            .map(|_| Kept {
                x: zeros(t * d),
                middle: zeros(t * d),
                normed: zeros(t * d),
                inverse: zeros(t),
                qkv: zeros(t * 3 * d),
                queries: zeros(t * d),
                keys: zeros(t * d),
                query_inverse: zeros(t * heads),
                key_inverse: zeros(t * heads),
                mixed: zeros(t * d),
                log_sums: zeros(t * heads),
                mlp_normed: zeros(t * d),
                mlp_inverse: zeros(t),
                slope: zeros(t * 4 * d),
                active: zeros(t * 4 * d),
            })
            .collect();
        Self {
            kept,
            x: zeros(t * d),
            normed: zeros(t * d),
            inverse: zeros(t),
            probabilities: zeros(t * 256),
            scores: attention::Scratch::new(t, d / heads),
            dx: zeros(t * d),
            dnormed: zeros(t * d),
            dup: zeros(t * 4 * d),
            dmixed: zeros(t * d),
            dqkv: zeros(t * 3 * d),
            dqueries: zeros(t * d),
            dkeys: zeros(t * d),
        }
    }
}

/// The token before byte t of a window: its beginning, then the byte before.
pub fn token_before(window: &[u8], t: usize) -> usize {
    if t == 0 { usize::from(BOS) } else { usize::from(window[t - 1]) }
}

impl Transformer {
    /// Fills the workspace for `window` (at most the training context) and gives the summed loss in nats.
    pub fn forward(&self, weights: &[f32], factors: &Factors, window: &[u8], work: &mut Workspace) -> f64 {
        let (rows, d) = (window.len(), self.shape.width);
        let embedding = &weights[self.embedding.clone()];
        for (t, x) in work.x.chunks_exact_mut(d).enumerate().take(rows) {
            x.copy_from_slice(&embedding[token_before(window, t) * d..][..d]);
        }
        let Workspace { kept, x, normed, inverse, probabilities, scores, .. } = work;
        let x = &mut x[..rows * d];
        for ((layer, factors), kept) in self.layers.iter().zip(&factors.forward.layers).zip(kept) {
            kept.x[..rows * d].copy_from_slice(x);
            self.attend(weights, layer, factors, kept, scores, x);
            kept.middle[..rows * d].copy_from_slice(x);
            let norm = &mut kept.mlp_normed[..rows * d];
            kernels::rms_norm(x, &weights[layer.mlp_norm.clone()], norm, &mut kept.mlp_inverse);
            let up = &mut kept.slope[..rows * 4 * d];
            apply(&factors.up, norm, d, up, 4 * d, Into::Replace);
            let active = &mut kept.active[..rows * 4 * d];
            gelu(self.shape.mode, up, active);
            apply(&factors.down, active, 4 * d, x, d, Into::Add);
        }
        let normed = &mut normed[..rows * d];
        kernels::rms_norm(x, &weights[self.norm.clone()], normed, inverse);
        let probabilities = &mut probabilities[..rows * 256];
        apply(&factors.forward.bytes, normed, d, probabilities, 256, Into::Replace);
        softmax_loss(self.shape.mode, probabilities, window)
    }

    /// x += attention(norm(x)).
    fn attend(
        &self,
        weights: &[f32],
        layer: &super::Layer,
        factors: &LayerFactors,
        kept: &mut Kept,
        scores: &mut attention::Scratch,
        x: &mut [f32],
    ) {
        let d = self.shape.width;
        let rows = x.len() / d;
        let normed = &mut kept.normed[..rows * d];
        kernels::rms_norm(x, &weights[layer.norm.clone()], normed, &mut kept.inverse);
        let qkv = &mut kept.qkv[..rows * 3 * d];
        apply(&factors.qkv, normed, d, qkv, 3 * d, Into::Replace);
        self.place(qkv, 0, 0, &weights[layer.query_norm.clone()], &mut kept.queries, &mut kept.query_inverse);
        self.place(qkv, 1, 0, &weights[layer.key_norm.clone()], &mut kept.keys, &mut kept.key_inverse);
        let size = attention::Size { rows, heads: self.shape.heads, head: self.head(), mode: self.shape.mode };
        attention::forward(size, &kept.queries, &kept.keys, qkv, scores, &mut kept.mixed, &mut kept.log_sums);
        apply(&factors.out, &kept.mixed[..rows * d], d, x, d, Into::Add);
    }

    /// Norms and turns the queries (`part` 0) or keys (1) of each row of `qkv`; the first row is at position `start`.
    /// Queries also take the 1/√head of attention.
    pub(super) fn place(
        &self,
        qkv: &[f32],
        part: usize,
        start: usize,
        gain: &[f32],
        out: &mut [f32],
        inverse: &mut [f32],
    ) {
        let (d, head) = (self.shape.width, self.head());
        let scale = if part == 0 { 1.0 / (head as f32).sqrt() } else { 1.0 };
        let heads = self.shape.heads;
        vectorised(
            #[inline(always)]
            || {
                let rows = || qkv.chunks_exact(3 * d).map(|row| &row[part * d..][..d]);
                for (row, squares) in rows().zip(inverse.chunks_exact_mut(heads)) {
                    for (x, square) in row.chunks_exact(head).zip(squares) {
                        *square = kernels::dot(x, x);
                    }
                }
                // All roots together: one vector of them takes little longer than one root.
                for inverse in &mut inverse[..qkv.len() / (3 * d) * heads] {
                    *inverse = 1.0 / (*inverse / head as f32 + kernels::NORM_FLOOR).sqrt();
                }
                let places = out.chunks_exact_mut(d).zip(inverse.chunks_exact(heads)).enumerate();
                for (row, (t, (out, inverse))) in rows().zip(places) {
                    for ((x, out), &r) in row.chunks_exact(head).zip(out.chunks_exact_mut(head)).zip(inverse) {
                        kernels::norm_row(x, gain, r, out);
                    }
                    for out in out.chunks_exact_mut(head) {
                        self.rope.turn(start + t, scale, out);
                    }
                }
            },
        );
    }
}
