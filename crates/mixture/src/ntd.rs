//! Next-token distributions in short (2.3): the likeliest bytes with their codes, and the code of what is left.
use std::f64::consts::LN_2;

use crate::error::Error;
use crate::leaf::{ABREAST, LEAF, LEAVES_MAX, Row, code as code_of_loss, distributions, leaves, mixed, rows, sums};
use crate::logarithm::ln;
use crate::simd::{Kernel, Simd, Width, log2};
use crate::tables::X;

/// Bytes that one distribution may list.
pub const NTD_ENTRIES_MAX: usize = 64;

fn code_of(p: f64) -> u8 {
    // At and below e^-16 every code is 255; a rest of nothing may even be negative by rounding.
    if p < 1e-7 { 255 } else { code_of_loss(-ln(p)) }
}

/// A bit for each byte.
type Bytes = [u64; LEAF / 64];

fn count(bytes: Bytes) -> usize {
    bytes.iter().map(|part| part.count_ones() as usize).sum()
}

/// The first `most` of `bytes`.
#[inline(always)]
#[allow(clippy::inline_always)]
fn first(bytes: Bytes, most: usize) -> Bytes {
    let mut room = most;
    bytes.map(|mut part| {
        let mut taken = 0;
        while room > 0 && part != 0 {
            taken |= part & part.wrapping_neg();
            part &= part - 1;
            room -= 1;
        }
        taken
    })
}

/// The likeliest bytes of `leaf`, `n_max` of them, as (code, byte), bytes increasing. Equal codes are equal
/// probabilities: the lower byte wins.
#[inline(always)]
#[allow(clippy::inline_always)] // compiled once per instruction set
fn likeliest<S: Simd>(simd: S, leaf: &[u8; LEAF], n_max: usize, chosen: &mut [[u8; 2]; NTD_ENTRIES_MAX]) -> usize {
    let (parts, _) = leaf.as_chunks::<64>();
    let at_most = |code: u8| -> Bytes { std::array::from_fn(|i| simd.at_most(&parts[i], code)) };
    // There are more than `n_max` bytes, so one code is the first that they cannot all have; bit by bit, from the top.
    let mut last = 0_u8;
    for bit in (0..8).rev() {
        let code = last | 1 << bit;
        last = if count(at_most(code - 1)) <= n_max { code } else { last };
    }
    let below = last.checked_sub(1).map_or([0; LEAF / 64], at_most);
    let tied = std::array::from_fn(|i| at_most(last)[i] & !below[i]);
    let ties = first(tied, n_max.saturating_sub(count(below)));
    let mut places = chosen.iter_mut();
    for (i, (below, ties)) in below.into_iter().zip(ties).enumerate() {
        let mut part = below | ties;
        while part != 0 {
            let y = 64 * i + part.trailing_zeros() as usize;
            part &= part - 1;
            if let Some(place) = places.next() {
                *place = [leaf[y % LEAF], y as u8];
            }
        }
    }
    NTD_ENTRIES_MAX - places.len()
}

/// Where each key stands in increasing order. Every key is compared with every other one: no branch to guess wrong.
#[inline(always)]
#[allow(clippy::inline_always)]
fn ranks(keys: &[i16; NTD_ENTRIES_MAX], count: usize) -> [u16; NTD_ENTRIES_MAX] {
    let mut ranks = [0; NTD_ENTRIES_MAX];
    for &other in keys.iter().take(count) {
        for (rank, &key) in ranks.iter_mut().zip(keys) {
            *rank += u16::from(key > other);
        }
    }
    ranks
}

/// `code_of` of `count` probabilities above 10⁻⁷.
#[inline(always)]
#[allow(clippy::inline_always)]
fn codes<S: Simd>(simd: S, p: &[f64; NTD_ENTRIES_MAX], count: usize) -> [u8; NTD_ENTRIES_MAX] {
    /// Vectors side by side.
    const BESIDE: usize = 4;
    let (mut logarithms, mut codes) = ([0.0; NTD_ENTRIES_MAX], [0; NTD_ENTRIES_MAX]);
    for at in (0..count).step_by(BESIDE * S::LANES) {
        let mut x = [simd.splat(1.0); BESIDE];
        for (i, x) in x.iter_mut().enumerate() {
            *x = simd.load(&p[at + i * S::LANES..]);
        }
        for (i, x) in log2(simd, x, 0).into_iter().enumerate() {
            simd.store(&mut logarithms[at + i * S::LANES..], x);
        }
    }
    for (code, log2) in codes.iter_mut().zip(&logarithms) {
        *code = code_of_loss(-(log2 * LN_2));
    }
    codes
}

#[inline(always)]
#[allow(clippy::inline_always)]
fn encode_leaf<S: Simd>(simd: S, leaf: &[u8; LEAF], sum: f64, of: &Encode<'_>, out: &mut Vec<u8>) {
    let mut chosen = [[0; 2]; NTD_ENTRIES_MAX];
    let count = likeliest(simd, leaf, of.n_max, &mut chosen);
    let (mut p, mut keys) = ([1.0; NTD_ENTRIES_MAX], [i16::MAX; NTD_ENTRIES_MAX]);
    for ((p, key), &[code, y]) in p.iter_mut().zip(&mut keys).zip(&chosen[..count]) {
        *p = X[usize::from(code)];
        // Ordered as code, then byte.
        *key = (u16::from_be_bytes([code, y]) ^ 0x8000) as i16;
    }
    for p in &mut p {
        *p = mixed(*p / sum);
    }
    let mut order = [0.0; NTD_ENTRIES_MAX];
    let ranks = ranks(&keys, count);
    for (&rank, &p) in ranks.iter().zip(&p).take(count) {
        order[usize::from(rank)] = p;
    }
    let (mut listed, mut kept) = (0.0, 0_u8);
    for &p in &order[..count] {
        if listed >= of.top_p {
            break;
        }
        listed += p;
        kept += 1;
    }
    let codes = codes(simd, &p, count);
    let mut entries = [[0; 2]; NTD_ENTRIES_MAX];
    let mut at = 0;
    for i in 0..count {
        entries[at] = [chosen[i][1], codes[i]];
        at += usize::from(ranks[i] < u16::from(kept));
    }
    out.push(kept);
    out.extend_from_slice(entries[..at].as_flattened());
    out.push(code_of(1.0 - listed));
}

struct Encode<'a> {
    leaves: &'a [[u8; LEAF]],
    top_p: f64,
    n_max: usize,
}

impl Kernel for Encode<'_> {
    type Output = Vec<u8>;

    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn run<S: Simd>(self, simd: S) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.leaves.len() * (2 + 2 * self.n_max));
        let (groups, rest) = self.leaves.as_chunks::<ABREAST>();
        for group in groups {
            for (leaf, sum) in group.iter().zip(sums(group)) {
                encode_leaf(simd, leaf, sum, &self, &mut out);
            }
        }
        for leaf in rest {
            let [sum] = sums(std::array::from_ref(leaf));
            encode_leaf(simd, leaf, sum, &self, &mut out);
        }
        out
    }
}

/// The short form of n leaves, one after the other. `top_p` in (0, 1], `n_max` in 1..=64.
///
/// # Errors
/// `MIXTURE_ARGUMENT` outside these ranges or for a broken leaf, `MIXTURE_TOO_LARGE` beyond `LEAVES_MAX`.
pub fn ntd_encode(bytes: &[u8], top_p: f64, n_max: usize) -> Result<Vec<u8>, Error> {
    let leaves = leaves(bytes)?;
    if !(top_p > 0.0 && top_p <= 1.0 && (1..=NTD_ENTRIES_MAX).contains(&n_max)) {
        return Err(Error::Argument("top_p is in (0, 1] and n_max in 1..64"));
    }
    Ok(Width::best().run(Encode { leaves, top_p, n_max }))
}

/// One distribution: its entries (byte, code), the code of the rest, and the bytes that follow it.
type Split<'a> = (&'a [[u8; 2]], u8, &'a [u8]);

/// The first distribution in `bytes`.
fn split(bytes: &[u8]) -> Result<Split<'_>, &'static str> {
    let (&count, rest) = bytes.split_first().ok_or("there are fewer distributions than positions")?;
    if usize::from(count) > NTD_ENTRIES_MAX {
        return Err("it lists more than 64 bytes");
    }
    let (entries, rest) = rest.split_at_checked(2 * usize::from(count)).ok_or("it is cut off")?;
    let (&residual, rest) = rest.split_first().ok_or("it is cut off")?;
    let (entries, _) = entries.as_chunks::<2>();
    if entries.windows(2).any(|pair| pair[0][0] >= pair[1][0]) {
        return Err("its bytes do not strictly increase");
    }
    Ok((entries, residual, rest))
}

/// Adds up rows, each in its order.
#[inline(always)]
#[allow(clippy::inline_always)]
fn add_up<const N: usize>(rows: &[Row; N]) -> [f64; N] {
    let mut sums = [0.0; N];
    for y in 0..LEAF {
        for (sum, row) in sums.iter_mut().zip(rows) {
            *sum += row[y];
        }
    }
    sums
}

#[inline(always)]
#[allow(clippy::inline_always)]
fn decode_some<const N: usize>(splits: &[Split<'_>; N], fallback: &[[u8; LEAF]; N], rows: &mut [Row; N]) {
    distributions(fallback, rows);
    // What is listed adds a zero to the sum of what is not: the same bits as leaving it out.
    for (row, (entries, ..)) in rows.iter_mut().zip(splits) {
        for &[byte, _] in *entries {
            row[usize::from(byte)] = 0.0;
        }
    }
    let unlisted = add_up(rows);
    for ((row, &(entries, residual, _)), unlisted) in rows.iter_mut().zip(splits).zip(unlisted) {
        let rest = X[usize::from(residual)];
        for p in row.iter_mut() {
            *p = rest * *p / unlisted;
        }
        for &[byte, code] in entries {
            row[usize::from(byte)] = X[usize::from(code)];
        }
    }
    let totals = add_up(rows);
    for (row, sum) in rows.iter_mut().zip(totals) {
        for p in row {
            *p = mixed(*p / sum);
        }
    }
}

struct Decode<'a> {
    splits: &'a [Split<'a>],
    /// One of each for each split.
    fallback: &'a [[u8; LEAF]],
    rows: &'a mut [Row],
}

impl Kernel for Decode<'_> {
    type Output = ();

    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn run<S: Simd>(self, _: S) {
        let (groups, splits) = self.splits.as_chunks::<ABREAST>();
        let (leaves, last) = self.fallback.as_chunks();
        let (places, rows) = self.rows.as_chunks_mut();
        for ((splits, leaves), rows) in groups.iter().zip(leaves).zip(places) {
            decode_some(splits, leaves, rows);
        }
        for ((split, leaf), row) in splits.iter().zip(last).zip(rows) {
            decode_some(std::array::from_ref(split), std::array::from_ref(leaf), std::array::from_mut(row));
        }
    }
}

/// The `count` distributions that `bytes` must be, and nothing else.
fn splits(bytes: &[u8], count: usize) -> Result<Vec<Split<'_>>, Error> {
    if bytes.len() > LEAVES_MAX * (2 + 2 * NTD_ENTRIES_MAX) {
        return Err(Error::TooLarge { what: "bytes of distributions", found: bytes.len(), max: LEAVES_MAX * 130 });
    }
    let (mut splits, mut rest) = (Vec::with_capacity(count), bytes);
    for position in 0..count {
        let one = split(rest).map_err(|why| Error::Ntd { position, why })?;
        rest = one.2;
        splits.push(one);
    }
    if !rest.is_empty() {
        return Err(Error::Ntd { position: count, why: "there are more bytes than positions" });
    }
    Ok(splits)
}

/// Probabilities of n distributions, into the n·256 numbers of `out`; what they do not list is spread as the fallback's
/// n leaves have it. Nothing is written before all is checked.
///
/// # Errors
/// `MIXTURE_NTD_MALFORMED` where `bytes` are not exactly n distributions, else as for `decode_into`.
pub fn ntd_decode_into(bytes: &[u8], fallback: &[u8], out: &mut [f64]) -> Result<(), Error> {
    let fallback = leaves(fallback)?;
    let rows = rows(out, fallback.len())?;
    let splits = splits(bytes, fallback.len())?;
    Width::best().run(Decode { splits: &splits, fallback, rows });
    Ok(())
}

/// `ntd_decode_into` with memory of its own.
///
/// # Errors
/// As `ntd_decode_into`.
pub fn ntd_decode(bytes: &[u8], fallback: &[u8]) -> Result<Vec<f64>, Error> {
    let mut out = vec![0.0; leaves(fallback)?.len() * LEAF];
    ntd_decode_into(bytes, fallback, &mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf() -> [u8; LEAF] {
        std::array::from_fn(|i| if i % 9 == 4 { (20 + i / 4) as u8 } else { 140 })
    }

    /// The definition, one leaf at a time, everything sorted and every code by its own logarithm.
    fn plain_encode(leaf: &[u8; LEAF], top_p: f64, n_max: usize) -> Vec<u8> {
        let p = crate::decode(leaf).unwrap_or_default();
        let mut order: Vec<u8> = (0..=255).collect();
        order.sort_by_key(|&y| (leaf[usize::from(y)], y));
        let (mut listed, mut chosen) = (0.0, vec![]);
        while chosen.len() < n_max && listed < top_p {
            listed += p[usize::from(order[chosen.len()])];
            chosen.push(order[chosen.len()]);
        }
        chosen.sort_unstable();
        let entries = chosen.iter().flat_map(|&y| [y, code_of(p[usize::from(y)])]);
        [chosen.len() as u8].into_iter().chain(entries).chain([code_of(1.0 - listed)]).collect()
    }

    fn plain_decode(bytes: &[u8], fallback: &[u8; LEAF]) -> Vec<u64> {
        let p0 = crate::decode(fallback).unwrap_or_default();
        let listed: Vec<(u8, u8)> = bytes[1..bytes.len() - 1].as_chunks::<2>().0.iter().map(|&[y, q]| (y, q)).collect();
        let code_at = |y: usize| listed.iter().find(|&&(byte, _)| usize::from(byte) == y).map(|&(_, code)| code);
        let unlisted = (0..LEAF).filter(|&y| code_at(y).is_none()).fold(0.0, |sum, y| sum + p0[y]);
        let residual = X[usize::from(bytes[bytes.len() - 1])];
        let weights: Vec<f64> =
            (0..LEAF).map(|y| code_at(y).map_or(residual * p0[y] / unlisted, |code| X[usize::from(code)])).collect();
        let sum = weights.iter().fold(0.0, |sum, &weight| sum + weight);
        weights.iter().map(|&weight| mixed(weight / sum).to_bits()).collect()
    }

    #[test]
    fn every_width_writes_and_reads_the_bits_of_the_definition() {
        let mut state = 7_u64;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let samples: Vec<[u8; LEAF]> = (0..123_u64)
            .map(|kind| match kind % 6 {
                0 => [next(256) as u8; LEAF],
                1 => std::array::from_fn(|y| if y as u64 == kind { 0 } else { 255 }),
                2 => std::array::from_fn(|_| 250 + next(6) as u8),
                3 => std::array::from_fn(|_| 60 + next(3) as u8),
                _ => std::array::from_fn(|_| next(256) as u8),
            })
            .collect();
        let fallback: Vec<[u8; LEAF]> = samples.iter().rev().copied().collect();
        for width in Width::all() {
            for (top_p, n_max) in [(0.8, 8), (0.95, 32), (1.0, 64), (1e-9, 1), (0.999_999, 64), (0.3, 63)] {
                let short = width.run(Encode { leaves: &samples, top_p, n_max });
                let parts: Vec<Vec<u8>> = samples.iter().map(|leaf| plain_encode(leaf, top_p, n_max)).collect();
                assert_eq!(short, parts.concat(), "{width:?} {top_p} {n_max}");
                let (splits, mut found) = (splits(&short, samples.len()).unwrap(), vec![[0.0; LEAF]; samples.len()]);
                width.run(Decode { splits: &splits, fallback: &fallback, rows: &mut found });
                let plain = parts.iter().zip(&fallback).flat_map(|(part, leaf)| plain_decode(part, leaf));
                assert!(found.as_flattened().iter().map(|p| p.to_bits()).eq(plain), "{width:?} {top_p} {n_max}");
            }
        }
    }

    #[test]
    fn the_fewest_bytes_that_reach_top_p_are_listed() {
        let bytes = ntd_encode(&leaf(), 0.5, 64).unwrap_or_default();
        let p = crate::decode(&leaf()).unwrap_or_default();
        let count = usize::from(bytes[0]);
        let sum: f64 = (0..count).map(|i| p[usize::from(bytes[1 + 2 * i])]).sum();
        let least = (0..count).map(|i| p[usize::from(bytes[1 + 2 * i])]).fold(1.0, f64::min);
        assert!(sum >= 0.5 && sum - least < 0.5, "{sum} {least}");
        assert_eq!(bytes.len(), 2 + 2 * count);
    }

    #[test]
    fn a_decoded_distribution_is_one_and_near_what_was_encoded() {
        let bytes = ntd_encode(&[leaf(), [7; LEAF]].concat(), 1.0, 64).unwrap_or_default();
        let p = ntd_decode(&bytes, &[0; 2 * LEAF]).unwrap_or_default();
        let exact = crate::decode(&leaf()).unwrap_or_default();
        assert!((p[..LEAF].iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((p[4] / exact[4]).ln().abs() < 0.08);
    }

    #[test]
    fn malformed_bytes_are_refused_at_their_position() {
        let fallback = [0; 2 * LEAF];
        let good = [1, 5, 0, 9, 0, 0];
        assert!(ntd_decode(&good, &fallback).is_ok());
        for bad in [&[][..], &good[..5], &[1, 5, 0, 9, 0, 0, 0], &[2, 5, 0, 5, 0, 9, 0, 0], &[65], &[1, 5]] {
            let mut out = vec![7.0; 2 * LEAF];
            assert!(matches!(ntd_decode_into(bad, &fallback, &mut out), Err(Error::Ntd { .. })), "{bad:?}");
            assert!(out.iter().all(|&p| p == 7.0), "{bad:?}");
        }
        assert!(matches!(ntd_decode_into(&good, &fallback, &mut [0.0; LEAF]), Err(Error::Argument(_))));
    }
}
