//! The leaf code of 2.1: 256 × u8, -ln p of each next byte in steps of 1/16 nat, and the claim that a leaf makes.
use crate::error::Error;
use crate::logarithm::{exp_minus, ln};
use crate::tables::X;

/// Bytes of a leaf.
pub const LEAF: usize = 256;
/// The longest span, in positions.
pub const LENGTH_MAX: usize = 4_096;
/// Leaves in one call: four of the longest spans, 4 MiB.
pub const LEAVES_MAX: usize = 16_384;
/// The largest claim that a leaf can make: a loss of 20 bits.
pub const CLAIM_MAX: u16 = 56_783;
/// ε = 2⁻¹², the uniform share of every decoded distribution.
const EPSILON: f64 = 1.0 / 4_096.0;
const KEPT: f64 = 1.0 - EPSILON;
const FLOOR: f64 = EPSILON / 256.0;

/// The leaves in `bytes`, checked.
pub(crate) fn leaves(bytes: &[u8]) -> Result<&[[u8; LEAF]], Error> {
    let (leaves, rest) = bytes.as_chunks::<LEAF>();
    if !rest.is_empty() {
        return Err(Error::Argument("leaves are 256 bytes each"));
    }
    if leaves.len() > LEAVES_MAX {
        return Err(Error::TooLarge { what: "leaves", found: leaves.len(), max: LEAVES_MAX });
    }
    Ok(leaves)
}

#[inline]
fn sum(leaf: &[u8; LEAF]) -> f64 {
    leaf.iter().fold(0.0, |sum, &code| sum + X[usize::from(code)])
}

/// (1-ε)·p̂ + ε/256
#[inline]
pub(crate) fn mixed(share: f64) -> f64 {
    KEPT * share + FLOOR
}

/// The mixed probability of one byte, `sum` being that of its leaf.
#[inline]
fn probability(leaf: &[u8; LEAF], sum: f64, byte: u8) -> f64 {
    mixed(X[usize::from(leaf[usize::from(byte)])] / sum)
}

#[inline]
fn claim_of(p: f64) -> u16 {
    (4_096.0 * -ln(p) + 0.5) as u16
}

/// ⌊4096·(-ln p)+½⌋ of the decoded, mixed probability of `byte`.
pub fn claim(leaf: &[u8; LEAF], byte: u8) -> u16 {
    claim_of(probability(leaf, sum(leaf), byte))
}

/// The claim of each position: T·256 bytes of leaves, T of text.
///
/// # Errors
/// `MIXTURE_ARGUMENT` when the sizes do not fit, `MIXTURE_TOO_LARGE` beyond `LEAVES_MAX`.
pub fn claims(bytes: &[u8], text: &[u8]) -> Result<Vec<u16>, Error> {
    /// Leaves added up side by side: each sum keeps its order, and the adder is never idle.
    const ABREAST: usize = 8;
    let leaves = leaves(bytes)?;
    if leaves.len() != text.len() {
        return Err(Error::Argument("there is not one leaf for each byte of text"));
    }
    let mut out = Vec::with_capacity(text.len());
    let (groups, rest) = leaves.as_chunks::<ABREAST>();
    let (texts, last) = text.as_chunks::<ABREAST>();
    for (group, bytes) in groups.iter().zip(texts) {
        let mut sums = [0.0; ABREAST];
        for y in 0..LEAF {
            for (sum, leaf) in sums.iter_mut().zip(group) {
                *sum += X[usize::from(leaf[y])];
            }
        }
        for ((leaf, sum), &byte) in group.iter().zip(sums).zip(bytes) {
            out.push(claim_of(probability(leaf, sum, byte)));
        }
    }
    out.extend(rest.iter().zip(last).map(|(leaf, &byte)| claim(leaf, byte)));
    Ok(out)
}

/// The distribution of one leaf.
pub(crate) fn decode_into(leaf: &[u8; LEAF], out: &mut [f64]) {
    let sum = sum(leaf);
    for (p, &code) in out.iter_mut().zip(leaf) {
        *p = X[usize::from(code)];
    }
    for p in out {
        *p = mixed(*p / sum);
    }
}

/// The decoded, mixed probabilities of n leaves, n·256.
///
/// # Errors
/// `MIXTURE_ARGUMENT` for a broken leaf, `MIXTURE_TOO_LARGE` beyond `LEAVES_MAX`.
pub fn decode(bytes: &[u8]) -> Result<Vec<f64>, Error> {
    let leaves = leaves(bytes)?;
    let mut out = vec![0.0; bytes.len()];
    for (leaf, out) in leaves.iter().zip(out.chunks_exact_mut(LEAF)) {
        decode_into(leaf, out);
    }
    Ok(out)
}

/// min(255, ⌊16·(-ln p)+½⌋), given -ln p.
#[inline]
pub(crate) fn code(loss: f64) -> u8 {
    (16.0 * loss + 0.5) as u8
}

/// Leaf codes of n·256 natural-log probabilities, each row normalised first; -∞ is probability 0.
///
/// # Errors
/// `MIXTURE_ARGUMENT` for a broken row, NaN, +∞ or a row of zeros, `MIXTURE_TOO_LARGE` beyond `LEAVES_MAX`.
pub fn encode(ln_probabilities: &[f32]) -> Result<Vec<u8>, Error> {
    let (rows, rest) = ln_probabilities.as_chunks::<LEAF>();
    if !rest.is_empty() {
        return Err(Error::Argument("log-probabilities come in rows of 256"));
    }
    if rows.len() > LEAVES_MAX {
        return Err(Error::TooLarge { what: "leaves", found: rows.len(), max: LEAVES_MAX });
    }
    let mut out = Vec::with_capacity(ln_probabilities.len());
    for row in rows {
        if row.iter().any(|value| value.is_nan()) {
            return Err(Error::Argument("a log-probability is not a number"));
        }
        let largest = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        if !largest.is_finite() {
            return Err(Error::Argument("a row of log-probabilities has no finite largest one"));
        }
        let sum = row.iter().fold(0.0, |sum, &value| sum + exp_minus(largest - f64::from(value)));
        let ln_sum = ln(sum);
        out.extend(row.iter().map(|&value| code(largest - f64::from(value) + ln_sum)));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_string_of_256_bytes_is_a_distribution() {
        for leaf in
            [[0; LEAF], [255; LEAF], std::array::from_fn(|i| i as u8), std::array::from_fn(|i| (i * 7 % 256) as u8)]
        {
            let p = decode(&leaf).unwrap_or_default();
            assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(p.iter().all(|&p| p > 0.0));
        }
    }

    #[test]
    fn no_loss_exceeds_twenty_bits() {
        let mut leaf = [0; LEAF];
        leaf[7] = 255;
        assert!(claim(&leaf, 7) <= CLAIM_MAX);
        let mut sure = [255; LEAF];
        sure[7] = 0;
        assert!(claim(&sure, 8) <= CLAIM_MAX && claim(&sure, 7) < 8);
        assert_eq!(claim_of(FLOOR), CLAIM_MAX);
    }

    #[test]
    fn claims_side_by_side_equal_claims_one_by_one() {
        let bytes: Vec<u8> = (0..LEAF * 21).map(|i| (i * i / 97 % 251) as u8).collect();
        let text: Vec<u8> = (0..21).map(|i| (i * 37 % 256) as u8).collect();
        let one: Vec<u16> =
            leaves(&bytes).iter().flat_map(|l| l.iter()).zip(&text).map(|(l, &b)| claim(l, b)).collect();
        assert_eq!(claims(&bytes, &text), Ok(one));
    }

    #[test]
    fn a_leaf_survives_decoding_and_encoding_but_for_the_uniform_share() {
        let leaf: [u8; LEAF] = std::array::from_fn(|i| if i < 64 { (i % 50 + 40) as u8 } else { 255 });
        let p = decode(&leaf).unwrap_or_default();
        let again = encode(&p.iter().map(|p| p.ln() as f32).collect::<Vec<_>>()).unwrap_or_default();
        let third = decode(&again).unwrap_or_default();
        for (a, b) in p.iter().zip(third) {
            assert!((mixed(*a) / b).ln().abs() < 0.07, "{a} {b}");
        }
    }

    #[test]
    fn impossible_rows_are_refused() {
        let mut row = [0_f32; LEAF];
        row[3] = f32::NAN;
        assert!(matches!(encode(&row), Err(Error::Argument(_))));
        assert!(matches!(encode(&[f32::NEG_INFINITY; LEAF]), Err(Error::Argument(_))));
        assert!(matches!(encode(&[0.0; 255]), Err(Error::Argument(_))));
        assert!(matches!(claims(&[0; LEAF], &[]), Err(Error::Argument(_))));
        assert!(matches!(decode(&vec![0; LEAF * (LEAVES_MAX + 1)]), Err(Error::TooLarge { .. })));
    }
}
