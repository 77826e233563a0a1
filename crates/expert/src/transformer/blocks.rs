//! Answers for many rows: blocks of 32 lie across the vectors, a row in each lane, from the embedding to the last norm. So
//! norms, turns and softmax reduce nothing within a vector, and queries and keys come out of their product as attention
//! reads them. A row has the bits that `rows.rs` gives it.
use tensor::kernels::{self, LANES};
use tensor::view::View;

use super::Layer;
use super::attention::mask;
use super::cache::{Cache, LayerCache};
use super::columns::{finish, place, rms_norm, turn};
use super::factors::LayerFactors;
use super::forward::token_before;
use super::predict::Reading;
use crate::leaf::LEAF_BYTES;
use crate::lines::Lines;
use crate::pointwise::{BLOCK, Columns, gelu_in_place, softmax};
use crate::product::multiply;
use crate::softmax::leaves_of_logits;
use crate::target::{Into, ViewMut};

/// Memory for the blocks of one call.
#[derive(Default)]
pub struct Work {
    /// The residuals of each block, and the cosines and sines of its positions.
    x: Lines,
    turns: Lines,
    scratch: Scratch,
    logits: Vec<f32>,
}

/// Memory for one block, a row for each number.
#[derive(Default)]
struct Scratch {
    normed: Lines,
    queries_keys: Lines,
    scores: Lines,
    mixed: Lines,
    up: Lines,
    /// One head of one query.
    query: Vec<f32>,
}

/// Rows from position `start` on, one in each of the first lanes.
#[derive(Clone, Copy)]
struct Block {
    start: usize,
    count: usize,
}

/// One layer of the model.
struct Here<'a> {
    model: Reading<'a>,
    layer: &'a Layer,
    factors: &'a LayerFactors,
}

/// One head of one layer in one block: numbers `at..` of queries, keys and values.
struct Head<'a> {
    model: Reading<'a>,
    cached: &'a LayerCache,
    block: Block,
    at: usize,
}

impl Block {
    fn end(self) -> usize {
        self.start + self.count
    }

    /// `rows` rows in blocks.
    fn cut(start: usize, rows: usize) -> impl Iterator<Item = Self> {
        (0..rows).step_by(BLOCK).map(move |first| Self { start: start + first, count: BLOCK.min(rows - first) })
    }

    /// What each lane begins with. Unused ones take the beginning of a text: any token does.
    fn tokens(self, text: &[u8]) -> impl Iterator<Item = usize> {
        (0..BLOCK).map(move |lane| if lane < self.count { self.start + lane } else { 0 }).map(|t| token_before(text, t))
    }

    /// Columns of products: the lanes in use, in whole vectors.
    fn lanes(self) -> usize {
        self.count.next_multiple_of(LANES)
    }

    fn view(self, rows: &[Columns]) -> View<'_> {
        View::strided(rows.as_flattened(), rows.len(), self.lanes(), BLOCK)
    }

    fn view_mut(self, rows: &mut [Columns]) -> ViewMut<'_> {
        let count = rows.len();
        ViewMut::strided(rows.as_flattened_mut(), count, self.lanes(), BLOCK)
    }
}

/// Lays a row into one lane.
fn put(columns: &mut [Columns], lane: usize, row: &[f32]) {
    for (column, &value) in columns.iter_mut().zip(row) {
        column[lane] = value;
    }
}

impl Work {
    fn fit(&mut self, blocks: usize, model: Reading) {
        let (d, head) = (model.network.shape.width, model.network.head());
        self.x.fit(blocks * d);
        self.turns.fit(blocks * head);
        self.scratch.normed.fit(d);
        self.scratch.queries_keys.fit(2 * d);
        self.scratch.mixed.fit(d);
        self.scratch.up.fit(4 * d);
        self.scratch.query.resize(head, 0.0);
    }
}

/// Computes the next `rows` rows of `text`, puts their keys and values into the cache, and fills `leaves` with those of the
/// last rows.
pub fn run(model: Reading, cache: &mut Cache, work: &mut Work, text: &[u8], rows: usize, leaves: &mut [u8]) {
    let (network, start) = (model.network, cache.rows);
    let from = start + rows - leaves.len() / LEAF_BYTES;
    let (d, head) = (network.shape.width, network.head());
    work.fit(rows.div_ceil(BLOCK), model);
    let Work { x, turns, scratch, logits } = work;
    let (x, turns) = (x.rows_mut(), turns.rows_mut());
    for ((block, x), turns) in Block::cut(start, rows).zip(x.chunks_exact_mut(d)).zip(turns.chunks_exact_mut(head)) {
        model.embed(text, block, x);
        network.rope.columns(block.start, block.count, turns);
    }
    let layers = network.layers.iter().zip(&model.factors.layers).zip(&mut cache.layers);
    for (index, ((layer, factors), cached)) in layers.enumerate() {
        let here = Here { model, layer, factors };
        let last = index + 1 == network.layers.len();
        cached.keys.reserve(start + rows, d);
        for ((block, x), turns) in Block::cut(start, rows).zip(x.chunks_exact_mut(d)).zip(turns.chunks_exact(head)) {
            if index == 0 {
                model.look_up(text, block, turns, scratch, cached);
            } else {
                here.project(block, x, turns, scratch, cached);
            }
            // Nobody reads what the last layer makes of a row whose leaf is not wanted.
            if !last || block.end() > from {
                here.attend(block, x, scratch, cached);
                here.transform(block, x, scratch);
            }
        }
    }
    cache.rows = start + rows;
    let mut leaves = leaves;
    for (block, x) in Block::cut(start, rows).zip(x.chunks_exact(d)).filter(|(block, _)| block.end() > from) {
        let skip = from.saturating_sub(block.start);
        let (these, rest) = leaves.split_at_mut((block.count - skip) * LEAF_BYTES);
        rms_norm(x, model.gain(&network.norm), scratch.normed.rows_mut());
        model.write(block.count - skip, &scratch.normed.rows().as_flattened()[skip..], logits, these);
        leaves = rest;
    }
}

impl Reading<'_> {
    fn embed(self, text: &[u8], block: Block, x: &mut [Columns]) {
        let d = self.network.shape.width;
        for (lane, token) in block.tokens(text).enumerate() {
            put(x, lane, &self.weights[self.network.embedding.clone()][token * d..][..d]);
        }
    }

    /// `Here::project` in the first layer.
    fn look_up(self, text: &[u8], block: Block, turns: &[Columns], scratch: &mut Scratch, cached: &mut LayerCache) {
        let queries_keys = scratch.queries_keys.rows_mut();
        for (lane, token) in block.tokens(text).enumerate() {
            let (placed, values) = self.tokens.of(token);
            put(queries_keys, lane, placed);
            if lane < block.count {
                cached.values.extend_from_slice(values);
            }
        }
        turn(queries_keys, turns);
        cached.keys.put_block(block.start, block.count, &queries_keys[self.network.shape.width..]);
    }

    /// Leaves of `count` rows, the numbers of a row being 32 apart.
    fn write(self, count: usize, normed: &[f32], logits: &mut Vec<f32>, leaves: &mut [u8]) {
        let Self { network, factors, .. } = self;
        logits.resize(count * 256, 0.0);
        let rows = View::strided(normed, network.shape.width, count, BLOCK).t();
        factors.bytes.apply(rows, ViewMut::new(logits, count, 256), Into::Replace);
        leaves_of_logits(network.shape.mode, logits, leaves);
    }
}

impl Here<'_> {
    /// Queries, placed, stay in the scratch; keys, placed, and values go to the cache.
    fn project(&self, block: Block, x: &[Columns], turns: &[Columns], scratch: &mut Scratch, cached: &mut LayerCache) {
        let Self { model, layer, factors } = self;
        let (d, head) = (model.network.shape.width, model.network.head());
        let (normed, queries_keys) = (scratch.normed.rows_mut(), scratch.queries_keys.rows_mut());
        rms_norm(x, model.gain(&layer.norm), normed);
        factors.qkv.apply_across(0..2 * d, block.view(normed), block.view_mut(queries_keys), Into::Replace);
        let (queries, keys) = queries_keys.split_at_mut(d);
        place(queries, model.gain(&layer.query_norm), 1.0 / (head as f32).sqrt(), turns);
        place(keys, model.gain(&layer.key_norm), 1.0, turns);
        cached.keys.put_block(block.start, block.count, keys);
        cached.values.resize(block.end() * d, 0.0);
        let rows = View::strided(normed.as_flattened(), d, block.count, BLOCK).t();
        let values = ViewMut::new(&mut cached.values[block.start * d..], block.count, d);
        factors.qkv.apply_columns(2 * d..3 * d, rows, values, Into::Replace);
    }

    /// x += attention.
    fn attend(&self, block: Block, x: &mut [Columns], scratch: &mut Scratch, cached: &LayerCache) {
        let network = self.model.network;
        for h in 0..network.shape.heads {
            Head { model: self.model, cached, block, at: h * network.head() }.attend(scratch);
        }
        let d = network.shape.width;
        self.factors.out.apply_across(0..d, block.view(scratch.mixed.rows()), block.view_mut(x), Into::Add);
    }

    /// x += MLP(norm(x)).
    fn transform(&self, block: Block, x: &mut [Columns], scratch: &mut Scratch) {
        let Self { model, layer, factors } = self;
        let d = model.network.shape.width;
        let (normed, up) = (scratch.normed.rows_mut(), scratch.up.rows_mut());
        rms_norm(x, model.gain(&layer.mlp_norm), normed);
        factors.up.apply_across(0..4 * d, block.view(normed), block.view_mut(up), Into::Replace);
        gelu_in_place(model.network.shape.mode, up.as_flattened_mut());
        factors.down.apply_across(0..d, block.view(up), block.view_mut(x), Into::Add);
    }
}

impl Head<'_> {
    fn attend(&self, scratch: &mut Scratch) {
        let Self { model, cached, block, at } = *self;
        let (head, mode, window) = (model.network.head(), model.network.shape.mode, model.window());
        let (d, low) = (model.network.shape.width, window.first(block.start));
        let seen = block.end() - low;
        let Scratch { queries_keys, scores, mixed, query, .. } = scratch;
        let queries = &queries_keys.rows()[at..][..head];
        scores.fit(seen);
        let scores = scores.rows_mut();
        let keys = cached.keys.view(at, head, low, seen).t();
        multiply(mode, keys, block.view(queries), block.view_mut(scores), Into::Replace);
        self.hide(scores, low, f32::NEG_INFINITY);
        let (mut most, mut sums, mut sinks) = ([f32::NEG_INFINITY; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
        let slid = (0..block.count).filter(|lane| window.slid(block.start + lane));
        for lane in slid.clone() {
            for (number, queries) in query.iter_mut().zip(queries) {
                *number = queries[lane];
            }
            sinks[lane] = window.beginning(&model.network.rope, block.start + lane, query, cached, at);
            most[lane] = sinks[lane];
        }
        softmax(mode, scores, &mut most, &mut sums);
        self.hide(scores, low, 0.0);
        for lane in slid {
            sinks[lane] = kernels::exp(sinks[lane] - most[lane]);
            sums[lane] += sinks[lane];
        }
        let mixed = &mut mixed.rows_mut()[at..][..head];
        let values = View::strided(&cached.values[low * d + at..], seen, head, d).t();
        multiply(mode, values, block.view(scores), block.view_mut(mixed), Into::Replace);
        finish(mixed, &cached.values[at..], &sinks, &sums);
    }

    /// Gives `value` to the scores, the first of position `low`, of what a row does not see.
    fn hide(&self, scores: &mut [Columns], low: usize, value: f32) {
        let Self { model, block, .. } = *self;
        mask(&mut scores[block.start - low..], value);
        for lane in 0..block.count {
            let hidden = model.window().oldest(block.start + lane) - low;
            scores[..hidden].iter_mut().for_each(|row| row[lane] = value);
        }
    }
}
