//! Causal attention of training, by blocks of 32 queries that lie across the vectors: scores of a block against the keys
//! up to its last, a row for each key; softmax down the columns; and the weighted sum of values. Nothing is reduced
//! within a vector. Backward recomputes the scores instead of keeping them, so that a block stays in the caches.
//!
//! With Q the queries (already scaled by 1/√head), K, V of one head, rows being positions:
//! S = Q·Kᵀ below and on the diagonal, P = softmax of each row of S, O = P·V. Backward, from dO:
//! dV = Pᵀ·dO, dP = dO·Vᵀ, dS = P∘(dP − rowsum(dO∘O)), dQ = dS·K, dK = dSᵀ·Q.
use crate::target::{Into, ViewMut};
use tensor::kernels::{self, vectorised};
use tensor::mode::Mode;
use tensor::view::View;

use crate::pointwise::{BLOCK, Columns, softmax, softmax_backward};
use crate::product::multiply;

/// What the tensors mean: rows of `heads`·`head` numbers.
#[derive(Clone, Copy)]
pub struct Size {
    pub rows: usize,
    pub heads: usize,
    pub head: usize,
    pub mode: Mode,
}

impl Size {
    fn width(self) -> usize {
        self.heads * self.head
    }
}

/// Scores of one block and their gradients, a row for each key; and one head's numbers of the block's queries, a row
/// for each of them.
pub struct Scratch {
    scores: Vec<Columns>,
    gradients: Vec<Columns>,
    across: Vec<Columns>,
}

impl Scratch {
    pub fn new(rows: usize, head: usize) -> Self {
        let zeros = |rows| vec![[0.0; BLOCK]; rows];
        Self { scores: zeros(rows), gradients: zeros(rows), across: zeros(head) }
    }
}

/// Turns `count` rows of one head, `stride` apart, into columns; columns beyond them are zero.
pub fn across(rows: &[f32], stride: usize, count: usize, columns: &mut [Columns]) {
    for (c, column) in columns.iter_mut().enumerate() {
        for (q, value) in column[..count].iter_mut().enumerate() {
            *value = rows[q * stride + c];
        }
        column[count..].fill(0.0);
    }
}

/// Rows `first..` of a block whose first query is at `first` mean later positions than the query in lane i < j.
pub fn mask(rows: &mut [Columns], value: f32) {
    for (j, row) in rows.iter_mut().enumerate() {
        row[..j].fill(value);
    }
}

/// mixed = softmax(queries·keysᵀ)·values, by head. Values are the last third of each row of `qkv`; `queries` are scaled.
pub fn forward(
    size: Size,
    queries: &[f32],
    keys: &[f32],
    qkv: &[f32],
    scratch: &mut Scratch,
    mixed: &mut [f32],
    log_sums: &mut [f32],
) {
    let (d, mode) = (size.width(), size.mode);
    let Scratch { scores, across: turned, .. } = scratch;
    for h in 0..size.heads {
        let at = h * size.head;
        for first in (0..size.rows).step_by(BLOCK) {
            let count = BLOCK.min(size.rows - first);
            let seen = first + count;
            across(&queries[first * d + at..], d, count, turned);
            let scores = &mut scores[..seen];
            let key_view = View::strided(&keys[at..], seen, size.head, d);
            let query_view = View::new(turned.as_flattened(), size.head, BLOCK);
            multiply(mode, key_view, query_view, ViewMut::new(scores.as_flattened_mut(), seen, BLOCK), Into::Replace);
            mask(&mut scores[first..], f32::NEG_INFINITY);
            let (mut most, mut sums) = ([f32::NEG_INFINITY; BLOCK], [0.0; BLOCK]);
            softmax(mode, scores, &mut most, &mut sums);
            mask(&mut scores[first..], 0.0);
            let values = View::strided(&qkv[2 * d + at..], seen, size.head, 3 * d);
            let mixed = &mut mixed[first * d + at..];
            let weights = View::strided(scores.as_flattened(), seen, count, BLOCK).t();
            multiply(mode, weights, values, ViewMut::strided(mixed, count, size.head, d), Into::Replace);
            let log_sums = &mut log_sums[h * size.rows + first..][..count];
            let rows = mixed.chunks_mut(d).zip(log_sums).zip(most.iter().zip(&sums));
            for ((row, log_sum), (most, &sum)) in rows {
                let factor = 1.0 / sum;
                row[..size.head].iter_mut().for_each(|value| *value *= factor);
                *log_sum = most + kernels::ln(sum);
            }
        }
    }
}

/// What the backward pass reads, as `forward` left it, and the gradient of `mixed`.
pub struct Seen<'a> {
    pub queries: &'a [f32],
    pub keys: &'a [f32],
    pub qkv: &'a [f32],
    pub mixed: &'a [f32],
    pub log_sums: &'a [f32],
    pub dmixed: &'a [f32],
}

/// Fills `dqueries` and `dkeys`, and the last third of each row of `dqkv`, which must be zero on entry like `dkeys`.
pub fn backward(
    size: Size,
    seen: &Seen,
    scratch: &mut Scratch,
    dqueries: &mut [f32],
    dkeys: &mut [f32],
    dqkv: &mut [f32],
) {
    let (d, head, mode) = (size.width(), size.head, size.mode);
    let Scratch { scores, gradients, across: turned } = scratch;
    for h in 0..size.heads {
        let at = h * head;
        for first in (0..size.rows).step_by(BLOCK) {
            let count = BLOCK.min(size.rows - first);
            let keys = first + count;
            let (p, g) = (&mut scores[..keys], &mut gradients[..keys]);
            let key_view = View::strided(&seen.keys[at..], keys, head, d);
            let value_view = View::strided(&seen.qkv[2 * d + at..], keys, head, 3 * d);
            across(&seen.queries[first * d + at..], d, count, turned);
            let turned_view = View::new(turned.as_flattened(), head, BLOCK);
            multiply(mode, key_view, turned_view, ViewMut::new(p.as_flattened_mut(), keys, BLOCK), Into::Replace);
            across(&seen.dmixed[first * d + at..], d, count, turned);
            let turned_view = View::new(turned.as_flattened(), head, BLOCK);
            multiply(mode, value_view, turned_view, ViewMut::new(g.as_flattened_mut(), keys, BLOCK), Into::Replace);
            let (mut log_sums, mut pull) = ([0.0; BLOCK], [0.0; BLOCK]);
            log_sums[..count].copy_from_slice(&seen.log_sums[h * size.rows + first..][..count]);
            vectorised(
                #[inline(always)]
                || {
                    for (q, pull) in pull[..count].iter_mut().enumerate() {
                        let place = (first + q) * d + at;
                        *pull = kernels::dot(&seen.dmixed[place..][..head], &seen.mixed[place..][..head]);
                    }
                },
            );
            softmax_backward(mode, p, g, &log_sums, &pull);
            mask(&mut p[first..], 0.0);
            mask(&mut g[first..], 0.0);
            let (p, g) = (View::strided(p.as_flattened(), keys, count, BLOCK), g.as_flattened());
            let dmixed = View::strided(&seen.dmixed[first * d + at..], count, head, d);
            multiply(mode, p, dmixed, ViewMut::strided(&mut dqkv[2 * d + at..], keys, head, 3 * d), Into::Add);
            let queries = View::strided(&seen.queries[first * d + at..], count, head, d);
            let dkeys = ViewMut::strided(&mut dkeys[at..], keys, head, d);
            multiply(mode, View::strided(g, keys, count, BLOCK), queries, dkeys, Into::Add);
            let dqueries = ViewMut::strided(&mut dqueries[first * d + at..], count, head, d);
            multiply(mode, View::strided(g, keys, count, BLOCK).t(), key_view, dqueries, Into::Replace);
        }
    }
}
