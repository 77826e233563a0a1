//! The forward pass of training: windows in step, row t·windows + w being window w at time t.
use tensor::kernels::{self, vectorised};

use super::Gru;
use super::factors::{Factors, apply, linear};
use crate::layout::BOS;
use crate::softmax::softmax_loss;

/// One thread's memory, sized by the first windows it sees.
#[derive(Default)]
pub struct Workspace {
    pub embedded: Vec<f32>,
    /// x·W + b, then in place the gates r, z, n after their functions.
    pub gates: Vec<f32>,
    /// h·U of one time.
    pub recurrent: Vec<f32>,
    /// h·Uₙ + cₙ of every row.
    pub inner: Vec<f32>,
    /// States; the rows of the first time are the zero state before it.
    pub states: Vec<f32>,
    pub probabilities: Vec<f32>,
    pub targets: Vec<u8>,
    /// Gradients: of states, of gates before their functions, of h·U, of the embedding's rows.
    pub dstates: Vec<f32>,
    pub dgates: Vec<f32>,
    pub drecurrent: Vec<f32>,
    pub dembedded: Vec<f32>,
    pub dcarried: Vec<f32>,
}

impl Workspace {
    fn fit(&mut self, rows: usize, windows: usize, embedding: usize, width: usize) {
        self.embedded.resize(rows * embedding, 0.0);
        self.gates.resize(rows * 3 * width, 0.0);
        self.recurrent.resize(windows * 3 * width, 0.0);
        self.inner.resize(rows * width, 0.0);
        self.states.resize((rows + windows) * width, 0.0);
        self.states[..windows * width].fill(0.0);
        self.probabilities.resize(rows * 256, 0.0);
        self.dstates.resize(rows * width, 0.0);
        self.dgates.resize(rows * 3 * width, 0.0);
        self.drecurrent.resize(rows * 3 * width, 0.0);
        self.dembedded.resize(rows * embedding, 0.0);
        self.dcarried.resize(windows * width, 0.0);
    }
}

/// Tokens before each row's byte, in the order of rows.
pub fn tokens<'a>(windows: &'a [&[u8]]) -> impl Iterator<Item = usize> + 'a {
    let length = windows.first().map_or(0, |window| window.len());
    (0..length).flat_map(move |t| {
        windows.iter().map(move |window| if t == 0 { usize::from(BOS) } else { usize::from(window[t - 1]) })
    })
}

/// One time of one row: gates of `a` = x·W + b in place, `inner` = h·Uₙ + cₙ, the new state.
#[inline(always)]
pub fn cell(a: &mut [f32], u: &[f32], bias: &[f32], before: &[f32], inner: &mut [f32], state: &mut [f32]) {
    let width = bias.len();
    let (reset, rest) = a.split_at_mut(width);
    let (update, new) = rest.split_at_mut(width);
    let (update, new) = (&mut update[..width], &mut new[..width]);
    let (u_reset, u_update, u_new) = (&u[..width], &u[width..2 * width], &u[2 * width..3 * width]);
    let (before, inner, state) = (&before[..width], &mut inner[..width], &mut state[..width]);
    for i in 0..width {
        let r = kernels::sigmoid(reset[i] + u_reset[i]);
        let z = kernels::sigmoid(update[i] + u_update[i]);
        let within = u_new[i] + bias[i];
        let n = kernels::tanh(new[i] + r * within);
        (reset[i], update[i], new[i], inner[i]) = (r, z, n, within);
        state[i] = (1.0 - z) * n + z * before[i];
    }
}

impl Gru {
    /// Fills the workspace for windows of one length and gives the summed loss in nats.
    pub fn forward(&self, weights: &[f32], factors: &Factors, windows: &[&[u8]], work: &mut Workspace) -> f64 {
        let (count, width, e) = (windows.len(), self.shape.width, self.shape.embedding);
        let length = windows.first().map_or(0, |window| window.len());
        let rows = length * count;
        work.fit(rows, count, e, width);
        let embedding = &weights[self.embedding.clone()];
        for (row, token) in work.embedded.chunks_exact_mut(e).zip(tokens(windows)) {
            row.copy_from_slice(&embedding[token * e..][..e]);
        }
        work.targets.clear();
        work.targets.extend((0..length).flat_map(|t| windows.iter().map(move |window| window[t])));
        let bias = &weights[self.input_bias.clone()];
        linear(&factors.forward.input, &work.embedded, e, bias, &mut work.gates);
        let u_bias = &weights[self.recurrent_bias.clone()];
        let Workspace { gates, recurrent, inner, states, .. } = work;
        for t in 0..length {
            let (past, now) = states.split_at_mut((t + 1) * count * width);
            let past = &past[t * count * width..];
            apply(&factors.forward.recurrent, past, width, recurrent, 3 * width);
            vectorised(
                #[inline(always)]
                || {
                    for w in 0..count {
                        let row = t * count + w;
                        cell(
                            &mut gates[row * 3 * width..][..3 * width],
                            &recurrent[w * 3 * width..][..3 * width],
                            u_bias,
                            &past[w * width..][..width],
                            &mut inner[row * width..][..width],
                            &mut now[w * width..][..width],
                        );
                    }
                },
            );
        }
        let bias = &weights[self.output_bias.clone()];
        linear(&factors.forward.output, &work.states[count * width..], width, bias, &mut work.probabilities);
        softmax_loss(self.shape.mode, &mut work.probabilities, &work.targets)
    }
}
