//! Causal attention of training, by blocks of rows: scores of a block against the keys up to it, softmax, and the
//! weighted sum of values. Backward recomputes the scores instead of keeping them, so a block stays in the caches.
use tensor::kernels::{self, vectorised};
use tensor::matmul::{Into, Mode, View, ViewMut, multiply};

/// Rows of one block: of the scores above the diagonal, computed in vain, an eighth at 256 positions.
const BLOCK: usize = 64;

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

/// Scores of one block and their gradients.
pub struct Scratch {
    scores: Vec<f32>,
    gradients: Vec<f32>,
}

impl Scratch {
    pub fn new(rows: usize) -> Self {
        Self { scores: vec![0.0; BLOCK * rows], gradients: vec![0.0; BLOCK * rows] }
    }
}

/// Scores of rows `first..first + count` against the keys up to the last of them.
fn scores(size: Size, first: usize, count: usize, at: usize, queries: &[f32], keys: &[f32], out: &mut [f32]) {
    let (d, seen) = (size.width(), first + count);
    multiply(
        size.mode,
        View::strided(&queries[first * d + at..], count, size.head, d),
        View::strided(&keys[at..], seen, size.head, d).t(),
        ViewMut::new(out, count, seen),
        Into::Replace,
    );
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
    let d = size.width();
    for h in 0..size.heads {
        let at = h * size.head;
        let log_sums = &mut log_sums[h * size.rows..][..size.rows];
        for first in (0..size.rows).step_by(BLOCK) {
            let count = BLOCK.min(size.rows - first);
            let seen = first + count;
            let block = &mut scratch.scores[..count * seen];
            scores(size, first, count, at, queries, keys, block);
            vectorised(
                #[inline(always)]
                || {
                    for (r, row) in block.chunks_exact_mut(seen).enumerate() {
                        let (valid, rest) = row.split_at_mut(first + r + 1);
                        let most = kernels::largest(valid);
                        let sum = kernels::exp_sum(valid, most);
                        log_sums[first + r] = most + kernels::ln(sum);
                        let scale = 1.0 / sum;
                        for p in valid {
                            *p *= scale;
                        }
                        rest.fill(0.0);
                    }
                },
            );
            multiply(
                size.mode,
                View::new(block, count, seen),
                View::strided(&qkv[2 * d + at..], seen, size.head, 3 * d),
                ViewMut::strided(&mut mixed[first * d + at..], count, size.head, d),
                Into::Replace,
            );
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
    let d = size.width();
    for h in 0..size.heads {
        let at = h * size.head;
        let log_sums = &seen.log_sums[h * size.rows..][..size.rows];
        for first in (0..size.rows).step_by(BLOCK) {
            let count = BLOCK.min(size.rows - first);
            let keys = first + count;
            let probabilities = &mut scratch.scores[..count * keys];
            let gradients = &mut scratch.gradients[..count * keys];
            scores(size, first, count, at, seen.queries, seen.keys, probabilities);
            let dmixed = View::strided(&seen.dmixed[first * d + at..], count, size.head, d);
            let values = View::strided(&seen.qkv[2 * d + at..], keys, size.head, 3 * d);
            multiply(size.mode, dmixed, values.t(), ViewMut::new(gradients, count, keys), Into::Replace);
            vectorised(
                #[inline(always)]
                || {
                    let rows = probabilities.chunks_exact_mut(keys).zip(gradients.chunks_exact_mut(keys));
                    for (r, (p, g)) in rows.enumerate() {
                        let place = (first + r) * d + at;
                        let pull = kernels::dot(&seen.dmixed[place..][..size.head], &seen.mixed[place..][..size.head]);
                        softmax_row_backward(p, g, first + r + 1, log_sums[first + r], pull);
                    }
                },
            );
            let (p, g) = (View::new(probabilities, count, keys), View::new(gradients, count, keys));
            let dvalues = ViewMut::strided(&mut dqkv[2 * d + at..], keys, size.head, 3 * d);
            multiply(size.mode, p.t(), dmixed, dvalues, Into::Add);
            let key_view = View::strided(&seen.keys[at..], keys, size.head, d);
            let dquery_view = ViewMut::strided(&mut dqueries[first * d + at..], count, size.head, d);
            multiply(size.mode, g, key_view, dquery_view, Into::Replace);
            let query_view = View::strided(&seen.queries[first * d + at..], count, size.head, d);
            multiply(size.mode, g.t(), query_view, ViewMut::strided(&mut dkeys[at..], keys, size.head, d), Into::Add);
        }
    }
}

/// Scores become probabilities, and their gradients those of the scores; zero beyond `valid`.
#[inline(always)]
fn softmax_row_backward(p: &mut [f32], g: &mut [f32], valid: usize, log_sum: f32, pull: f32) {
    for (p, g) in p[..valid].iter_mut().zip(&mut g[..valid]) {
        *p = kernels::exp(*p - log_sum);
        *g = *p * (*g - pull);
    }
    p[valid..].fill(0.0);
    g[valid..].fill(0.0);
}
