//! Loss and gradient of a GRU for windows of one length, as `expert::gru` documents them. Rows are ordered by time: row
//! t·windows + w is window w at time t, so that the products outside of the recurrence are over all rows at once, and a
//! step of time is two launches without any new memory.
use expert::layout::{BOS, Layout, VOCABULARY};
use expert::model::GruShape;

use super::kernels::{GRU, GRU_BACK};
use super::steps::Steps;
use super::weights::{Weights, upload};
use crate::accelerator::Accelerator;
use crate::engine::Engine;
use crate::error::Error;
use crate::watch::Watch;

/// Bytes that the gates of one pass may take; windows beyond go to another pass.
const GATES_MAX: usize = 256 << 20;
/// Steps of time that may be under way: what is queued on the device can no longer be cancelled.
const AHEAD: usize = 32;

/// What the way back needs of every row; `gates` then become their own gradients.
struct Kept<B> {
    /// r, z, n [rows, 3 · width].
    gates: B,
    /// m [rows, width].
    inner: B,
    /// States before and after [rows, width].
    before: B,
    after: B,
}

struct Pass<'a, E: Engine> {
    steps: Steps<'a, E>,
    embedding: usize,
    width: usize,
}

/// Adds to `gradient` that of the summed loss in nats over `windows`, all of one length, and gives that loss.
///
/// # Errors
/// `Memory`, `Cancelled`, and what the driver says.
pub fn gradient<E: Engine>(
    on: &mut Accelerator<E>,
    model: (&GruShape, &Layout, &[f32]),
    windows: &[&[u8]],
    gradient: &mut [f32],
    watch: &Watch,
) -> Result<f64, Error> {
    let (&GruShape { embedding, width, .. }, layout, weights) = model;
    let length = windows.first().map_or(0, |window| window.len());
    if length == 0 || windows.iter().any(|window| window.len() != length) {
        return Err(Error::Shape(String::from("windows of a batch have one length")));
    }
    let weights = &Weights::upload(&mut on.engine, layout, weights)?;
    let together = (GATES_MAX / (4 * 3 * width * length)).clamp(1, windows.len());
    let mut loss = 0.0;
    for part in windows.chunks(together) {
        let steps = Steps { on: &mut *on, watch, layout, weights, windows: part.len(), length };
        loss += Pass { steps, embedding, width }.run(part, gradient)?;
    }
    Ok(loss)
}

impl<E: Engine> Pass<'_, E> {
    fn run(&mut self, windows: &[&[u8]], gradient: &mut [f32]) -> Result<f64, Error> {
        let (embedding, width, rows) = (self.embedding, self.width, self.steps.rows());
        let bytes = (0..self.steps.length).flat_map(|t| windows.iter().filter_map(move |window| window.get(t)));
        let next = bytes.map(|&byte| u32::from(byte));
        // Every byte is what comes before the one a time later, which lies as many rows on as there are windows.
        let before = std::iter::repeat_n(u32::from(BOS), windows.len()).chain(next.clone()).take(rows);
        let (before, next) = (self.steps.tokens(before)?, self.steps.tokens(next)?);
        let one_hot = self.steps.one_hot(&before, VOCABULARY)?;
        let embedded = self.steps.apply(&one_hot, VOCABULARY, "embedding", embedding)?;
        let gates = self.steps.apply(&embedded, embedding, "input", 3 * width)?;
        self.steps.bias(&gates, "input_bias", 3 * width)?;
        let kept = self.forward(gates)?;

        let logits = self.steps.apply(&kept.after, width, "output", 256)?;
        self.steps.bias(&logits, "output_bias", 256)?;
        let losses = self.steps.loss(&next, &logits)?;
        self.steps.weight_gradient((&kept.after, width), (&logits, 256), "output", gradient)?;
        self.steps.sum_gradient(&logits, (rows, 256), 0..256, "output_bias", gradient)?;

        let dafter = self.steps.apply_back(&logits, 256, "output", width)?;
        let drecurrent = self.backward(&kept, &dafter)?;
        self.steps.weight_gradient((&kept.before, width), (&drecurrent, 3 * width), "recurrent", gradient)?;
        let new = 2 * width..3 * width;
        self.steps.sum_gradient(&drecurrent, (rows, 3 * width), new, "recurrent_bias", gradient)?;

        let dgates = kept.gates;
        self.steps.weight_gradient((&embedded, embedding), (&dgates, 3 * width), "input", gradient)?;
        self.steps.sum_gradient(&dgates, (rows, 3 * width), 0..3 * width, "input_bias", gradient)?;
        let dembedded = self.steps.apply_back(&dgates, 3 * width, "input", embedding)?;
        self.steps.weight_gradient((&one_hot, VOCABULARY), (&dembedded, embedding), "embedding", gradient)?;
        self.steps.total(&losses)
    }

    /// All times in order; `gates` hold x·`input` + `input_bias`.
    fn forward(&mut self, gates: E::Buffer) -> Result<Kept<E::Buffer>, Error> {
        let (width, rows, windows, weights) = (self.width, self.steps.rows(), self.steps.windows, self.steps.weights);
        let (recurrent, bias) = (weights.get("recurrent")?, weights.get("recurrent_bias")?);
        let inner = self.steps.room(rows * width)?;
        let (before, after) = (self.steps.room(rows * width)?, self.steps.room(rows * width)?);
        let state = upload(&mut self.steps.on.engine, &vec![0.0; windows * width])?;
        let from_state = self.steps.room(windows * 3 * width)?;
        for t in 0..self.steps.length {
            self.look(t)?;
            self.steps.product(
                (windows, width, 3 * width, 1),
                (&state, false),
                (recurrent, false),
                &from_state,
                false,
            )?;
            let buffers = [&from_state, bias, &gates, &inner, &state, &before, &after];
            self.steps.launch(&GRU, windows * width, &buffers, &[width, t * windows])?;
        }
        Ok(Kept { gates, inner, before, after })
    }

    /// All times backwards: gates become gradients of a, and the result is that of b [rows, 3 · width].
    fn backward(&mut self, kept: &Kept<E::Buffer>, dafter: &E::Buffer) -> Result<E::Buffer, Error> {
        let (width, rows, windows) = (self.width, self.steps.rows(), self.steps.windows);
        let recurrent = self.steps.weights.get("recurrent")?;
        let drecurrent = self.steps.room(rows * 3 * width)?;
        let carried = upload(&mut self.steps.on.engine, &vec![0.0; windows * width])?;
        let here = self.steps.room(windows * 3 * width)?;
        for t in (0..self.steps.length).rev() {
            self.look(t)?;
            let buffers = [&kept.inner, &kept.before, dafter, &kept.gates, &carried, &drecurrent, &here];
            self.steps.launch(&GRU_BACK, windows * width, &buffers, &[width, t * windows])?;
            self.steps.product((windows, 3 * width, width, 1), (&here, false), (recurrent, true), &carried, true)?;
        }
        Ok(drecurrent)
    }

    /// Before each time: lets the device catch up now and then.
    fn look(&mut self, t: usize) -> Result<(), Error> {
        if t.is_multiple_of(AHEAD) {
            self.steps.on.engine.wait()?;
        }
        self.steps.watch.step(0, 1)
    }
}
