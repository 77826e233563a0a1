//! Answers of a transformer: whole contexts in chunks of rows and streams row by row are one function over a cache of
//! keys and values, and a row has the same bits alone and in a block. Beyond the training context a row attends to the
//! beginning and to the latest positions only, at distances that training knew, so length costs linear time and stays
//! causal.
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::target::{Into, ViewMut};
use tensor::kernels;
use tensor::view::View;

use super::attention::{across, mask};
use super::cache::{Cache, LayerCache};
use super::factors::{Direction, apply};
use super::{Layer, Transformer};
use crate::error::Error;
use crate::layout::BOS;
use crate::leaf::LEAF_BYTES;
use crate::model::{Predictor, Stream, check_extend};
use crate::pointwise::{BLOCK, Columns, gelu_in_place, softmax, softmax_row};
use crate::product::multiply;
use crate::softmax::leaves_of_logits;

/// Rows computed together: a scored span with its filler in one go, and few enough to stay in the caches.
const CHUNK: usize = 320;
/// Tokens of the largest cache that is kept for the next context: more than the longest that the network asks for.
const KEPT_ROWS: usize = 5_000;
/// Fewer rows than this are computed one by one: a block would waste most of its lanes.
const FEW: usize = 6;
/// Sums over keys are sixteen running sums, so what is seen begins at a multiple of that for every row.
const LANES: usize = kernels::LANES;

/// A transformer with the weights of one training step.
pub struct Snapshot {
    network: Arc<Transformer>,
    weights: Arc<Vec<f32>>,
    /// Packed when first asked: most steps of training answer nothing.
    factors: OnceLock<Direction>,
    /// Memory of contexts that were answered: fresh pages cost a short one a tenth of its time.
    spare: Mutex<Vec<(Cache, Work)>>,
}

/// Memory for one chunk of rows.
#[derive(Default)]
struct Work {
    x: Vec<f32>,
    normed: Vec<f32>,
    qkv: Vec<f32>,
    queries: Vec<f32>,
    inverse: Vec<f32>,
    mixed: Vec<f32>,
    up: Vec<f32>,
    scores: Vec<Columns>,
    turned: Vec<Columns>,
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
        self.inverse.resize(rows * heads, 0.0);
        self.mixed.resize(rows * d, 0.0);
        self.up.resize(rows * 4 * d, 0.0);
        self.turned.resize(network.head(), [0.0; BLOCK]);
        self.sink.resize(network.head(), 0.0);
    }
}

/// One head of one layer: what its rows attend to.
struct Head<'a> {
    network: &'a Transformer,
    at: usize,
    layer: &'a LayerCache,
    /// Position of the chunk's first row.
    start: usize,
}

impl Snapshot {
    pub fn new(network: Arc<Transformer>, weights: Arc<Vec<f32>>) -> Self {
        Self { network, weights, factors: OnceLock::new(), spare: Mutex::default() }
    }

    fn cache(&self) -> Cache {
        Cache::new(self.network.layers.len())
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

    fn factors(&self) -> &Direction {
        self.factors.get_or_init(|| Direction::new(&self.network, &self.weights, false))
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
        let few = (1..FEW).contains(&(rows % BLOCK));
        for ((layer, factors), cached) in net.layers.iter().zip(&self.factors().layers).zip(&mut cache.layers) {
            kernels::rms_norm(&work.x, &weights[layer.norm.clone()], &mut work.normed, &mut work.inverse);
            apply(&factors.qkv, &work.normed, d, &mut work.qkv, 3 * d, Into::Replace);
            self.extend(layer, work, start, cached);
            if few {
                cached.turn(d);
            }
            for h in 0..net.shape.heads {
                let head = Head { network: net, at: h * net.head(), layer: cached, start };
                for first in (0..rows).step_by(BLOCK) {
                    match BLOCK.min(rows - first) {
                        few @ ..FEW => (first..first + few).for_each(|row| head.row(work, row)),
                        count => head.block(work, first, count),
                    }
                }
            }
            apply(&factors.out, &work.mixed, d, &mut work.x, d, Into::Add);
            kernels::rms_norm(&work.x, &weights[layer.mlp_norm.clone()], &mut work.normed, &mut work.inverse);
            apply(&factors.up, &work.normed, d, &mut work.up, 4 * d, Into::Replace);
            gelu_in_place(net.shape.mode, &mut work.up);
            apply(&factors.down, &work.up, 4 * d, &mut work.x, d, Into::Add);
        }
        cache.rows = start + rows;
    }

    /// Places the queries, and appends keys, placed, and values to the cache.
    fn extend(&self, layer: &Layer, work: &mut Work, start: usize, cached: &mut LayerCache) {
        let (net, d) = (&*self.network, self.network.shape.width);
        let Work { qkv, queries, inverse, .. } = work;
        net.place(qkv, 0, start, &self.weights[layer.query_norm.clone()], queries, inverse);
        let end = start * d + qkv.len() / 3;
        cached.keys.resize(end, 0.0);
        let keys = &mut cached.keys[start * d..];
        net.place(qkv, 1, start, &self.weights[layer.key_norm.clone()], keys, inverse);
        for row in qkv.chunks_exact(3 * d) {
            cached.values.extend_from_slice(&row[2 * d..]);
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
        apply(&self.factors().bytes, normed, d, &mut work.logits, 256, Into::Replace);
        leaves_of_logits(net.shape.mode, &mut work.logits, leaves);
    }
}

impl Head<'_> {
    /// Attention of rows `first..first + count` of the chunk, in the lanes of one block.
    fn block(&self, work: &mut Work, first: usize, count: usize) {
        let (net, at) = (self.network, self.at);
        let (d, head, window, mode) = (net.shape.width, net.head(), net.shape.context, net.shape.mode);
        let (begin, end) = (self.start + first, self.start + first + count);
        let low = first_seen(begin, window);
        let seen = end - low;
        let Work { queries, mixed, scores, turned, sink, .. } = work;
        scores.resize(scores.len().max(seen), [0.0; BLOCK]);
        let scores = &mut scores[..seen];
        let rows = &queries[first * d + at..];
        across(rows, d, count, turned);
        let keys = View::strided(&self.layer.keys[low * d + at..], seen, head, d);
        let query_view = View::new(turned.as_flattened(), head, BLOCK);
        multiply(mode, keys, query_view, ViewMut::new(scores.as_flattened_mut(), seen, BLOCK), Into::Replace);
        let hide = |scores: &mut [Columns], value: f32| {
            mask(&mut scores[begin - low..], value);
            for (q, from) in (0..count).map(|q| (q, oldest(begin + q, window))) {
                scores[..from - low].iter_mut().for_each(|row| row[q] = value);
            }
        };
        hide(scores, f32::NEG_INFINITY);
        let (mut most, mut sums, mut sinks) = ([f32::NEG_INFINITY; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
        for q in window.saturating_sub(begin)..count {
            sinks[q] = self.beginning(begin + q, &rows[q * d..][..head], sink);
            most[q] = sinks[q];
        }
        softmax(mode, scores, &mut most, &mut sums);
        hide(scores, 0.0);
        for q in window.saturating_sub(begin)..count {
            sinks[q] = kernels::exp(sinks[q] - most[q]);
            sums[q] += sinks[q];
        }
        let values = View::strided(&self.layer.values[low * d + at..], seen, head, d);
        let mixed = &mut mixed[first * d + at..];
        let weights = View::strided(scores.as_flattened(), seen, count, BLOCK).t();
        multiply(mode, weights, values, ViewMut::strided(mixed, count, head, d), Into::Replace);
        for ((row, sink), sum) in mixed.chunks_mut(d).zip(sinks).zip(sums).take(count) {
            self.finish(&mut row[..head], sink, sum);
        }
    }

    /// The same for one row, keys lying in the lanes.
    fn row(&self, work: &mut Work, row: usize) {
        let (net, at) = (self.network, self.at);
        let (d, head, window, mode) = (net.shape.width, net.head(), net.shape.context, net.shape.mode);
        let position = self.start + row;
        let low = first_seen(position, window);
        let seen = position + 1 - low;
        let Work { queries, mixed, scores, sink, .. } = work;
        scores.resize(scores.len().max(seen.div_ceil(BLOCK)), [0.0; BLOCK]);
        let scores = &mut scores.as_flattened_mut()[..seen];
        let query = &queries[row * d + at..][..head];
        let (columns, room) = self.layer.columns();
        let keys = View::strided(&columns[at * room + low..], head, seen, room);
        multiply(mode, View::new(query, 1, head), keys, ViewMut::new(scores, 1, seen), Into::Replace);
        let hidden = oldest(position, window) - low;
        scores[..hidden].fill(f32::NEG_INFINITY);
        let beginning = if position < window { f32::NEG_INFINITY } else { self.beginning(position, query, sink) };
        let (most, mut sum) = softmax_row(mode, scores, beginning);
        scores[..hidden].fill(0.0);
        let mut sink = 0.0;
        if position >= window {
            sink = kernels::exp(beginning - most);
            sum += sink;
        }
        let values = View::strided(&self.layer.values[low * d + at..], seen, head, d);
        let out = &mut mixed[row * d + at..][..head];
        multiply(mode, View::new(scores, 1, seen), values, ViewMut::new(out, 1, head), Into::Replace);
        self.finish(out, sink, sum);
    }

    /// Adds the beginning's value, whose weight is `sink`, and divides by the sum of all weights.
    fn finish(&self, mixed: &mut [f32], sink: f32, sum: f32) {
        let factor = 1.0 / sum;
        for (mixed, value) in mixed.iter_mut().zip(&self.layer.values[self.at..]) {
            *mixed = (*mixed + sink * value) * factor;
        }
    }

    /// The score of the beginning for a row whose window it has left: it stays as far away as it ever was in training.
    fn beginning(&self, position: usize, query: &[f32], turned: &mut [f32]) -> f32 {
        turned.copy_from_slice(query);
        self.network.rope.turn_back(position + 1 - self.network.shape.context, 1.0, turned);
        turned.iter().zip(&self.layer.keys[self.at..]).map(|(query, key)| query * key).sum()
    }
}

/// The oldest position in the window of `position`, the beginning apart once it has slid out.
fn oldest(position: usize, window: usize) -> usize {
    if position < window { 0 } else { position + 2 - window }
}

/// Where the scores of `position` begin: at or a little before the oldest.
fn first_seen(position: usize, window: usize) -> usize {
    oldest(position, window) / LANES * LANES
}

impl Predictor for Snapshot {
    fn predict(&self, context: &[u8], from: usize) -> Vec<u8> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let (mut cache, mut work) = spare.unwrap_or_else(|| (self.cache(), Work::default()));
        cache.truncate(0, self.network.shape.width);
        let mut leaves = vec![0; (context.len() - from + 1) * LEAF_BYTES];
        self.run(&mut cache, &mut work, context, from, &mut leaves);
        if cache.rows <= KEPT_ROWS {
            self.spare.lock().unwrap_or_else(PoisonError::into_inner).push((cache, work));
        }
        leaves
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
