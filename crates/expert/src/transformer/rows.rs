//! Answers for a few rows: of a stream that grows byte by byte, and what is left of a text after its blocks.
use tensor::kernels;
use tensor::view::View;

use super::Layer;
use super::cache::{Cache, LayerCache};
use super::factors::apply;
use super::forward::token_before;
use super::predict::Reading;
use crate::leaf::LEAF_BYTES;
use crate::pointwise::{gelu_in_place, softmax_row};
use crate::product::multiply;
use crate::softmax::leaves_of_logits;
use crate::target::{Into, ViewMut};

/// Memory for the rows of one call.
#[derive(Default)]
pub struct Work {
    x: Vec<f32>,
    normed: Vec<f32>,
    qkv: Vec<f32>,
    queries: Vec<f32>,
    keys: Vec<f32>,
    inverse: Vec<f32>,
    mixed: Vec<f32>,
    up: Vec<f32>,
    scores: Vec<f32>,
    /// One head of one query.
    query: Vec<f32>,
    logits: Vec<f32>,
}

impl Work {
    fn fit(&mut self, rows: usize, model: Reading) {
        let (d, heads) = (model.network.shape.width, model.network.shape.heads);
        self.x.resize(rows * d, 0.0);
        self.normed.resize(rows * d, 0.0);
        self.qkv.resize(rows * 3 * d, 0.0);
        self.queries.resize(rows * d, 0.0);
        self.keys.resize(rows * d, 0.0);
        self.inverse.resize(rows * heads, 0.0);
        self.mixed.resize(rows * d, 0.0);
        self.up.resize(rows * 4 * d, 0.0);
        self.query.resize(model.network.head(), 0.0);
    }
}

/// Computes the next `rows` rows of `text`, puts their keys and values into the cache, and fills `leaves` with those of the
/// last rows.
pub fn run(model: Reading, cache: &mut Cache, work: &mut Work, text: &[u8], rows: usize, leaves: &mut [u8]) {
    let (network, start, d) = (model.network, cache.rows, model.network.shape.width);
    work.fit(rows, model);
    let embedding = &model.weights[network.embedding.clone()];
    for (r, x) in work.x.chunks_exact_mut(d).enumerate() {
        x.copy_from_slice(&embedding[token_before(text, start + r) * d..][..d]);
    }
    let layers = network.layers.iter().zip(&model.factors.layers).zip(&mut cache.layers);
    for (index, ((layer, factors), cached)) in layers.enumerate() {
        if index == 0 {
            look_up(model, text, work, start, cached);
        } else {
            kernels::rms_norm(&work.x, model.gain(&layer.norm), &mut work.normed, &mut work.inverse);
            apply(&factors.qkv, &work.normed, d, &mut work.qkv, 3 * d, Into::Replace);
            place(model, layer, work, start, cached);
        }
        cached.keys.reserve(start + rows, d);
        for (token, key) in (start..).zip(work.keys.chunks_exact(d)) {
            cached.keys.put(token, key);
        }
        for row in 0..rows {
            for h in 0..network.shape.heads {
                attend(model, cached, work, start, row, h * network.head());
            }
        }
        apply(&factors.out, &work.mixed, d, &mut work.x, d, Into::Add);
        kernels::rms_norm(&work.x, model.gain(&layer.mlp_norm), &mut work.normed, &mut work.inverse);
        apply(&factors.up, &work.normed, d, &mut work.up, 4 * d, Into::Replace);
        gelu_in_place(network.shape.mode, &mut work.up);
        apply(&factors.down, &work.up, 4 * d, &mut work.x, d, Into::Add);
    }
    cache.rows = start + rows;
    let count = leaves.len() / LEAF_BYTES;
    let wanted = &work.x[(rows - count) * d..];
    let normed = &mut work.normed[..count * d];
    kernels::rms_norm(wanted, model.gain(&network.norm), normed, &mut work.inverse);
    work.logits.resize(count * 256, 0.0);
    apply(&model.factors.bytes, normed, d, &mut work.logits, 256, Into::Replace);
    leaves_of_logits(network.shape.mode, &mut work.logits, leaves);
}

/// Places queries and keys, and appends the values to the cache.
fn place(model: Reading, layer: &Layer, work: &mut Work, start: usize, cached: &mut LayerCache) {
    let (network, d) = (model.network, model.network.shape.width);
    let Work { qkv, queries, keys, inverse, .. } = work;
    network.place(qkv, 0, start, model.gain(&layer.query_norm), queries, inverse);
    network.place(qkv, 1, start, model.gain(&layer.key_norm), keys, inverse);
    for row in qkv.chunks_exact(3 * d) {
        cached.values.extend_from_slice(&row[2 * d..]);
    }
}

/// Product and `place` of the first layer.
fn look_up(model: Reading, text: &[u8], work: &mut Work, start: usize, cached: &mut LayerCache) {
    let (network, d) = (model.network, model.network.shape.width);
    for ((t, query), key) in (start..).zip(work.queries.chunks_exact_mut(d)).zip(work.keys.chunks_exact_mut(d)) {
        let (placed, values) = model.tokens.of(token_before(text, t));
        query.copy_from_slice(&placed[..d]);
        key.copy_from_slice(&placed[d..]);
        for head in query.chunks_exact_mut(network.head()).chain(key.chunks_exact_mut(network.head())) {
            network.rope.turn(t, 1.0, head);
        }
        cached.values.extend_from_slice(values);
    }
}

/// Attention of one head, whose numbers begin at `at`, of the row at `start + row`: keys lie in the lanes.
fn attend(model: Reading, cached: &LayerCache, work: &mut Work, start: usize, row: usize, at: usize) {
    let (head, mode, window) = (model.network.head(), model.network.shape.mode, model.window());
    let (d, position) = (model.network.shape.width, start + row);
    let low = window.first(position);
    let seen = position + 1 - low;
    let Work { queries, mixed, scores, query, .. } = work;
    query.copy_from_slice(&queries[row * d + at..][..head]);
    scores.resize(scores.len().max(seen), 0.0);
    let scores = &mut scores[..seen];
    let keys = cached.keys.view(at, head, low, seen);
    multiply(mode, View::new(query, 1, head), keys, ViewMut::new(scores, 1, seen), Into::Replace);
    let hidden = window.oldest(position) - low;
    scores[..hidden].fill(f32::NEG_INFINITY);
    let slid = window.slid(position);
    let beginning =
        if slid { window.beginning(&model.network.rope, position, query, cached, at) } else { f32::NEG_INFINITY };
    let (most, mut sum) = softmax_row(mode, scores, beginning);
    scores[..hidden].fill(0.0);
    let mut sink = 0.0;
    if slid {
        sink = kernels::exp(beginning - most);
        sum += sink;
    }
    let values = View::strided(&cached.values[low * d + at..], seen, head, d);
    let out = &mut mixed[row * d + at..][..head];
    multiply(mode, View::new(scores, 1, seen), values, ViewMut::new(out, 1, head), Into::Replace);
    let factor = 1.0 / sum;
    for (mixed, value) in out.iter_mut().zip(&cached.values[at..]) {
        *mixed = (*mixed + sink * value) * factor;
    }
}
