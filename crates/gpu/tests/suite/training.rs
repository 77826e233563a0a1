//! What training on any device must give: loss and gradient of the CPU within rounding, the same bits twice, a step that can
//! be cancelled, and a model that learns as it does on the CPU.
use std::sync::{Arc, Mutex};
use std::time::Duration;

use expert::elsewhere::Gradient;
use expert::layout::Layout;
use expert::model::{GruShape, Mode, Model, Slice, TransformerShape};
use expert::watch::Unwatched;
use gpu::accelerator::Accelerator;
use gpu::engine::Engine;
use gpu::train::{Architecture, Job, gradient, slice};
use gpu::watch::Watch;

/// A text in which something can be learnt.
pub fn text() -> Vec<u8> {
    let words = ["the sea ", "was calm ", "and the ship ", "went on ", "under a white sky. "];
    (0..400_usize).flat_map(|i| words[(i * i + i / 3) % words.len()].bytes()).collect()
}

/// Keeps what the trainer asks for, and answers with zeros.
#[derive(Default)]
struct Overheard(Mutex<Option<Question>>);

/// Weights and windows.
type Question = (Vec<f32>, Vec<Vec<u8>>);

impl Gradient for Overheard {
    fn gradient(&self, weights: &[f32], windows: &[&[u8]], _: &mut [f32]) -> Result<f64, String> {
        let windows = windows.iter().map(|window| window.to_vec()).collect();
        self.0.lock().unwrap().get_or_insert((weights.to_vec(), windows));
        Ok(0.0)
    }
}

pub fn transformer(width: usize, layers: usize, heads: usize, context: usize) -> Architecture {
    TransformerShape { width, layers, heads, context, mode: Mode::Fast }.into()
}

pub fn gru(embedding: usize, width: usize, context: usize) -> Architecture {
    GruShape { embedding, width, context, mode: Mode::Fast }.into()
}

/// The weights of a checkpoint, empty for those of the seed, the windows of the next step, and the places of the tensors.
fn question(architecture: Architecture, seed: u64, checkpoint: &[u8]) -> (Question, Layout) {
    let overheard = Arc::new(Overheard::default());
    let model = Model::trained_elsewhere(architecture.into(), seed, overheard.clone()).unwrap();
    if !checkpoint.is_empty() {
        model.load(checkpoint).unwrap();
    }
    model.set_text(&text()).unwrap();
    model.train(&slice_of(1), &Unwatched).unwrap();
    let question = overheard.0.lock().unwrap().take().unwrap();
    (question, model.layout().unwrap())
}

fn slice_of(steps: u64) -> Slice {
    Slice { steps, budget: Duration::from_mins(10), total_steps: 40 }
}

/// Central differences along each tensor's gradient, on the device itself and in its own rounding.
pub fn gradients<E: Engine>(id: &str, device: &mut Accelerator<E>, networks: &[Architecture]) {
    for &network in networks {
        let ((mut weights, windows), layout) = question(network, 3, &[]);
        // Gains and biases that differ, so that each one's place matters.
        weights.iter_mut().enumerate().for_each(|(i, w)| *w += ((i * 37 % 101) as f32 - 50.0) / 2_000.0);
        let windows: Vec<&[u8]> = windows.iter().map(Vec::as_slice).collect();
        let mut run = |weights: &[f32]| {
            let mut sum = vec![0.0; weights.len()];
            let loss = gradient(device, (&network, &layout, weights), &windows, &mut sum, &Watch::idle()).unwrap();
            (loss, sum)
        };
        let (loss, own) = run(&weights);
        assert_eq!(
            (loss.to_bits(), own.clone()),
            {
                let (l, g) = run(&weights);
                (l.to_bits(), g)
            },
            "{id}: the same bits twice"
        );
        for tensor in &layout.tensors {
            let part = &own[tensor.range.clone()];
            let length = part.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
            assert!(length > 0.0, "{id}: nothing reaches {}", tensor.name);
            // Along the gradient itself the loss changes by its length squared: here by a hundredth of a nat per byte at
            // most and a fiftieth of a weight, more than rounding and less than what bends.
            let rows = (windows.len() * windows[0].len()) as f64;
            let by = (0.01 * rows / length.powi(2)).min(0.02 / length);
            let moved = |by: f64| -> Vec<f32> {
                let mut moved = weights.clone();
                for (w, g) in moved[tensor.range.clone()].iter_mut().zip(part) {
                    *w += (by * f64::from(*g)) as f32;
                }
                moved
            };
            let (above, below) = (run(&moved(by)).0, run(&moved(-by)).0);
            let slope = (above - below) / (2.0 * by);
            let error = (slope / length.powi(2) - 1.0).abs();
            assert!(error < 0.03, "{id} {network:?}: {}: slope {slope}, expected {}", tensor.name, length.powi(2));
        }
    }
}

/// How far a tensor's weights may be from the CPU's, as a share of the way that training moved them. Rounding alone makes a
/// hundred-thousandth; a gradient that is wrong in a hundredth of a tensor's numbers, a tenth.
const STRAY: f64 = 1e-3;

/// Each tensor that a device trained against the CPU's, by the way that both went from the seed's own weights.
fn same_weights(id: &str, architecture: Architecture, seed: u64, (there, here): (&[u8], &[u8])) {
    let ((first, _), layout) = question(architecture, seed, &[]);
    let [there, here] = [there, here].map(|checkpoint| question(architecture, seed, checkpoint).0.0);
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
    for tensor in &layout.tensors {
        let [first, there, here] = [&first, &there, &here].map(|weights| &weights[tensor.range.clone()]);
        let (stray, way) = (distance(there, here), distance(here, first));
        assert!(way > 0.0 && stray <= STRAY * way, "{id} {architecture:?}: {}: {stray} of {way}", tensor.name);
    }
}

/// The device against the CPU: loss and weights after a few steps.
pub fn learning<E: Engine>(id: &str, device: &mut Accelerator<E>, architecture: Architecture, steps: u64) {
    let cpu = Model::new(architecture.into(), 7).unwrap();
    cpu.set_text(&text()).unwrap();
    let job = Job { architecture, seed: 7, steps, total_steps: 40, budget: Duration::from_mins(10) };
    let trained = slice(device, &job, (&[], &text()), &Watch::idle()).unwrap();
    let expected = cpu.train(&slice_of(steps), &Unwatched).unwrap();
    assert_eq!((trained.report.steps, trained.report.bytes), (expected.steps, expected.bytes));
    assert!((trained.report.loss - expected.loss).abs() < 2e-3, "{id}: {} for {}", trained.report.loss, expected.loss);
    same_weights(id, architecture, job.seed, (&trained.checkpoint, &cpu.save(false).unwrap()));

    // A checkpoint goes on where it stopped, here and there.
    let job = Job { steps: 1, ..job };
    let next = slice(device, &job, (&trained.checkpoint, &text()), &Watch::idle()).unwrap();
    let expected = cpu.train(&slice_of(1), &Unwatched).unwrap();
    assert!((next.report.loss - expected.loss).abs() < 5e-3, "{id}: {} for {}", next.report.loss, expected.loss);
    same_weights(id, architecture, job.seed, (&next.checkpoint, &cpu.save(false).unwrap()));
    let again = slice(device, &job, (&trained.checkpoint, &text()), &Watch::idle()).unwrap();
    assert_eq!(again.checkpoint, next.checkpoint, "{id}: the same bits twice");
}
