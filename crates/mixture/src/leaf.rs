//! The leaf code of 2.1: 256 × u8, -ln p of each next byte in steps of 1/16 nat, and the claim that a leaf makes.
use crate::error::Error;
use crate::logarithm::{EXP_MINUS_END, exp_claim, ln};
use crate::simd::{Kernel, Simd, Width, truncate};
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
/// The probabilities of one position.
pub(crate) type Row = [f64; LEAF];

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

/// Leaves that are added up side by side: each sum keeps its order, and the adder is never idle.
pub(crate) const ABREAST: usize = 8;

/// Σ X of each leaf.
#[inline(always)]
#[allow(clippy::inline_always)] // compiled once per instruction set
pub(crate) fn sums<const N: usize>(leaves: &[[u8; LEAF]; N]) -> [f64; N] {
    let mut sums = [0.0; N];
    for y in 0..LEAF {
        for (sum, leaf) in sums.iter_mut().zip(leaves) {
            *sum += X[usize::from(leaf[y])];
        }
    }
    sums
}

/// (1-ε)·p̂ + ε/256
#[inline]
pub(crate) fn mixed(share: f64) -> f64 {
    KEPT * share + FLOOR
}

/// The mixed probability of one byte, `sum` being that of its leaf.
#[inline]
pub(crate) fn probability(leaf: &[u8; LEAF], sum: f64, byte: u8) -> f64 {
    mixed(X[usize::from(leaf[usize::from(byte)])] / sum)
}

#[inline]
fn claim_of(p: f64) -> u16 {
    (4_096.0 * -ln(p) + 0.5) as u16
}

/// ⌊4096·(-ln p)+½⌋ of the decoded, mixed probability of `byte`.
pub fn claim(leaf: &[u8; LEAF], byte: u8) -> u16 {
    let [sum] = sums(std::array::from_ref(leaf));
    claim_of(probability(leaf, sum, byte))
}

/// The claim of each position: T·256 bytes of leaves, T of text.
///
/// # Errors
/// `MIXTURE_ARGUMENT` when the sizes do not fit, `MIXTURE_TOO_LARGE` beyond `LEAVES_MAX`.
pub fn claims(bytes: &[u8], text: &[u8]) -> Result<Vec<u16>, Error> {
    let leaves = leaves(bytes)?;
    if leaves.len() != text.len() {
        return Err(Error::Argument("there is not one leaf for each byte of text"));
    }
    let mut out = Vec::with_capacity(text.len());
    let (groups, rest) = leaves.as_chunks::<ABREAST>();
    let (texts, last) = text.as_chunks::<ABREAST>();
    for (group, bytes) in groups.iter().zip(texts) {
        for ((leaf, sum), &byte) in group.iter().zip(sums(group)).zip(bytes) {
            out.push(claim_of(probability(leaf, sum, byte)));
        }
    }
    out.extend(rest.iter().zip(last).map(|(leaf, &byte)| claim(leaf, byte)));
    Ok(out)
}

/// X of each code, and the sum of each row: its terms are looked up once for both.
#[inline(always)]
#[allow(clippy::inline_always)]
fn look_up<const N: usize>(leaves: &[[u8; LEAF]; N], rows: &mut [Row; N]) -> [f64; N] {
    let mut sums = [0.0; N];
    for y in 0..LEAF {
        for ((sum, leaf), row) in sums.iter_mut().zip(leaves).zip(&mut *rows) {
            let x = X[usize::from(leaf[y])];
            row[y] = x;
            *sum += x;
        }
    }
    sums
}

/// The distributions of leaves, into `rows`.
#[inline(always)]
#[allow(clippy::inline_always)]
pub(crate) fn distributions<const N: usize>(leaves: &[[u8; LEAF]; N], rows: &mut [Row; N]) {
    let sums = look_up(leaves, rows);
    for (row, sum) in rows.iter_mut().zip(sums) {
        for p in row {
            *p = mixed(*p / sum);
        }
    }
}

struct Decode<'a> {
    leaves: &'a [[u8; LEAF]],
    /// One for each leaf.
    rows: &'a mut [Row],
}

impl Kernel for Decode<'_> {
    type Output = ();

    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn run<S: Simd>(self, _: S) {
        let ((groups, leaves), (places, rows)) = (self.leaves.as_chunks(), self.rows.as_chunks_mut::<ABREAST>());
        for (leaves, rows) in groups.iter().zip(places) {
            distributions(leaves, rows);
        }
        for (leaf, row) in leaves.iter().zip(rows) {
            distributions(std::array::from_ref(leaf), std::array::from_mut(row));
        }
    }
}

/// The decoded, mixed probabilities of n leaves, into the n·256 numbers of `out`.
///
/// # Errors
/// `MIXTURE_ARGUMENT` for a broken leaf or an `out` of another size, `MIXTURE_TOO_LARGE` beyond `LEAVES_MAX`.
pub fn decode_into(bytes: &[u8], out: &mut [f64]) -> Result<(), Error> {
    let leaves = leaves(bytes)?;
    let rows = rows(out, leaves.len())?;
    Width::best().run(Decode { leaves, rows });
    Ok(())
}

/// `decode_into` with memory of its own.
///
/// # Errors
/// As `decode_into`.
pub fn decode(bytes: &[u8]) -> Result<Vec<f64>, Error> {
    let mut out = vec![0.0; leaves(bytes)?.len() * LEAF];
    decode_into(bytes, &mut out)?;
    Ok(out)
}

/// The `count` rows that `out` must be.
pub(crate) fn rows(out: &mut [f64], count: usize) -> Result<&mut [Row], Error> {
    if out.len() != count * LEAF {
        return Err(Error::Argument("there are not 256 numbers for each leaf"));
    }
    Ok(out.as_chunks_mut().0)
}

/// min(255, ⌊16·(-ln p)+½⌋), given -ln p; 0 for what rounding made less than nothing.
#[inline(always)]
#[allow(clippy::inline_always)]
pub(crate) fn code(loss: f64) -> u8 {
    truncate(16.0 * loss + 0.5, 255) as u8
}

/// Rows that are encoded together, so that their sums run side by side.
const ROWS: usize = 4;
/// Numbers looked at together for the largest one.
const ACROSS: usize = 16;
type Logarithms = [f32; LEAF];

/// The largest number of a row.
#[inline(always)]
#[allow(clippy::inline_always)]
fn largest(row: &Logarithms) -> Result<f64, Error> {
    let (mut most, mut broken) = ([f32::NEG_INFINITY; ACROSS], [false; ACROSS]);
    for part in row.as_chunks::<ACROSS>().0 {
        for i in 0..ACROSS {
            most[i] = if part[i] > most[i] { part[i] } else { most[i] };
            broken[i] |= part[i].is_nan();
        }
    }
    if broken.contains(&true) {
        return Err(Error::Argument("a log-probability is not a number"));
    }
    let most = f64::from(most.into_iter().fold(f32::NEG_INFINITY, f32::max));
    if most.is_finite() {
        Ok(most)
    } else {
        Err(Error::Argument("a row of log-probabilities has no finite largest one"))
    }
}

/// `exp_minus` of how far each number lies below the largest.
#[inline(always)]
#[allow(clippy::inline_always)]
fn shares(row: &Logarithms, largest: f64) -> [f64; LEAF] {
    let (mut shares, mut steps, mut factors) = ([0.0; LEAF], [0; LEAF], [0.0; LEAF]);
    for y in 0..LEAF {
        let d = largest - f64::from(row[y]);
        let scaled = d * 4_096.0;
        let far = scaled >= EXP_MINUS_END;
        let step = truncate(scaled, EXP_MINUS_END as u32 - 1);
        let rest = d - f64::from(step) / 4_096.0;
        steps[y] = step;
        factors[y] = if far { 0.0 } else { 1.0 - rest + rest * rest * 0.5 };
    }
    for y in 0..LEAF {
        shares[y] = exp_claim(steps[y] as usize);
    }
    for (share, factor) in shares.iter_mut().zip(&factors) {
        *share *= factor;
    }
    shares
}

#[inline(always)]
#[allow(clippy::inline_always)]
fn encode_rows<const N: usize>(rows: &[Logarithms; N], out: &mut Vec<u8>) -> Result<(), Error> {
    let (mut most, mut parts, mut sums) = ([0.0; N], [[0.0; LEAF]; N], [0.0; N]);
    for (n, row) in rows.iter().enumerate() {
        most[n] = largest(row)?;
        parts[n] = shares(row, most[n]);
    }
    for y in 0..LEAF {
        for (sum, part) in sums.iter_mut().zip(&parts) {
            *sum += part[y];
        }
    }
    for ((row, most), sum) in rows.iter().zip(most).zip(sums) {
        let (ln_sum, mut codes) = (ln(sum), [0; LEAF]);
        for (to, &value) in codes.iter_mut().zip(row) {
            *to = code(most - f64::from(value) + ln_sum);
        }
        out.extend_from_slice(&codes);
    }
    Ok(())
}

struct Encode<'a>(&'a [Logarithms]);

impl Kernel for Encode<'_> {
    type Output = Result<Vec<u8>, Error>;

    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn run<S: Simd>(self, _: S) -> Result<Vec<u8>, Error> {
        let mut out = Vec::with_capacity(self.0.len() * LEAF);
        let (groups, rest) = self.0.as_chunks::<ROWS>();
        for rows in groups {
            encode_rows(rows, &mut out)?;
        }
        for row in rest {
            encode_rows(std::array::from_ref(row), &mut out)?;
        }
        Ok(out)
    }
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
    Width::best().run(Encode(rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logarithm::exp_minus;

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

    /// Leaves, and rows of logarithms, of every kind: flat, sure, at random, far apart, without some bytes.
    fn samples() -> (Vec<[u8; LEAF]>, Vec<Logarithms>) {
        let mut state = 3_u64;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let leaves = (0..61_u64).map(|kind| match kind % 4 {
            0 => [next(256) as u8; LEAF],
            1 => std::array::from_fn(|y| if y as u64 == kind { 0 } else { 255 }),
            _ => std::array::from_fn(|_| next(256) as u8),
        });
        let leaves = leaves.collect();
        let rows = (0..61_u64).map(|kind| match kind % 4 {
            0 => [next(90) as f32 - 40.0; LEAF],
            1 => std::array::from_fn(|_| if next(3) == 0 { f32::NEG_INFINITY } else { next(1 << 20) as f32 / 4_096.0 }),
            2 => std::array::from_fn(|y| if y as u64 == kind { 3.4e38 } else { -3.4e38 }),
            _ => std::array::from_fn(|_| next(1 << 24) as f32 / -1_048_576.0),
        });
        (leaves, rows.collect())
    }

    #[test]
    fn every_width_decodes_and_encodes_to_the_bits_of_the_definition() {
        let (leaves, rows) = samples();
        let decoded = leaves.iter().flat_map(|leaf| {
            let sum = leaf.iter().fold(0.0, |sum, &code| sum + X[usize::from(code)]);
            leaf.map(|code| mixed(X[usize::from(code)] / sum).to_bits())
        });
        let decoded: Vec<u64> = decoded.collect();
        let encoded = rows.iter().flat_map(|row| {
            let most = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
            let sum = row.iter().fold(0.0, |sum, &value| sum + exp_minus(most - f64::from(value)));
            row.map(|value| code(most - f64::from(value) + ln(sum)))
        });
        let encoded: Vec<u8> = encoded.collect();
        for width in Width::all() {
            let mut found = vec![[0.0; LEAF]; leaves.len()];
            width.run(Decode { leaves: &leaves, rows: &mut found });
            assert!(found.as_flattened().iter().map(|p| p.to_bits()).eq(decoded.iter().copied()), "{width:?}");
            assert_eq!(width.run(Encode(&rows)), Ok(encoded.clone()), "{width:?}");
        }
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
        assert!(matches!(decode_into(&[0; LEAF], &mut [0.0; LEAF + 1]), Err(Error::Argument(_))));
    }
}
