//! What every trainable architecture must pass: gradients against finite differences of a plain binary64 reference, the
//! same bits for the same seed however slices fall and however many threads there are, causality, and streams and
//! batches that say what single answers say.
mod gru;
mod transformer;

use std::sync::Arc;
use std::time::Duration;

use crate::layout::Layout;
use crate::model::{Report, Slice};
use crate::network::Network;
use crate::random::Random;
use crate::threads;
use crate::trainer::{Learner, Trainer};
use crate::watch::Unwatched;

/// The tensors of one weight vector by name, in binary64.
struct Weights<'a> {
    layout: &'a Layout,
    values: &'a [f64],
}

impl<'a> Weights<'a> {
    /// The numbers of a tensor, row-major.
    fn get(&self, name: &str) -> &'a [f64] {
        let tensor = self.layout.tensors.iter().find(|tensor| tensor.name == name).unwrap();
        &self.values[tensor.range.clone()]
    }
}

/// y = x·w, w with as many rows as x has numbers.
fn times(x: &[f64], w: &[f64]) -> Vec<f64> {
    let columns = w.len() / x.len();
    let mut y = vec![0.0; columns];
    for (x, row) in x.iter().zip(w.chunks_exact(columns)) {
        for (y, w) in y.iter_mut().zip(row) {
            *y += x * w;
        }
    }
    y
}

/// −ln of the softmax of `logits` at `byte`.
fn surprise(logits: &[f64], byte: u8) -> f64 {
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most + logits.iter().map(|x| (x - most).exp()).sum::<f64>().ln() - logits[usize::from(byte)]
}

/// The loss that a reference defines, for one window.
type Loss = fn(&Weights, &[usize], &[u8]) -> f64;

/// Weights away from their special starts, so that gains, biases and small matrices all matter.
fn moved(layout: &Layout) -> Vec<f32> {
    let mut random = Random::new(5, &[]);
    let mut weights = layout.initial(3);
    for weight in &mut weights {
        *weight += 0.1 * random.normal();
    }
    weights
}

/// Compares every element of the gradient of every tensor with central differences of the reference, whose own error is
/// far below. An element may be off by `tolerance` times the largest of its tensor.
fn check_gradient<N: Network>(network: &N, windows: &[&[u8]], shape: &[usize], loss: Loss, tolerance: f64) {
    const STEP: f64 = 1e-5;
    let layout = network.layout();
    let weights = moved(layout);
    let mut gradient = vec![0.0; weights.len()];
    let prepared = network.prepare(&weights);
    let got = network.gradient(&weights, &prepared, windows, &mut network.workspace(), &mut gradient);
    let mut precise: Vec<f64> = weights.iter().map(|&weight| f64::from(weight)).collect();
    let reference =
        |values: &[f64]| -> f64 { windows.iter().map(|window| loss(&Weights { layout, values }, shape, window)).sum() };
    let expected = reference(&precise);
    assert!((got / expected - 1.0).abs() < 1e-5, "the loss is {got}, the reference says {expected}");
    for tensor in &layout.tensors {
        let mut numeric = Vec::with_capacity(tensor.range.len());
        for i in tensor.range.clone() {
            let before = precise[i];
            precise[i] = before + STEP;
            let above = reference(&precise);
            precise[i] = before - STEP;
            numeric.push((above - reference(&precise)) / (2.0 * STEP));
            precise[i] = before;
        }
        let largest = numeric.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        assert!(largest > 1e-4, "{} moves nothing: the check would be empty", tensor.name);
        for ((&got, numeric), i) in gradient[tensor.range.clone()].iter().zip(numeric).zip(0..) {
            let error = (f64::from(got) - numeric).abs() / largest;
            assert!(error <= tolerance, "{}[{i}]: {got}, by differences {numeric}", tensor.name);
        }
    }
}

/// Text with something to learn in it.
fn lesson() -> Arc<Vec<u8>> {
    let text = (0..40_000_u32).map(|i| b"the quick brown fox "[(i % 20) as usize] ^ (u8::from(i % 97 == 0) * 7));
    Arc::new(text.collect())
}

/// Trains `steps` steps in slices of `budget`; gives the weights and the report of the last slice.
fn trained<N: Network>(network: N, steps: u64, budget: Duration) -> (Arc<Vec<f32>>, Report) {
    let text = lesson();
    let mut trainer = Trainer::new(Arc::new(network), 42);
    let (mut done, mut last) = (0, Report::default());
    while done < steps {
        let slice = Slice { steps: steps - done, budget, total_steps: 200 };
        last = trainer.train(&text, &slice, &Unwatched, &|_, _| ()).unwrap();
        done += last.steps;
    }
    (Arc::clone(trainer.weights()), last)
}

const LONG: Duration = Duration::from_mins(10);

fn check_bits_of_slices_and_threads<N: Network>(make: impl Fn() -> N + Sync) {
    let (expected, _) = trained(make(), 4, LONG);
    assert_eq!(trained(make(), 4, Duration::ZERO).0, expected, "the shortest slices");
    for threads in [1, 2, 3, 5] {
        let (weights, _) = threads::with(threads, || trained(make(), 4, LONG));
        assert_eq!(weights, expected, "{threads} threads");
    }
}

/// Sixty steps over the lesson end below `bits` bits per byte on average.
fn check_learning<N: Network>(make: impl Fn() -> N, bits: f64) {
    let (_, report) = trained(make(), 60, LONG);
    assert!(report.loss < bits, "{} bits per byte over sixty steps", report.loss);
}

fn sample() -> Vec<u8> {
    (0..300_u32).map(|i| (i * i % 251) as u8).collect()
}

/// A changed byte changes the leaves after it and none before.
fn check_causality<N: Network>(network: N, places: &[usize]) {
    let network = Arc::new(network);
    let snapshot = Arc::clone(&network).predictor(Arc::new(network.layout().initial(1)));
    let text = sample();
    let whole = snapshot.predict(&text, 0);
    for &at in places {
        let mut changed = text.clone();
        changed[at] ^= 0x55;
        let leaves = snapshot.predict(&changed, 0);
        assert_eq!(leaves[..(at + 1) * 256], whole[..(at + 1) * 256], "byte {at}");
        assert_ne!(leaves[(at + 1) * 256..], whole[(at + 1) * 256..], "byte {at} is not seen");
    }
}

/// Streams in steps of all sizes, rewinds and batches say bit for bit what one answer says.
fn check_streams<N: Network>(network: N) {
    let network = Arc::new(network);
    let snapshot = Arc::clone(&network).predictor(Arc::new(network.layout().initial(1)));
    let text = sample();
    let whole = snapshot.predict(&text, 0);
    for from in [1, 31, 32, 33, 200, text.len()] {
        assert_eq!(snapshot.predict(&text, from), whole[from * 256..], "from {from} on");
    }
    let mut stream = Arc::clone(&snapshot).open();
    let one = stream.work(0, 0, 1).unwrap();
    assert!(stream.work(0, 299, 300).unwrap() > 100 * one, "a text is more work than a byte");
    assert_eq!(stream.work(usize::MAX, 1, 1), None);
    let mut at = 0;
    for step in [1, 2, 70, 1, 5, 7, 24, 1, 1, 1, 187] {
        let leaves = stream.extend(at, &text[at..at + step], step).unwrap();
        at += step;
        assert!(stream.work(at, 1, 1).unwrap() < 2 * one, "one more byte after {at}");
        assert_eq!(leaves, whole[(at + 1 - step) * 256..(at + 1) * 256], "up to {at}");
    }
    assert_eq!(stream.extend(100, &text[100..120], 60).unwrap(), whole[61 * 256..121 * 256]);
    // What was taken back leaves no trace.
    stream.extend(90, b"xyz", 1).unwrap();
    assert_eq!(stream.extend(90, &text[90..92], 2).unwrap(), whole[91 * 256..93 * 256]);
    let batch: Vec<(&[u8], usize)> = (0..7).map(|i| (&text[..40 * i], 0)).collect();
    for ((context, _), leaves) in batch.iter().zip(snapshot.predict_together(&batch)) {
        assert_eq!(leaves, whole[..(context.len() + 1) * 256]);
    }
}
