//! Gradients against finite differences of the loss, and bits against a second run: for every trainable architecture.
use std::sync::Arc;

use crate::model::Slice;
use crate::network::Network;
use crate::random::Random;
use crate::trainer::{Learner, Trainer};
use crate::watch::Unwatched;

/// Largest relative error of a directional derivative over each tensor. Directions are the gradient itself with a
/// random half of its elements left out: an error in any part of it shows, and the signal stays far above the noise.
pub fn largest_error<N: Network>(network: &N, windows: &[&[u8]]) -> f64 {
    let mut weights = network.layout().initial(3);
    let mut random = Random::new(5, &[]);
    // Gains and biases away from their special starts.
    for weight in &mut weights {
        *weight += 0.05 * random.normal();
    }
    let mut work = network.workspace();
    let mut gradient = vec![0.0; weights.len()];
    network.gradient(&weights, windows, &mut work, &mut gradient);
    let mut loss = |weights: &[f32]| network.gradient(weights, windows, &mut work, &mut vec![0.0; weights.len()]);
    let mut worst = 0.0_f64;
    for tensor in &network.layout().tensors {
        for trial in 0..4 {
            let part = &gradient[tensor.range.clone()];
            let direction: Vec<f64> =
                part.iter().map(|&g| if trial == 0 || random.next() & 1 == 1 { f64::from(g) } else { 0.0 }).collect();
            let norm = direction.iter().map(|d| d * d).sum::<f64>().sqrt();
            if norm < 1e-3 {
                continue;
            }
            let mut slope = |step: f64| {
                let mut ends = [0.0; 2];
                for (end, sign) in ends.iter_mut().zip([1.0, -1.0]) {
                    let mut moved = weights.clone();
                    for (weight, d) in moved[tensor.range.clone()].iter_mut().zip(&direction) {
                        *weight += (sign * step * d / norm) as f32;
                    }
                    *end = loss(&moved);
                }
                (ends[0] - ends[1]) / (2.0 * step)
            };
            // Richardson: the error of order step² cancels.
            let (coarse, fine) = (slope(0.04), slope(0.02));
            let numeric = (4.0 * fine - coarse) / 3.0;
            let error = (numeric - norm).abs() / norm;
            assert!(error.is_finite(), "{}", tensor.name);
            if error > 1e-3 {
                println!("{}: {numeric} by differences, {norm} by the backward pass", tensor.name);
            }
            worst = worst.max(error);
        }
    }
    worst
}

/// Trains two models of one seed with different slices and thread pools; gives both weight vectors and the losses.
pub fn two_runs<N: Network>(make: impl Fn() -> N, steps: u64) -> [(Arc<Vec<f32>>, f64, f64); 2] {
    let text: Vec<u8> =
        (0..40_000_u32).map(|i| b"the quick brown fox "[(i % 20) as usize] ^ (u8::from(i % 97 == 0) * 7)).collect();
    let text = Arc::new(text);
    let budgets = [std::time::Duration::ZERO, std::time::Duration::from_mins(10)];
    budgets.map(|budget| {
        let mut trainer = Trainer::new(make(), 42);
        let (mut done, mut first, mut last) = (0, None, 0.0);
        while done < steps {
            let slice = Slice { steps: steps - done, budget, total_steps: 200 };
            let report = trainer.train(&text, &slice, &Unwatched, &|_, _| ()).unwrap();
            done += report.steps;
            first.get_or_insert(report.loss);
            last = report.loss;
        }
        (Arc::clone(trainer.weights()), first.unwrap_or(0.0), last)
    })
}
