//! Trains one network by slices. A step of 32 windows is cut into a fixed number of groups, and these into rounds of a
//! few windows each: one round is the shortest slice, groups run in parallel, each adds its windows in order, and groups
//! are summed in order. So the bits depend on the seed and text alone, not on threads or on how slices fell.
use std::sync::Arc;
use std::time::Instant;

use tensor::kernels;

use crate::error::Error;
use crate::layout::Layout;
use crate::model::{Predictor, Report, Slice};
use crate::network::Network;
use crate::optimizer::AdamW;
use crate::random::Random;
use crate::threads::{Purpose, each};
use crate::watch::Watch;

/// Windows of one step (mixture.md 1).
pub const BATCH: usize = 32;
/// Groups of a step for small models, which bound the cores that help: a round of eight windows of 256 bytes takes about
/// 20 ms on two cores.
const GROUPS: usize = 8;
/// Above this many weights a step has more groups, for machines with more cores.
const LARGE: usize = 2_000_000;
const GROUPS_LARGE: usize = 16;
/// Fewer groups than that when windows run in step, so that a slice can be a part of a step.
const ROUNDS_MIN: usize = 2;
/// Distinguishes the draws of windows from those of initial weights.
const WINDOWS_PART: u64 = 0x77;

/// Takes the model and weights of a finished step.
pub type Publish<'a> = &'a dyn Fn(Arc<dyn Predictor>, &Arc<Vec<f32>>);

/// What a model of any trainable kind offers.
pub trait Learner: Send {
    fn layout(&self) -> &Layout;
    fn weights(&self) -> &Arc<Vec<f32>>;
    fn optimizer(&self) -> &AdamW;
    /// Replaces the weights; without the optimiser's state training begins at step 0.
    fn restore(&mut self, weights: Vec<f32>, optimizer: Option<AdamW>);
    fn predictor(&self) -> Arc<dyn Predictor>;
    /// Trains a slice; `publish` is called after each finished step.
    fn train(
        &mut self,
        text: &Arc<Vec<u8>>,
        slice: &Slice,
        watch: &dyn Watch,
        publish: Publish,
    ) -> Result<Report, Error>;
}

/// Windows of one group: its sum so far and its memory.
struct Group<W> {
    gradient: Vec<f32>,
    loss: f64,
    workspace: W,
}

pub struct Trainer<N: Network> {
    network: Arc<N>,
    seed: u64,
    weights: Arc<Vec<f32>>,
    optimizer: AdamW,
    /// Of the weights of the current step, from its first round on.
    prepared: Option<N::Prepared>,
    groups: Vec<Group<N::Workspace>>,
    /// Rounds of the current step that are done.
    round: usize,
    text: Arc<Vec<u8>>,
}

impl<N: Network> Trainer<N> {
    pub fn new(network: Arc<N>, seed: u64) -> Self {
        let weights = Arc::new(network.layout().initial(seed));
        let optimizer = AdamW::new(weights.len());
        Self { network, seed, weights, optimizer, prepared: None, groups: Vec::new(), round: 0, text: Arc::default() }
    }

    fn group_count(&self) -> usize {
        let most = BATCH / (ROUNDS_MIN * self.network.windows());
        most.min(if self.weights.len() > LARGE { GROUPS_LARGE } else { GROUPS })
    }

    fn rounds(&self) -> usize {
        (BATCH / self.group_count()).div_ceil(self.network.windows())
    }

    /// Memory for training is taken at the first slice, so that models that never train stay small.
    fn begin_step(&mut self) {
        let parameters = self.weights.len();
        while self.groups.len() < self.group_count() {
            self.groups.push(Group { gradient: vec![0.0; parameters], loss: 0.0, workspace: self.network.workspace() });
        }
        for group in &mut self.groups {
            group.gradient.fill(0.0);
        }
        self.round = 0;
    }

    /// Runs the next `count` rounds of the step; gives bytes and loss in nats.
    fn run_rounds(&mut self, count: usize) -> (u64, f64) {
        let length = self.text.len().min(self.network.context());
        let per_group = BATCH / self.groups.len();
        let windows = self.network.windows();
        let (network, weights, text) = (&*self.network, &self.weights[..], &self.text[..]);
        let prepared = &*self.prepared.get_or_insert_with(|| network.prepare(weights));
        let (seed, step, round) = (self.seed, self.optimizer.steps, self.round);
        let before: f64 = self.groups.iter().map(|group| group.loss).sum();
        let items: Vec<_> = self.groups.iter_mut().enumerate().collect();
        let bytes: u64 = each(Purpose::Training, items, |(index, group)| {
            let mut bytes = 0;
            for round in round..round + count {
                let from = round * windows;
                let chosen: Vec<&[u8]> = (from..per_group.min(from + windows))
                    .map(|window| {
                        let draw = [WINDOWS_PART, step, (index * per_group + window) as u64];
                        let start = Random::new(seed, &draw).below(text.len() - length + 1);
                        &text[start..start + length]
                    })
                    .collect();
                group.loss += network.gradient(weights, prepared, &chosen, &mut group.workspace, &mut group.gradient);
                bytes += (chosen.len() * length) as u64;
            }
            bytes
        })
        .into_iter()
        .sum();
        self.round += count;
        let after: f64 = self.groups.iter().map(|group| group.loss).sum();
        (bytes, after - before)
    }

    /// Sums the groups, in order, and steps.
    fn finish_step(&mut self, total_steps: u64) {
        let length = self.text.len().min(self.network.context());
        let scale = 1.0 / (BATCH * length) as f32;
        let (first, others) = self.groups.split_at_mut(1);
        let gradient = &mut first[0].gradient;
        for group in others {
            kernels::add(gradient, &group.gradient);
        }
        kernels::scale(gradient, scale);
        // Predictors of earlier steps may still hold the old weights: then they are copied.
        let weights = Arc::make_mut(&mut self.weights);
        self.optimizer.step(self.network.layout(), weights, gradient, self.network.width(), total_steps);
        self.prepared = None;
        self.round = 0;
    }
}

impl<N: Network> Learner for Trainer<N> {
    fn layout(&self) -> &Layout {
        self.network.layout()
    }

    fn weights(&self) -> &Arc<Vec<f32>> {
        &self.weights
    }

    fn optimizer(&self) -> &AdamW {
        &self.optimizer
    }

    fn restore(&mut self, weights: Vec<f32>, optimizer: Option<AdamW>) {
        self.optimizer = optimizer.unwrap_or_else(|| AdamW::new(weights.len()));
        self.weights = Arc::new(weights);
        self.prepared = None;
        self.round = 0;
    }

    fn predictor(&self) -> Arc<dyn Predictor> {
        Arc::clone(&self.network).predictor(Arc::clone(&self.weights))
    }

    fn train(
        &mut self,
        text: &Arc<Vec<u8>>,
        slice: &Slice,
        watch: &dyn Watch,
        publish: Publish,
    ) -> Result<Report, Error> {
        if text.is_empty() {
            return Err(Error::NoText);
        }
        if !Arc::ptr_eq(&self.text, text) {
            // A step begun on another text is thrown away: its windows are not there any more.
            self.text = Arc::clone(text);
            self.round = 0;
        }
        let started = Instant::now();
        let (mut report, mut nats) = (Report::default(), 0.0);
        let mut rounds_done = 0_u32;
        while report.steps < slice.steps {
            if watch.cancelled() {
                return Err(Error::Cancelled);
            }
            let elapsed = started.elapsed();
            let count = if rounds_done == 0 {
                1
            } else {
                let left = slice.budget.saturating_sub(elapsed).as_secs_f64();
                (left / (elapsed.as_secs_f64() / f64::from(rounds_done))) as usize
            };
            if count == 0 {
                break;
            }
            if self.round == 0 {
                self.begin_step();
            }
            let count = count.min(self.rounds() - self.round);
            let (bytes, loss) = self.run_rounds(count);
            if let Some(why) = self.network.failure() {
                // The step is thrown away: the next slice draws its windows again.
                self.round = 0;
                return Err(Error::Device(why));
            }
            report.bytes += bytes;
            nats += loss;
            rounds_done += count as u32;
            if self.round == self.rounds() {
                self.finish_step(slice.total_steps);
                publish(self.predictor(), &self.weights);
                report.steps += 1;
                watch.progress(report.steps, slice.steps);
            }
        }
        report.seconds = started.elapsed().as_secs_f64();
        report.loss = if report.bytes == 0 { 0.0 } else { nats / report.bytes as f64 / std::f64::consts::LN_2 };
        Ok(report)
    }
}
