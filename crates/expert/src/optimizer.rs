//! `AdamW` as mixture.md 1 sets it: 0.9, 0.95, decay 0.1, gradients clipped to norm 1, the rate warming up over 50 steps
//! and falling along a cosine to a tenth.
use tensor::kernels::{dot, vectorised};

use crate::layout::{Layout, Start};

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.95;
const DECAY: f32 = 0.1;
const FLOOR: f32 = 1e-8;
const NORM_MAX: f64 = 1.0;
const WARM_UP_STEPS: f64 = 50.0;
/// Rate at width 64; it falls with the root of the width.
const RATE: f64 = 3e-3;
const LAST_RATE: f64 = 0.1;

/// The moments of every weight and the number of steps they have seen.
pub struct AdamW {
    pub first: Vec<f32>,
    pub second: Vec<f32>,
    pub steps: u64,
}

impl AdamW {
    pub fn new(parameters: usize) -> Self {
        Self { first: vec![0.0; parameters], second: vec![0.0; parameters], steps: 0 }
    }

    /// One step along `gradient`, which is clipped in place. `total_steps` is the length of the whole training.
    pub fn step(&mut self, layout: &Layout, weights: &mut [f32], gradient: &mut [f32], width: usize, total_steps: u64) {
        let rate = rate(self.steps, total_steps, width) as f32;
        self.steps += 1;
        let norm = norm(gradient);
        let clip = if norm > NORM_MAX { (NORM_MAX / norm) as f32 } else { 1.0 };
        let power = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let correct_1 = (1.0 / (1.0 - power_of(f64::from(BETA_1), power))) as f32;
        let correct_2 = (1.0 / (1.0 - power_of(f64::from(BETA_2), power))) as f32;
        for tensor in &layout.tensors {
            let decay = if matches!(tensor.start, Start::Normal(_)) { 1.0 - rate * DECAY } else { 1.0 };
            let at = tensor.range.clone();
            let (weights, gradient) = (&mut weights[at.clone()], &gradient[at.clone()]);
            let (first, second) = (&mut self.first[at.clone()], &mut self.second[at]);
            vectorised(
                #[inline(always)]
                || {
                    for (((weight, g), m), v) in weights.iter_mut().zip(gradient).zip(first).zip(second) {
                        let g = g * clip;
                        *m = BETA_1 * *m + (1.0 - BETA_1) * g;
                        *v = BETA_2 * *v + (1.0 - BETA_2) * g * g;
                        *weight = *weight * decay - rate * (*m * correct_1) / ((*v * correct_2).sqrt() + FLOOR);
                    }
                },
            );
        }
    }
}

/// Norm of the whole gradient, summed in a fixed order.
fn norm(gradient: &[f32]) -> f64 {
    vectorised(
        #[inline(always)]
        || gradient.chunks(4_096).map(|chunk| f64::from(dot(chunk, chunk))).sum::<f64>().sqrt(),
    )
}

/// Powers by squaring: multiplications alone, so the same bits on every machine.
fn power_of(base: f64, exponent: i32) -> f64 {
    let (mut result, mut square, mut rest) = (1.0, base, exponent);
    while rest > 0 {
        if rest & 1 == 1 {
            result *= square;
        }
        square *= square;
        rest >>= 1;
    }
    result
}

/// The learning rate of step `step` (from 0) of `total`.
pub fn rate(step: u64, total: u64, width: usize) -> f64 {
    let peak = RATE * (64.0 / width as f64).sqrt();
    let warm = ((step + 1) as f64 / WARM_UP_STEPS).min(1.0);
    let done = (step as f64 / total.max(1) as f64).min(1.0);
    let cosine = LAST_RATE + (1.0 - LAST_RATE) * half_cosine(done);
    peak * warm * cosine
}

/// (1 + cos πx)/2 for x in 0..=1, by the series of the sine of half the angle's complement: + and × alone.
fn half_cosine(x: f64) -> f64 {
    // cos²(πx/2) = 1 − sin²(πx/2)
    let angle = x * std::f64::consts::FRAC_PI_2;
    let square = angle * angle;
    let mut sine = 0.0;
    for k in (0..10).rev() {
        sine = 1.0 - sine * square / f64::from((2 * k + 2) * (2 * k + 3));
    }
    sine *= angle;
    1.0 - sine * sine
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_warms_up_over_fifty_steps_and_ends_at_a_tenth() {
        assert!((rate(0, 1_000, 64) - 3e-3 / 50.0).abs() < 1e-9);
        assert!(rate(49, 1_000_000, 64) > 2.99e-3);
        assert!((rate(1_000, 1_000, 64) - 3e-4).abs() < 1e-9);
        assert!((rate(500, 1_000, 256) - 1.5e-3 * 0.55).abs() < 1e-9);
        for i in 0..=100 {
            let x = f64::from(i) / 100.0;
            assert!((half_cosine(x) - f64::midpoint(1.0, (std::f64::consts::PI * x).cos())).abs() < 1e-12);
        }
    }

    #[test]
    fn a_step_moves_against_the_gradient_and_clips_its_norm() {
        let mut layout = Layout::default();
        layout.add("gain", &[2], Start::Constant(1.0));
        let mut adam = AdamW::new(2);
        let mut weights = vec![1.0, 1.0];
        adam.step(&layout, &mut weights, &mut [300.0, -400.0], 64, 100);
        assert!(weights[0] < 1.0 && weights[1] > 1.0);
        assert!((adam.first[0] - 0.1 * 0.6).abs() < 1e-6, "0.6 is the clipped gradient");
    }
}
