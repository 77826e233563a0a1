//! The transformer of mixture.md 1 in plain binary64, position by position, and the checks against it.
use tensor::mode::Mode;

use super::{
    Weights, check_bits_of_slices_and_threads, check_causality, check_gradient, check_learning, check_streams, sample,
    surprise, times,
};
use crate::transformer::{Shape, Transformer};

const NORM_FLOOR: f64 = 1e-6;

fn normed(x: &[f64], gain: &[f64]) -> Vec<f64> {
    let rms = (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64 + NORM_FLOOR).sqrt();
    x.iter().zip(gain).map(|(x, gain)| x / rms * gain).collect()
}

/// Pair c of a head turns by t·10,000^(−2c/width).
fn turned(x: &[f64], t: usize) -> Vec<f64> {
    let half = x.len() / 2;
    let mut out = x.to_vec();
    for c in 0..half {
        let (sine, cosine) = (t as f64 * 10_000_f64.powf(-(c as f64) / half as f64)).sin_cos();
        out[c] = x[c] * cosine - x[half + c] * sine;
        out[half + c] = x[c] * sine + x[half + c] * cosine;
    }
    out
}

fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x)).tanh())
}

fn add(x: &mut [f64], y: &[f64]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
}

/// Softmax of q·k/√head over the keys, then the sum of values.
fn attended(query: &[f64], keys: &[Vec<f64>], values: &[Vec<f64>]) -> Vec<f64> {
    let dot = |key: &[f64]| query.iter().zip(key).map(|(q, k)| q * k).sum::<f64>() / (query.len() as f64).sqrt();
    let weights: Vec<f64> = keys.iter().map(|key| dot(key).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let mut out = vec![0.0; query.len()];
    for (weight, value) in weights.iter().zip(values) {
        out.iter_mut().zip(value).for_each(|(out, value)| *out += weight / sum * value);
    }
    out
}

/// The summed loss of a window; `shape` is layers and heads.
fn loss(weights: &Weights, shape: &[usize], window: &[u8]) -> f64 {
    let [layers, heads] = *shape else { unreachable!() };
    let d = weights.get("norm").len();
    let head = d / heads;
    let embedding = weights.get("embedding");
    let mut rows: Vec<Vec<f64>> = (0..window.len())
        .map(|t| if t == 0 { 256 } else { usize::from(window[t - 1]) })
        .map(|token| embedding[token * d..][..d].to_vec())
        .collect();
    for layer in 0..layers {
        let get = |name: &str| weights.get(&format!("layers.{layer}.{name}"));
        let qkv: Vec<Vec<f64>> =
            rows.iter().map(|x| times(&normed(x, get("attention.norm")), get("attention.qkv"))).collect();
        let mut mixed = vec![Vec::new(); rows.len()];
        for h in 0..heads {
            let part = |t: usize, which: usize| &qkv[t][which * d + h * head..][..head];
            let keys: Vec<Vec<f64>> =
                (0..rows.len()).map(|t| turned(&normed(part(t, 1), get("attention.key_norm")), t)).collect();
            let values: Vec<Vec<f64>> = (0..rows.len()).map(|t| part(t, 2).to_vec()).collect();
            for (t, mixed) in mixed.iter_mut().enumerate() {
                let query = turned(&normed(part(t, 0), get("attention.query_norm")), t);
                mixed.extend(attended(&query, &keys[..=t], &values[..=t]));
            }
        }
        for (x, mixed) in rows.iter_mut().zip(&mixed) {
            add(x, &times(mixed, get("attention.out")));
            let up: Vec<f64> = times(&normed(x, get("mlp.norm")), get("mlp.up")).into_iter().map(gelu).collect();
            add(x, &times(&up, get("mlp.down")));
        }
    }
    rows.iter()
        .zip(window)
        .map(|(x, &byte)| {
            let x = normed(x, weights.get("norm"));
            let logits: Vec<f64> = embedding
                .chunks_exact(d)
                .take(256)
                .map(|bytes| bytes.iter().zip(&x).map(|(e, x)| e * x).sum())
                .collect();
            surprise(&logits, byte)
        })
        .sum()
}

fn make(mode: Mode) -> Transformer {
    Transformer::new(Shape { width: 32, layers: 2, heads: 2, context: 80, mode }).unwrap()
}

#[test]
fn every_element_of_the_gradient_agrees_with_differences_of_the_reference() {
    // A letter of few different ones, so that every token's embedding is checked but most rows are not used.
    let text: Vec<u8> = sample().iter().map(|byte| byte % 16).collect();
    for mode in [Mode::Fast, Mode::Exact] {
        let network = Transformer::new(Shape { width: 8, layers: 2, heads: 2, context: 40, mode }).unwrap();
        check_gradient(&network, &[&text[..40], &text[50..75]], &[2, 2], loss, 2e-4);
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
    check_learning(|| make(Mode::Fast), 6.0);
}

#[test]
fn a_changed_byte_changes_nothing_before_it_even_beyond_the_context() {
    check_causality(make(Mode::Fast), &[0, 31, 32, 63, 64, 79, 80, 81, 200, 299]);
}

#[test]
fn streams_and_batches_say_bit_for_bit_what_predict_says() {
    for mode in [Mode::Fast, Mode::Exact] {
        check_streams(make(mode));
    }
}
