//! Answers of a GRU. Contexts of one call run in step, longest first; a stream keeps every state, so that it can rewind.
use std::sync::{Arc, OnceLock};

use tensor::kernels::vectorised;

use super::Gru;
use super::factors::{Direction, apply, linear};
use super::forward::cell;
use crate::error::Error;
use crate::layout::BOS;
use crate::leaf::LEAF_BYTES;
use crate::model::{Predictor, Stream, check_extend};
use crate::softmax::leaves_of_logits;

/// Contexts that run in step on one thread.
const BATCH: usize = 8;

/// A GRU with the weights of one training step.
pub struct Snapshot {
    network: Arc<Gru>,
    weights: Arc<Vec<f32>>,
    /// Made when first asked: most steps of training answer nothing.
    ready: OnceLock<Ready>,
}

/// What is made of the weights once for all answers.
struct Ready {
    factors: Direction,
    /// embedding·W + b of every token: one row of gates each, so that no product with the input is left to do.
    inputs: Vec<f32>,
}

/// Memory of rows in step.
struct Work {
    gates: Vec<f32>,
    recurrent: Vec<f32>,
    inner: Vec<f32>,
    logits: Vec<f32>,
}

impl Snapshot {
    pub fn new(network: Arc<Gru>, weights: Arc<Vec<f32>>) -> Self {
        Self { network, weights, ready: OnceLock::new() }
    }

    fn ready(&self) -> &Ready {
        self.ready.get_or_init(|| {
            let (net, weights) = (&*self.network, &self.weights[..]);
            let (e, width) = (net.shape.embedding, net.shape.width);
            let factors = Direction::new(net, weights, false);
            let embedding = &weights[net.embedding.clone()];
            let mut inputs = vec![0.0; embedding.len() / e * 3 * width];
            linear(&factors.input, embedding, e, &weights[net.input_bias.clone()], &mut inputs);
            Ready { factors, inputs }
        })
    }

    fn work(&self, rows: usize) -> Work {
        let width = self.network.shape.width;
        Work {
            gates: vec![0.0; rows * 3 * width],
            recurrent: vec![0.0; rows * 3 * width],
            inner: vec![0.0; rows * width],
            logits: vec![0.0; rows * 256],
        }
    }

    /// One time: `before` and `after` are states of the tokens' rows.
    fn step(&self, work: &mut Work, tokens: &[usize], before: &[f32], after: &mut [f32]) {
        let (net, width) = (&*self.network, self.network.shape.width);
        let recurrent = &mut work.recurrent[..tokens.len() * 3 * width];
        let Ready { factors, inputs } = self.ready();
        apply(&factors.recurrent, before, width, recurrent, 3 * width);
        let bias = &self.weights[net.recurrent_bias.clone()];
        let (gates, inner) = (&mut work.gates, &mut work.inner);
        vectorised(
            #[inline(always)]
            || {
                for (w, &token) in tokens.iter().enumerate() {
                    let gates = &mut gates[w * 3 * width..][..3 * width];
                    gates.copy_from_slice(&inputs[token * 3 * width..][..3 * width]);
                    let row = w * width..(w + 1) * width;
                    let u = &recurrent[w * 3 * width..][..3 * width];
                    cell(gates, u, bias, &before[row.clone()], &mut inner[row.clone()], &mut after[row]);
                }
            },
        );
    }

    /// Leaves of the given states.
    fn write(&self, work: &mut Work, states: &[f32], leaves: &mut [u8]) {
        let (net, width) = (&*self.network, self.network.shape.width);
        let rows = states.len() / width;
        let logits = &mut work.logits[..rows * 256];
        linear(&self.ready().factors.output, states, width, &self.weights[net.output_bias.clone()], logits);
        leaves_of_logits(net.shape.mode, logits, leaves);
    }

    /// Runs up to `BATCH` contexts in step; rows are ordered by length, longest first, so that those that go on lead.
    fn together(&self, contexts: &[(&[u8], usize)]) -> Vec<Vec<u8>> {
        let width = self.network.shape.width;
        let mut order: Vec<usize> = (0..contexts.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(contexts[i].0.len()));
        let mut leaves: Vec<Vec<u8>> =
            contexts.iter().map(|(context, from)| vec![0; (context.len() - from + 1) * LEAF_BYTES]).collect();
        let mut work = self.work(contexts.len());
        let mut before = vec![0.0; contexts.len() * width];
        let mut after = before.clone();
        let longest = order.first().map_or(0, |&i| contexts[i].0.len() + 1);
        for t in 0..longest {
            let going = order.iter().take_while(|&&i| contexts[i].0.len() >= t).count();
            let tokens: Vec<usize> = order[..going]
                .iter()
                .map(|&i| if t == 0 { usize::from(BOS) } else { usize::from(contexts[i].0[t - 1]) })
                .collect();
            self.step(&mut work, &tokens, &before[..going * width], &mut after[..going * width]);
            std::mem::swap(&mut before, &mut after);
            for (row, &i) in order[..going].iter().enumerate().filter(|&(_, &i)| t >= contexts[i].1) {
                let leaf = &mut leaves[i][(t - contexts[i].1) * LEAF_BYTES..][..LEAF_BYTES];
                self.write(&mut work, &before[row * width..][..width], leaf);
            }
        }
        leaves
    }
}

impl Predictor for Snapshot {
    fn predict(&self, context: &[u8], from: usize) -> Vec<u8> {
        self.together(&[(context, from)]).swap_remove(0)
    }

    fn batch(&self) -> usize {
        BATCH
    }

    fn predict_together(&self, contexts: &[(&[u8], usize)]) -> Vec<Vec<u8>> {
        contexts.chunks(BATCH).flat_map(|contexts| self.together(contexts)).collect()
    }

    fn open(self: Arc<Self>) -> Box<dyn Stream> {
        let work = self.work(1);
        Box::new(GruStream { snapshot: self, work, bytes: Vec::new(), states: Vec::new() })
    }
}

struct GruStream {
    snapshot: Arc<Snapshot>,
    work: Work,
    bytes: Vec<u8>,
    /// The state after the beginning, then after each byte.
    states: Vec<f32>,
}

impl Stream for GruStream {
    fn extend(&mut self, position: usize, bytes: &[u8], want: usize) -> Result<Vec<u8>, Error> {
        check_extend(self.bytes.len(), position, bytes.len(), want)?;
        let width = self.snapshot.network.shape.width;
        self.bytes.truncate(position);
        self.bytes.extend_from_slice(bytes);
        self.states.truncate((position + 1) * width);
        while self.states.len() < (self.bytes.len() + 1) * width {
            let t = self.states.len() / width;
            let (token, before) = match t {
                0 => (usize::from(BOS), vec![0.0; width]),
                _ => (usize::from(self.bytes[t - 1]), self.states[(t - 1) * width..].to_vec()),
            };
            self.states.resize((t + 1) * width, 0.0);
            self.snapshot.step(&mut self.work, &[token], &before, &mut self.states[t * width..]);
        }
        let mut leaves = vec![0; want * LEAF_BYTES];
        let from = self.bytes.len() + 1 - want;
        for (state, leaf) in self.states[from * width..].chunks_exact(width).zip(leaves.chunks_exact_mut(LEAF_BYTES)) {
            self.snapshot.write(&mut self.work, state, leaf);
        }
        Ok(leaves)
    }

    fn work(&self, position: usize, added: usize, want: usize) -> Option<u64> {
        self.snapshot.ready.get()?;
        let width = self.snapshot.network.shape.width;
        let end = position.checked_add(added)?;
        let rows = end + 1 - (self.states.len() / width).min(position + 1);
        let (state, leaf) = (3 * width * width, 256 * width);
        (rows as u64).checked_mul(state as u64)?.checked_add((want as u64).checked_mul(leaf as u64)?)
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }
}
