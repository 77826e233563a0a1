//! Next-token distributions in short (2.3): the likeliest bytes with their codes, and the code of what is left.
use crate::error::Error;
use crate::leaf::{LEAF, LEAVES_MAX, code, decode_into, leaves, mixed};
use crate::logarithm::ln;
use crate::tables::X;

/// Bytes that one distribution may list.
pub const NTD_ENTRIES_MAX: usize = 64;

fn code_of(p: f64) -> u8 {
    // At and below e^-16 every code is 255; a rest of nothing may even be negative by rounding.
    if p < 1e-7 { 255 } else { code(-ln(p)) }
}

fn encode_leaf(leaf: &[u8; LEAF], top_p: f64, n_max: usize, out: &mut Vec<u8>) {
    let mut p = [0.0; LEAF];
    decode_into(leaf, &mut p);
    // Equal codes are equal probabilities: the lower byte wins.
    let mut order: [u8; LEAF] = std::array::from_fn(|y| y as u8);
    order.sort_unstable_by_key(|&y| (leaf[usize::from(y)], y));
    let (mut listed, mut count) = (0.0, 0);
    while count < n_max && listed < top_p {
        listed += p[usize::from(order[count])];
        count += 1;
    }
    let chosen = &mut order[..count];
    chosen.sort_unstable();
    out.push(count as u8);
    for &mut y in chosen {
        out.extend([y, code_of(p[usize::from(y)])]);
    }
    out.push(code_of(1.0 - listed));
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
    let mut out = Vec::with_capacity(leaves.len() * (2 + 2 * n_max));
    for leaf in leaves {
        encode_leaf(leaf, top_p, n_max, &mut out);
    }
    Ok(out)
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

fn decode_one(entries: &[[u8; 2]], residual: u8, fallback: &[u8; LEAF], out: &mut [f64]) {
    let mut p0 = [0.0; LEAF];
    decode_into(fallback, &mut p0);
    let mut listed = [false; LEAF];
    for &[byte, code] in entries {
        listed[usize::from(byte)] = true;
        out[usize::from(byte)] = X[usize::from(code)];
    }
    let unlisted = p0.iter().zip(listed).filter(|&(_, listed)| !listed).fold(0.0, |sum, (&p, _)| sum + p);
    for ((weight, listed), p) in out.iter_mut().zip(listed).zip(p0) {
        if !listed {
            *weight = X[usize::from(residual)] * p / unlisted;
        }
    }
    let sum = out.iter().fold(0.0, |sum, &weight| sum + weight);
    for weight in out {
        *weight = mixed(*weight / sum);
    }
}

/// Probabilities, n·256, of n distributions; what they do not list is spread as the fallback's n leaves have it.
///
/// # Errors
/// `MIXTURE_NTD_MALFORMED` where `bytes` are not exactly n distributions, else as for leaves.
pub fn ntd_decode(bytes: &[u8], fallback: &[u8]) -> Result<Vec<f64>, Error> {
    let fallback = leaves(fallback)?;
    if bytes.len() > LEAVES_MAX * (2 + 2 * NTD_ENTRIES_MAX) {
        return Err(Error::TooLarge { what: "bytes of distributions", found: bytes.len(), max: LEAVES_MAX * 130 });
    }
    let mut out = vec![0.0; fallback.len() * LEAF];
    let mut rest = bytes;
    for (position, (leaf, out)) in fallback.iter().zip(out.chunks_exact_mut(LEAF)).enumerate() {
        let (entries, residual, next) = split(rest).map_err(|why| Error::Ntd { position, why })?;
        decode_one(entries, residual, leaf, out);
        rest = next;
    }
    if !rest.is_empty() {
        return Err(Error::Ntd { position: fallback.len(), why: "there are more bytes than positions" });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf() -> [u8; LEAF] {
        std::array::from_fn(|i| if i % 9 == 4 { (20 + i / 4) as u8 } else { 140 })
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
            assert!(matches!(ntd_decode(bad, &fallback), Err(Error::Ntd { .. })), "{bad:?}");
        }
    }
}
