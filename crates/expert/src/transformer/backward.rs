//! The backward pass, from the probabilities that `forward` left down to the embedding. Gradients are of the summed
//! loss in nats and are added to what is there.
use crate::target::{Into, ViewMut};
use tensor::kernels::{self, vectorised};
use tensor::view::View;

use super::factors::{Factors, LayerFactors, apply};
use super::forward::{Kept, Workspace, token_before};
use super::{Layer, Transformer, attention};
use crate::product::multiply;

impl Transformer {
    /// Adds the gradient for `window`, whose forward pass filled `work`.
    pub fn backward(
        &self,
        weights: &[f32],
        factors: &Factors,
        window: &[u8],
        work: &mut Workspace,
        gradient: &mut [f32],
    ) {
        let (rows, d) = (window.len(), self.shape.width);
        let Workspace {
            kept,
            x,
            normed,
            inverse,
            probabilities,
            scores,
            dx,
            dnormed,
            dup,
            dmixed,
            dqkv,
            dqueries,
            dkeys,
        } = work;
        let dlogits = &mut probabilities[..rows * 256];
        for (row, &byte) in dlogits.chunks_exact_mut(256).zip(window) {
            row[usize::from(byte)] -= 1.0;
        }
        self.weight_gradient(256, dlogits, &normed[..rows * d], &mut gradient[self.embedding.clone()][..256 * d]);
        apply(&factors.back.bytes, dlogits, 256, &mut dnormed[..rows * d], d, Into::Replace);
        let dx = &mut dx[..rows * d];
        dx.fill(0.0);
        let norm = self.norm.clone();
        kernels::rms_norm_backward(
            &x[..rows * d],
            &weights[norm.clone()],
            inverse,
            &dnormed[..rows * d],
            dx,
            &mut gradient[norm],
        );
        for ((layer, factors), kept) in self.layers.iter().zip(&factors.back.layers).zip(kept).rev() {
            let mut down = Down { dx: &mut *dx, dnormed: &mut dnormed[..rows * d], gradient: &mut *gradient };
            self.mlp_backward(weights, layer, factors, kept, &mut dup[..rows * 4 * d], &mut down);
            let dmixed = &mut dmixed[..rows * d];
            apply(&factors.out, down.dx, d, dmixed, d, Into::Replace);
            self.weight_gradient(d, &kept.mixed[..rows * d], down.dx, &mut down.gradient[layer.out.clone()]);
            let dqkv = &mut dqkv[..rows * 3 * d];
            dqkv.fill(0.0);
            dkeys[..rows * d].fill(0.0);
            let seen = attention::Seen {
                queries: &kept.queries,
                keys: &kept.keys,
                qkv: &kept.qkv,
                mixed: &kept.mixed,
                log_sums: &kept.log_sums,
                dmixed,
            };
            let size = attention::Size { rows, heads: self.shape.heads, head: self.head(), mode: self.shape.mode };
            attention::backward(size, &seen, scores, dqueries, dkeys, dqkv);
            self.place_backward(weights, layer, kept, dqueries, dkeys, dqkv, down.gradient);
            self.weight_gradient(d, &kept.normed[..rows * d], dqkv, &mut down.gradient[layer.qkv.clone()]);
            apply(&factors.qkv, dqkv, 3 * d, down.dnormed, d, Into::Replace);
            let norm = layer.norm.clone();
            let dgain = &mut down.gradient[norm.clone()];
            kernels::rms_norm_backward(
                &kept.x[..rows * d],
                &weights[norm],
                &kept.inverse,
                down.dnormed,
                down.dx,
                dgain,
            );
        }
        let dembedding = &mut gradient[self.embedding.clone()];
        for (t, dx) in dx.chunks_exact(d).enumerate() {
            kernels::add(&mut dembedding[token_before(window, t) * d..][..d], dx);
        }
    }

    /// Through x += gelu(norm(x)·up)·down.
    fn mlp_backward(
        &self,
        weights: &[f32],
        layer: &Layer,
        factors: &LayerFactors,
        kept: &Kept,
        dup: &mut [f32],
        down: &mut Down,
    ) {
        let (wide, narrow, d) = (dup.len(), down.dx.len(), self.shape.width);
        apply(&factors.down, down.dx, d, dup, 4 * d, Into::Replace);
        self.weight_gradient(4 * d, &kept.active[..wide], down.dx, &mut down.gradient[layer.down.clone()]);
        kernels::multiply(dup, &kept.slope[..wide]);
        self.weight_gradient(d, &kept.mlp_normed[..narrow], dup, &mut down.gradient[layer.up.clone()]);
        apply(&factors.up, dup, 4 * d, down.dnormed, d, Into::Replace);
        let norm = layer.mlp_norm.clone();
        let dgain = &mut down.gradient[norm.clone()];
        kernels::rms_norm_backward(
            &kept.middle[..narrow],
            &weights[norm],
            &kept.mlp_inverse,
            down.dnormed,
            down.dx,
            dgain,
        );
    }

    /// dw += xᵀ·dy, where y = x·w and x has `inputs` columns.
    fn weight_gradient(&self, inputs: usize, x: &[f32], dy: &[f32], dw: &mut [f32]) {
        let (rows, outputs) = (x.len() / inputs, dw.len() / inputs);
        multiply(
            self.shape.mode,
            View::new(x, rows, inputs).t(),
            View::new(dy, rows, outputs),
            ViewMut::new(dw, inputs, outputs),
            Into::Add,
        );
    }

    /// Gradients of turned and normed queries and keys become those of the first two thirds of `dqkv`.
    #[allow(clippy::too_many_arguments)] // one step of the pass above, split off for length
    fn place_backward(
        &self,
        weights: &[f32],
        layer: &Layer,
        kept: &Kept,
        dqueries: &mut [f32],
        dkeys: &mut [f32],
        dqkv: &mut [f32],
        gradient: &mut [f32],
    ) {
        let (d, head, heads) = (self.shape.width, self.head(), self.shape.heads);
        let parts = [
            (0, dqueries, &kept.query_inverse, layer.query_norm.clone(), 1.0 / (head as f32).sqrt()),
            (1, dkeys, &kept.key_inverse, layer.key_norm.clone(), 1.0),
        ];
        for (part, placed, inverse, norm, scale) in parts {
            let gain = &weights[norm.clone()];
            let dgain = &mut gradient[norm];
            vectorised(
                #[inline(always)]
                || {
                    for (t, placed) in placed.chunks_exact_mut(d).enumerate().take(dqkv.len() / (3 * d)) {
                        for dy in placed.chunks_exact_mut(head) {
                            self.rope.turn_back(t, scale, dy);
                        }
                    }
                    let rows = kept.qkv.chunks_exact(3 * d).zip(dqkv.chunks_exact_mut(3 * d));
                    for (t, ((x, dx), placed)) in rows.zip(placed.chunks_exact(d)).enumerate() {
                        for (h, dy) in placed.chunks_exact(head).enumerate() {
                            let at = part * d + h * head;
                            let (x, dx) = (&x[at..][..head], &mut dx[at..][..head]);
                            kernels::norm_row_backward(x, gain, inverse[t * heads + h], dy, dx, dgain);
                        }
                    }
                },
            );
        }
    }
}

/// What every step of the pass passes down: the residual's gradient, room for a norm's, and the sums.
struct Down<'a> {
    dx: &'a mut [f32],
    dnormed: &'a mut [f32],
    gradient: &'a mut [f32],
}
