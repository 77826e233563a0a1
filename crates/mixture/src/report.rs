//! Bits per byte of single players and of mixtures over the same claims.
use std::f64::consts::LOG2_E;

use crate::error::Error;
use crate::game::Game;
use crate::logarithm::{exp_claim, log2};
use crate::shapley::value;

/// Bits per byte: lower is better.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The posterior mixture of the fallback and all who answered, β = 0.
    pub network: f64,
    /// The plain mean of their probabilities.
    pub uniform: f64,
    /// The fallback alone.
    pub fallback: f64,
    /// Each player alone; NaN = failed.
    pub single: Vec<f64>,
}

/// What the claims of a game cost.
///
/// # Errors
/// `MIXTURE_ARGUMENT` or `MIXTURE_TOO_LARGE` for what is no game.
pub fn report(game: &Game) -> Result<Report, Error> {
    game.check()?;
    let positions = game.positions();
    let bits = |claims: &[u16]| {
        let sum: u64 = claims.iter().map(|&claim| u64::from(claim)).sum();
        sum as f64 / (4_096.0 * positions as f64) * LOG2_E
    };
    let answered: Vec<&[u16]> =
        std::iter::once(game.fallback.as_slice()).chain(game.peers.iter().flatten().map(Vec::as_slice)).collect();
    let mean = |t: usize| {
        answered.iter().fold(0.0, |sum, claims| sum + exp_claim(usize::from(claims[t]))) / answered.len() as f64
    };
    Ok(Report {
        network: -value(&game.rows(), u32::MAX, positions),
        uniform: -(0..positions).fold(0.0, |sum, t| sum + log2(mean(t))) / positions as f64,
        fallback: bits(&game.fallback),
        single: game.peers.iter().map(|claims| claims.as_deref().map_or(f64::NAN, bits)).collect(),
    })
}
