//! One slice of training: `expert`'s trainer on a thread of its own asks this one, which holds the device, for gradients.
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use expert::elsewhere::Gradient;
use expert::model::{Model, Report, Slice};
use expert::watch::Watch as Asked;

use super::architecture::{self, Architecture};
use super::whole::whole_steps;
use crate::accelerator::Accelerator;
use crate::engine::Engine;
use crate::error::Error;
use crate::watch::Watch;

/// What to train, and how much.
#[derive(Debug, Clone, Copy)]
pub struct Job {
    pub architecture: Architecture,
    pub seed: u64,
    pub steps: u64,
    pub total_steps: u64,
    pub budget: Duration,
}

/// The report of a slice and the checkpoint after it, the optimiser's state included.
pub struct Trained {
    pub report: Report,
    pub checkpoint: Vec<u8>,
}

struct Question {
    weights: Vec<f32>,
    windows: Vec<Vec<u8>>,
    answer: Sender<Result<(f64, Vec<f32>), String>>,
}

/// The trainer's side: one question at a time.
struct Ask(Mutex<Sender<Question>>);

impl Gradient for Ask {
    fn gradient(&self, weights: &[f32], windows: &[&[u8]], gradient: &mut [f32]) -> Result<f64, String> {
        let (answer, answered) = channel();
        let windows = windows.iter().map(|window| window.to_vec()).collect();
        let question = Question { weights: weights.to_vec(), windows, answer };
        let gone = || String::from("the device is gone");
        self.0.lock().unwrap_or_else(PoisonError::into_inner).send(question).map_err(|_| gone())?;
        let (loss, by_device) = answered.recv().map_err(|_| gone())??;
        for (sum, value) in gradient.iter_mut().zip(by_device) {
            *sum += value;
        }
        Ok(loss)
    }
}

struct Unwatched;

impl Asked for Unwatched {
    fn cancelled(&self) -> bool {
        false
    }

    fn progress(&self, _: u64, _: u64) {}
}

/// Trains from `checkpoint` (empty: from the seed's own weights) on `text`, in whole steps: at least one if any is asked for.
///
/// # Errors
/// `Request` for what the trainer refuses, `Cancelled`, `Memory`, and what the driver says.
pub fn slice<E: Engine>(
    on: &mut Accelerator<E>,
    job: &Job,
    (checkpoint, text): (&[u8], &[u8]),
    watch: &Watch,
) -> Result<Trained, Error> {
    let refused = |error: expert::error::Error| Error::Request(error.to_string());
    let (questions, asked) = channel();
    let ask = Arc::new(Ask(Mutex::new(questions)));
    let model = Model::trained_elsewhere(job.architecture.into(), job.seed, ask).map_err(refused)?;
    if !checkpoint.is_empty() {
        model.load(checkpoint).map_err(refused)?;
    }
    model.set_text(text).map_err(refused)?;
    let layout = model.layout().map_err(refused)?;
    let slice = Slice { steps: job.steps, budget: job.budget, total_steps: job.total_steps };
    let mut failed = None;
    let report = thread::scope(|scope| {
        let (done, finished) = channel();
        let (model, slice) = (&model, &slice);
        scope.spawn(move || {
            let result = whole_steps(model, slice, (text.len(), job.architecture.context()), &Unwatched);
            // Whoever waits for questions is woken by it, if by nothing else.
            let _ = done.send(result);
        });
        answer(on, (&job.architecture, &layout), &asked, &finished, (slice, watch, &mut failed))
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let report = report?.map_err(refused)?;
    Ok(Trained { report, checkpoint: model.save(false).map_err(refused)? })
}

type Finished = Result<Report, expert::error::Error>;

/// Answers until the trainer has finished.
fn answer<E: Engine>(
    on: &mut Accelerator<E>,
    (network, layout): (&Architecture, &expert::layout::Layout),
    asked: &Receiver<Question>,
    finished: &Receiver<Finished>,
    (slice, watch, failed): (&Slice, &Watch, &mut Option<Error>),
) -> Result<Finished, Error> {
    /// Between two looks whether the trainer has ended.
    const LOOK: Duration = Duration::from_millis(2);
    let mut answered = 0_u64;
    loop {
        if let Ok(report) = finished.try_recv() {
            return Ok(report);
        }
        let Ok(question) = asked.recv_timeout(LOOK) else { continue };
        let mut gradient = vec![0.0; question.weights.len()];
        let windows: Vec<&[u8]> = question.windows.iter().map(Vec::as_slice).collect();
        let result = watch.step(answered / 2, slice.steps).and_then(|()| {
            architecture::gradient(on, (network, layout, &question.weights), &windows, &mut gradient, watch)
        });
        answered += 1;
        let result = result.map(|loss| (loss, gradient)).map_err(|error| {
            let text = error.to_string();
            failed.get_or_insert(error);
            text
        });
        // A trainer that no longer listens has ended, which the next turn sees.
        let _ = question.answer.send(result);
    }
}
