//! The GRU of mixture.md 1 in plain binary64, time by time, and the checks against it.
use tensor::mode::Mode;

use super::{
    Weights, check_bits_of_slices_and_threads, check_causality, check_gradient, check_learning, check_streams, sample,
    surprise, times,
};
use crate::gru::{Gru, Shape};

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The summed loss of a window.
fn loss(weights: &Weights, _: &[usize], window: &[u8]) -> f64 {
    let bias = weights.get("recurrent_bias");
    let width = bias.len();
    let embedding = weights.get("embedding");
    let e = weights.get("input").len() / (3 * width);
    let mut state = vec![0.0; width];
    let mut sum = 0.0;
    for (t, &byte) in window.iter().enumerate() {
        let token = if t == 0 { 256 } else { usize::from(window[t - 1]) };
        let x = times(&embedding[token * e..][..e], weights.get("input"));
        let u = times(&state, weights.get("recurrent"));
        let gate = |part: usize, i: usize| x[part * width + i] + weights.get("input_bias")[part * width + i];
        state = (0..width)
            .map(|i| {
                let r = sigmoid(gate(0, i) + u[i]);
                let z = sigmoid(gate(1, i) + u[width + i]);
                let n = (gate(2, i) + r * (u[2 * width + i] + bias[i])).tanh();
                (1.0 - z) * n + z * state[i]
            })
            .collect();
        let logits = times(&state, weights.get("output"));
        let logits: Vec<f64> = logits.iter().zip(weights.get("output_bias")).map(|(x, bias)| x + bias).collect();
        sum += surprise(&logits, byte);
    }
    sum
}

fn make(mode: Mode) -> Gru {
    Gru::new(Shape { embedding: 16, width: 24, context: 40, mode }).unwrap()
}

#[test]
fn every_element_of_the_gradient_agrees_with_differences_of_the_reference() {
    let text: Vec<u8> = sample().iter().map(|byte| byte % 16).collect();
    for mode in [Mode::Fast, Mode::Exact] {
        let network = Gru::new(Shape { embedding: 8, width: 11, context: 40, mode }).unwrap();
        check_gradient(&network, &[&text[..20], &text[50..70], &text[100..120]], &[], loss, 2e-4);
    }
}

#[test]
fn bits_depend_neither_on_slices_nor_on_threads() {
    for mode in [Mode::Fast, Mode::Exact] {
        check_bits_of_slices_and_threads(|| make(mode));
    }
}

#[test]
fn training_lowers_the_loss() {
    check_learning(|| make(Mode::Fast), 6.5);
}

#[test]
fn a_changed_byte_changes_nothing_before_it() {
    check_causality(make(Mode::Fast), &[0, 1, 39, 40, 299]);
}

#[test]
fn streams_and_batches_say_bit_for_bit_what_predict_says() {
    for mode in [Mode::Fast, Mode::Exact] {
        check_streams(make(mode));
    }
}
