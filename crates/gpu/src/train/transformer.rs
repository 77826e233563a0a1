//! Loss and gradient of a transformer for windows of one length, as `expert::transformer` documents them. Attention is
//! products over a matrix of scores per head; a gather is a product with a one-hot matrix, and its gradient another.
use expert::layout::{BOS, Layout, VOCABULARY};
use expert::model::TransformerShape;

use super::kernels::{GELU, MERGE, MULTIPLY, NORM, NORM_BACK, PLACE, PLACE_BACK, SOFTMAX, SOFTMAX_BACK, SPLIT};
use super::steps::Steps;
use super::weights::{Weights, upload};
use crate::accelerator::Accelerator;
use crate::engine::Engine;
use crate::error::Error;
use crate::watch::Watch;

/// Bytes that the scores of one pass may take; windows beyond go to another pass.
const SCORES_MAX: usize = 64 << 20;

/// Sizes of one pass.
#[derive(Clone, Copy)]
struct Size {
    windows: usize,
    length: usize,
    d: usize,
    heads: usize,
}

impl Size {
    fn rows(self) -> usize {
        self.windows * self.length
    }

    fn head(self) -> usize {
        self.d / self.heads
    }

    /// Numbers of one matrix of scores per head and window.
    fn scores(self) -> usize {
        self.windows * self.heads * self.length * self.length
    }
}

/// What a layer keeps for its way back.
struct Kept<B> {
    x: B,
    normed: B,
    inverse: B,
    qkv: B,
    queries: B,
    keys: B,
    values: B,
    query_inverse: B,
    key_inverse: B,
    probabilities: B,
    mixed: B,
    middle: B,
    mlp_normed: B,
    mlp_inverse: B,
    slope: B,
    active: B,
}

/// One pass through a model on a device.
struct Pass<'a, E: Engine> {
    steps: Steps<'a, E>,
    size: Size,
    turns: &'a E::Buffer,
}

/// Adds to `gradient` that of the summed loss in nats over `windows`, all of one length, and gives that loss.
///
/// # Errors
/// `Memory`, `Cancelled`, and what the driver says.
pub fn gradient<E: Engine>(
    on: &mut Accelerator<E>,
    model: (&TransformerShape, &Layout, &[f32]),
    windows: &[&[u8]],
    gradient: &mut [f32],
    watch: &Watch,
) -> Result<f64, Error> {
    let (shape, layout, weights) = model;
    let length = windows.first().map_or(0, |window| window.len());
    if length == 0 || windows.iter().any(|window| window.len() != length) {
        return Err(Error::Shape(String::from("windows of a batch have one length")));
    }
    let weights = &Weights::upload(&mut on.engine, layout, weights)?;
    let turns = upload(&mut on.engine, &turns(shape.width / shape.heads, length))?;
    let together = (SCORES_MAX / (4 * shape.heads * length * length)).clamp(1, windows.len());
    let mut loss = 0.0;
    for part in windows.chunks(together) {
        let size = Size { windows: part.len(), length, d: shape.width, heads: shape.heads };
        let steps = Steps { on: &mut *on, watch, layout, weights, windows: part.len(), length };
        loss += Pass { steps, size, turns: &turns }.run(shape.layers, part, gradient)?;
    }
    Ok(loss)
}

/// Cosines, then sines, of each position's pairs.
fn turns(head: usize, length: usize) -> Vec<f32> {
    let pairs = head / 2;
    let mut table = vec![0.0; length * head];
    for (t, row) in table.chunks_exact_mut(head).enumerate() {
        let (cosines, sines) = row.split_at_mut(pairs);
        for (c, (cosine, sine)) in cosines.iter_mut().zip(sines).enumerate() {
            let angle = t as f64 * 10_000_f64.powf(-((2 * c) as f64) / head as f64);
            (*cosine, *sine) = (angle.cos() as f32, angle.sin() as f32);
        }
    }
    table
}

impl<E: Engine> Pass<'_, E> {
    fn norm(&mut self, x: &E::Buffer, gain: &str) -> Result<(E::Buffer, E::Buffer), Error> {
        let (rows, d) = (self.size.rows(), self.size.d);
        let (out, inverse, weights) = (self.steps.room(rows * d)?, self.steps.room(rows)?, self.steps.weights);
        self.steps.launch(&NORM, rows, &[x, weights.get(gain)?, &out, &inverse], &[d])?;
        Ok((out, inverse))
    }

    /// dx += through a norm.
    fn norm_back(
        &mut self,
        (x, inverse): (&E::Buffer, &E::Buffer),
        gain: &str,
        dy: &E::Buffer,
        dx: &E::Buffer,
        gradient: &mut [f32],
    ) -> Result<(), Error> {
        let (rows, d, weights) = (self.size.rows(), self.size.d, self.steps.weights);
        let share = self.steps.room(rows * d)?;
        self.steps.launch(&NORM_BACK, rows, &[x, weights.get(gain)?, inverse, dy, dx, &share], &[d])?;
        self.steps.sum_gradient(&share, (rows, d), 0..d, gain, gradient)
    }

    fn copy(&mut self, x: &E::Buffer) -> Result<E::Buffer, Error> {
        // A copy of rows is a merge of one head.
        let Size { length, d, .. } = self.size;
        let out = self.steps.room(self.size.rows() * d)?;
        self.steps.launch(&MERGE, self.size.rows() * d, &[x, &out], &[d, 1, length, d, 0])?;
        Ok(out)
    }

    fn run(&mut self, layers: usize, windows: &[&[u8]], gradient: &mut [f32]) -> Result<f64, Error> {
        let (rows, d) = (self.size.rows(), self.size.d);
        let before = windows.iter().flat_map(|window| {
            let earlier = window.iter().map(|&byte| u32::from(byte)).take(window.len() - 1);
            std::iter::once(u32::from(BOS)).chain(earlier)
        });
        let before = self.steps.tokens(before)?;
        let next = self.steps.tokens(windows.iter().flat_map(|window| window.iter().map(|&byte| u32::from(byte))))?;
        let one_hot = self.steps.one_hot(&before, VOCABULARY)?;
        let x = self.steps.apply(&one_hot, VOCABULARY, "embedding", d)?;
        let kept: Vec<_> = (0..layers).map(|layer| self.layer(layer, &x)).collect::<Result<_, _>>()?;
        let (normed, inverse) = self.norm(&x, "norm")?;

        let (logits, weights) = (self.steps.room(rows * 256)?, self.steps.weights);
        self.steps.product((rows, d, 256, 1), (&normed, false), (weights.get("embedding")?, true), &logits, false)?;
        let losses = self.steps.loss(&next, &logits)?;

        self.steps.weight_gradient((&logits, 256), (&normed, d), "embedding", gradient)?;
        let dnormed = self.steps.room(rows * d)?;
        self.steps.product((rows, 256, d, 1), (&logits, false), (weights.get("embedding")?, false), &dnormed, false)?;
        let dx = upload(&mut self.steps.on.engine, &vec![0.0; rows * d])?;
        self.norm_back((&x, &inverse), "norm", &dnormed, &dx, gradient)?;
        for (layer, kept) in kept.iter().enumerate().rev() {
            self.layer_back(layer, kept, &dx, gradient)?;
        }
        self.steps.weight_gradient((&one_hot, VOCABULARY), (&dx, d), "embedding", gradient)?;
        self.steps.total(&losses)
    }

    /// x through one layer, in place.
    fn layer(&mut self, layer: usize, x: &E::Buffer) -> Result<Kept<E::Buffer>, Error> {
        let Size { windows, length, d, heads } = self.size;
        let (rows, e, weights) = (self.size.rows(), self.size.head(), self.steps.weights);
        let name = |part: &str| format!("layers.{layer}.{part}");
        self.steps.watch.step(0, 1)?;
        let before = self.copy(x)?;
        let (normed, inverse) = self.norm(x, &name("attention.norm"))?;
        let qkv = self.steps.apply(&normed, d, &name("attention.qkv"), 3 * d)?;
        let (queries, query_inverse) = self.place(&qkv, 0, &name("attention.query_norm"))?;
        let (keys, key_inverse) = self.place(&qkv, 1, &name("attention.key_norm"))?;
        let values = self.steps.room(rows * d)?;
        self.steps.launch(&SPLIT, rows * d, &[&qkv, &values], &[e, heads, length, 3 * d, 2 * d])?;
        let probabilities = self.steps.room(self.size.scores())?;
        let many = windows * heads;
        self.steps.product((length, e, length, many), (&queries, false), (&keys, true), &probabilities, false)?;
        self.steps.launch(&SOFTMAX, many * length, &[&probabilities], &[length])?;
        let by_head = self.steps.room(rows * d)?;
        self.steps.product((length, length, e, many), (&probabilities, false), (&values, false), &by_head, false)?;
        let mixed = self.steps.room(rows * d)?;
        self.steps.launch(&MERGE, rows * d, &[&by_head, &mixed], &[e, heads, length, d, 0])?;
        self.steps.product((rows, d, d, 1), (&mixed, false), (weights.get(&name("attention.out"))?, false), x, true)?;

        let middle = self.copy(x)?;
        let (mlp_normed, mlp_inverse) = self.norm(x, &name("mlp.norm"))?;
        let slope = self.steps.apply(&mlp_normed, d, &name("mlp.up"), 4 * d)?;
        let active = self.steps.room(rows * 4 * d)?;
        self.steps.launch(&GELU, rows * 4 * d, &[&slope, &active], &[])?;
        self.steps.product((rows, 4 * d, d, 1), (&active, false), (weights.get(&name("mlp.down"))?, false), x, true)?;
        Ok(Kept {
            x: before,
            normed,
            inverse,
            qkv,
            queries,
            keys,
            values,
            query_inverse,
            key_inverse,
            probabilities,
            mixed,
            middle,
            mlp_normed,
            mlp_inverse,
            slope,
            active,
        })
    }

    fn place(&mut self, qkv: &E::Buffer, part: usize, gain: &str) -> Result<(E::Buffer, E::Buffer), Error> {
        let Size { length, heads, d, .. } = self.size;
        let (rows, e, weights, turns) = (self.size.rows(), self.size.head(), self.steps.weights, self.turns);
        let (out, inverse) = (self.steps.room(rows * d)?, self.steps.room(rows * heads)?);
        let buffers = [qkv, weights.get(gain)?, turns, &out, &inverse];
        self.steps.launch(&PLACE, rows * heads, &buffers, &[e, heads, length, part])?;
        Ok((out, inverse))
    }

    /// dx through one layer, in place.
    fn layer_back(
        &mut self,
        layer: usize,
        kept: &Kept<E::Buffer>,
        dx: &E::Buffer,
        gradient: &mut [f32],
    ) -> Result<(), Error> {
        let d = self.size.d;
        let rows = self.size.rows();
        let name = |part: &str| format!("layers.{layer}.{part}");
        self.steps.watch.step(0, 1)?;
        let dup = self.steps.apply_back(dx, d, &name("mlp.down"), 4 * d)?;
        self.steps.weight_gradient((&kept.active, 4 * d), (dx, d), &name("mlp.down"), gradient)?;
        self.steps.launch(&MULTIPLY, rows * 4 * d, &[&kept.slope, &dup], &[])?;
        self.steps.weight_gradient((&kept.mlp_normed, d), (&dup, 4 * d), &name("mlp.up"), gradient)?;
        let dnormed = self.steps.apply_back(&dup, 4 * d, &name("mlp.up"), d)?;
        self.norm_back((&kept.middle, &kept.mlp_inverse), &name("mlp.norm"), &dnormed, dx, gradient)?;

        let dmixed = self.steps.apply_back(dx, d, &name("attention.out"), d)?;
        self.steps.weight_gradient((&kept.mixed, d), (dx, d), &name("attention.out"), gradient)?;
        let dqkv = self.attention_back(layer, kept, &dmixed, gradient)?;
        self.steps.weight_gradient((&kept.normed, d), (&dqkv, 3 * d), &name("attention.qkv"), gradient)?;
        let dnormed = self.steps.apply_back(&dqkv, 3 * d, &name("attention.qkv"), d)?;
        self.norm_back((&kept.x, &kept.inverse), &name("attention.norm"), &dnormed, dx, gradient)
    }

    fn attention_back(
        &mut self,
        layer: usize,
        kept: &Kept<E::Buffer>,
        dmixed: &E::Buffer,
        gradient: &mut [f32],
    ) -> Result<E::Buffer, Error> {
        let Size { windows, length, d, heads } = self.size;
        let (rows, e, many) = (self.size.rows(), self.size.head(), windows * heads);
        let (weights, turns) = (self.steps.weights, self.turns);
        let by_head = self.steps.room(rows * d)?;
        self.steps.launch(&SPLIT, rows * d, &[dmixed, &by_head], &[e, heads, length, d, 0])?;
        let dvalues = self.steps.room(rows * d)?;
        self.steps.product(
            (length, length, e, many),
            (&kept.probabilities, true),
            (&by_head, false),
            &dvalues,
            false,
        )?;
        let dscores = self.steps.room(self.size.scores())?;
        self.steps.product((length, e, length, many), (&by_head, false), (&kept.values, true), &dscores, false)?;
        self.steps.launch(&SOFTMAX_BACK, many * length, &[&kept.probabilities, &dscores], &[length])?;
        let (dqueries, dkeys) = (self.steps.room(rows * d)?, self.steps.room(rows * d)?);
        self.steps.product((length, length, e, many), (&dscores, false), (&kept.keys, false), &dqueries, false)?;
        self.steps.product((length, length, e, many), (&dscores, true), (&kept.queries, false), &dkeys, false)?;

        let dqkv = self.steps.room(rows * 3 * d)?;
        self.steps.launch(&MERGE, rows * d, &[&dvalues, &dqkv], &[e, heads, length, 3 * d, 2 * d])?;
        let parts = [("query_norm", &dqueries, &kept.query_inverse), ("key_norm", &dkeys, &kept.key_inverse)];
        for (part, (norm, dy, inverse)) in parts.into_iter().enumerate() {
            let gain = format!("layers.{layer}.attention.{norm}");
            let share = self.steps.room(rows * d)?;
            let buffers = [&kept.qkv, weights.get(&gain)?, turns, inverse, dy, &dqkv, &share];
            self.steps.launch(&PLACE_BACK, rows * heads, &buffers, &[e, heads, length, part])?;
            self.steps.sum_gradient(&share, (rows * heads, e), 0..e, &gain, gradient)?;
        }
        Ok(dqkv)
    }
}
