//! Answers of a transformer: whole contexts in chunks of rows and streams row by row are one function over a cache of
//! keys and values. Beyond the training context a row attends to the beginning and to the latest positions only, at
//! distances that training knew, so length costs linear time and stays causal.
use std::sync::Arc;

use tensor::kernels::{self, vectorised};
use tensor::matmul::{Into, View, ViewMut, multiply};

use super::{Layer, Transformer};
use crate::error::Error;
use crate::layout::BOS;
use crate::leaf::LEAF_BYTES;
use crate::model::{Predictor, Stream, check_extend};
use crate::softmax::leaves_of_logits;

/// Rows computed together: a scored span with its filler in one go, and few enough to stay in the caches.
const CHUNK: usize = 320;
/// Contexts that one thread computes one after the other in the same memory.
const BATCH: usize = 16;
/// Rows of one block of scores.
const BLOCK: usize = 64;

/// A transformer with the weights of one training step.
pub struct Snapshot {
    network: Arc<Transformer>,
    weights: Arc<Vec<f32>>,
}

/// Keys and values of the tokens so far, by layer, one row each.
struct Cache {
    layers: Vec<(Vec<f32>, Vec<f32>)>,
    rows: usize,
}

impl Cache {
    fn truncate(&mut self, rows: usize, width: usize) {
        for (keys, values) in &mut self.layers {
            keys.truncate(rows * width);
            values.truncate(rows * width);
        }
        self.rows = rows;
    }
}

/// Memory for one chunk of rows.
#[derive(Default)]
struct Work {
    x: Vec<f32>,
    normed: Vec<f32>,
    qkv: Vec<f32>,
    queries: Vec<f32>,
    keys: Vec<f32>,
    inverse: Vec<f32>,
    mixed: Vec<f32>,
    up: Vec<f32>,
    active: Vec<f32>,
    scores: Vec<f32>,
    sink: Vec<f32>,
    logits: Vec<f32>,
}

impl Work {
    fn fit(&mut self, rows: usize, network: &Transformer) {
        let (d, heads) = (network.shape.width, network.shape.heads);
        self.x.resize(rows * d, 0.0);
        self.normed.resize(rows * d, 0.0);
        self.qkv.resize(rows * 3 * d, 0.0);
        self.queries.resize(rows * d, 0.0);
        self.keys.resize(rows * d, 0.0);
        self.inverse.resize(rows * heads, 0.0);
        self.mixed.resize(rows * d, 0.0);
        self.up.resize(rows * 4 * d, 0.0);
        self.active.resize(rows * 4 * d, 0.0);
        self.sink.resize(network.head(), 0.0);
    }
}

impl Snapshot {
    pub fn new(network: Arc<Transformer>, weights: Arc<Vec<f32>>) -> Self {
        Self { network, weights }
    }

    fn cache(&self) -> Cache {
        Cache { layers: self.network.layers.iter().map(|_| (Vec::new(), Vec::new())).collect(), rows: 0 }
    }

    /// Computes the rows after `cache.rows` up to `text.len()` (row t sees the beginning and `text[..t]`), and writes the
    /// leaves of those from `from` on.
    fn run(&self, cache: &mut Cache, work: &mut Work, text: &[u8], from: usize, leaves: &mut [u8]) {
        let end = text.len() + 1;
        let mut leaves = leaves;
        while cache.rows < end {
            let start = cache.rows;
            let rows = CHUNK.min(end - start);
            self.chunk(cache, work, text, start, rows);
            let skip = from.saturating_sub(start).min(rows);
            if skip < rows {
                let (here, rest) = leaves.split_at_mut((rows - skip) * LEAF_BYTES);
                self.write(work, skip, rows, here);
                leaves = rest;
            }
        }
    }

    /// Rows `start..start + rows`: their residual ends in `work.x`, their keys and values in the cache.
    fn chunk(&self, cache: &mut Cache, work: &mut Work, text: &[u8], start: usize, rows: usize) {
        let (net, weights, d) = (&*self.network, &self.weights[..], self.network.shape.width);
        work.fit(rows, net);
        let embedding = &weights[net.embedding.clone()];
        for (r, x) in work.x.chunks_exact_mut(d).enumerate() {
            let token = (start + r).checked_sub(1).map_or(usize::from(BOS), |before| usize::from(text[before]));
            x.copy_from_slice(&embedding[token * d..][..d]);
        }
        for (layer, (keys, values)) in net.layers.iter().zip(&mut cache.layers) {
            kernels::rms_norm(&work.x, &weights[layer.norm.clone()], &mut work.normed, &mut work.inverse);
            net.apply(&work.normed, &weights[layer.qkv.clone()], &mut work.qkv, 3 * d, Into::Replace);
            self.extend(layer, work, start, keys, values);
            for h in 0..net.shape.heads {
                for first in (0..rows).step_by(BLOCK) {
                    self.block(work, h, start, first, BLOCK.min(rows - first), keys, values);
                }
            }
            net.apply(&work.mixed, &weights[layer.out.clone()], &mut work.x, d, Into::Add);
            kernels::rms_norm(&work.x, &weights[layer.mlp_norm.clone()], &mut work.normed, &mut work.inverse);
            net.apply(&work.normed, &weights[layer.up.clone()], &mut work.up, 4 * d, Into::Replace);
            kernels::gelu(&work.up, &mut work.active);
            net.apply(&work.active, &weights[layer.down.clone()], &mut work.x, d, Into::Add);
        }
        cache.rows = start + rows;
    }

    /// Places queries and keys, and appends keys and values to the cache.
    fn extend(&self, layer: &Layer, work: &mut Work, start: usize, keys: &mut Vec<f32>, values: &mut Vec<f32>) {
        let (net, d) = (&*self.network, self.network.shape.width);
        let Work { qkv, queries, keys: placed, inverse, .. } = work;
        net.place(qkv, 0, start, &self.weights[layer.query_norm.clone()], queries, inverse);
        net.place(qkv, 1, start, &self.weights[layer.key_norm.clone()], placed, inverse);
        keys.extend_from_slice(placed);
        for row in qkv.chunks_exact(3 * d) {
            values.extend_from_slice(&row[2 * d..]);
        }
    }

    /// Attention of one head for rows `first..first + count` of the chunk that begins at `start`.
    #[allow(clippy::too_many_arguments)] // the inner loop of `chunk`, split off for length
    fn block(&self, work: &mut Work, h: usize, start: usize, first: usize, count: usize, keys: &[f32], values: &[f32]) {
        let net = &*self.network;
        let (d, head, window, mode) = (net.shape.width, net.head(), net.shape.context, net.shape.mode);
        let at = h * head;
        let (begin, end) = (start + first, start + first + count);
        let low = oldest(begin, window);
        let seen = end - low;
        let Work { queries, mixed, scores, sink, .. } = work;
        scores.resize(scores.len().max(count * seen), 0.0);
        let scores = &mut scores[..count * seen];
        multiply(
            mode,
            View::strided(&queries[first * d + at..], count, head, d),
            View::strided(&keys[low * d + at..], seen, head, d).t(),
            ViewMut::new(scores, count, seen),
            Into::Replace,
        );
        let mut sinks = [0.0_f32; BLOCK];
        vectorised(
            #[inline(always)]
            || {
                for (r, row) in scores.chunks_exact_mut(seen).enumerate() {
                    let position = begin + r;
                    let from = oldest(position, window) - low;
                    let until = position + 1 - low;
                    let valid = &mut row[from..until];
                    let mut most = kernels::largest(valid);
                    let mut beginning = f32::NEG_INFINITY;
                    if position >= window {
                        // The beginning stays as far away as it ever was in training.
                        sink.copy_from_slice(&queries[(first + r) * d + at..][..head]);
                        net.rope.turn_back(position + 1 - window, sink);
                        beginning = kernels::dot(sink, &keys[at..][..head]);
                        most = most.max(beginning);
                    }
                    let mut sum = kernels::exp_sum(valid, most);
                    if position >= window {
                        sinks[r] = kernels::exp(beginning - most);
                        sum += sinks[r];
                    }
                    let scale = 1.0 / sum;
                    for p in valid {
                        *p *= scale;
                    }
                    sinks[r] *= scale;
                    row[..from].fill(0.0);
                    row[until..].fill(0.0);
                }
            },
        );
        multiply(
            mode,
            View::new(scores, count, seen),
            View::strided(&values[low * d + at..], seen, head, d),
            ViewMut::strided(&mut mixed[first * d + at..], count, head, d),
            Into::Replace,
        );
        for (r, &sink) in sinks.iter().enumerate().take(count).filter(|&(_, &sink)| sink > 0.0) {
            for (mixed, value) in mixed[(first + r) * d + at..][..head].iter_mut().zip(&values[at..]) {
                *mixed += sink * value;
            }
        }
    }

    /// Leaves of rows `skip..rows` of the chunk.
    fn write(&self, work: &mut Work, skip: usize, rows: usize, leaves: &mut [u8]) {
        let (net, d) = (&*self.network, self.network.shape.width);
        let count = rows - skip;
        let normed = &mut work.normed[..count * d];
        let norm = &self.weights[net.norm.clone()];
        kernels::rms_norm(&work.x[skip * d..], norm, normed, &mut work.inverse);
        work.logits.resize(count * 256, 0.0);
        let logits = &mut work.logits[..];
        net.logits(&self.weights, normed, logits);
        leaves_of_logits(logits, leaves);
    }
}

/// The oldest position in the window of `position`, the beginning apart once it has slid out.
fn oldest(position: usize, window: usize) -> usize {
    if position < window { 0 } else { position + 2 - window }
}

impl Predictor for Snapshot {
    fn predict(&self, context: &[u8], from: usize) -> Vec<u8> {
        self.predict_together(&[(context, from)]).swap_remove(0)
    }

    fn batch(&self) -> usize {
        BATCH
    }

    fn predict_together(&self, contexts: &[(&[u8], usize)]) -> Vec<Vec<u8>> {
        let (mut cache, mut work) = (self.cache(), Work::default());
        let answer = |&(context, from): &(&[u8], usize)| {
            cache.truncate(0, self.network.shape.width);
            let mut leaves = vec![0; (context.len() - from + 1) * LEAF_BYTES];
            self.run(&mut cache, &mut work, context, from, &mut leaves);
            leaves
        };
        contexts.iter().map(answer).collect()
    }

    fn open(self: Arc<Self>) -> Box<dyn Stream> {
        let cache = self.cache();
        Box::new(TransformerStream { snapshot: self, cache, work: Work::default(), bytes: Vec::new() })
    }
}

struct TransformerStream {
    snapshot: Arc<Snapshot>,
    cache: Cache,
    work: Work,
    bytes: Vec<u8>,
}

impl Stream for TransformerStream {
    fn extend(&mut self, position: usize, bytes: &[u8], want: usize) -> Result<Vec<u8>, Error> {
        check_extend(self.bytes.len(), position, bytes.len(), want)?;
        self.bytes.truncate(position);
        self.bytes.extend_from_slice(bytes);
        // Rows whose leaves are wanted are computed anew: only keys and values of earlier ones are kept.
        let from = self.bytes.len() + 1 - want;
        let rows = self.cache.rows.min(position + 1).min(from);
        self.cache.truncate(rows, self.snapshot.network.shape.width);
        let mut leaves = vec![0; want * LEAF_BYTES];
        self.snapshot.run(&mut self.cache, &mut self.work, &self.bytes, from, &mut leaves);
        Ok(leaves)
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }
}
