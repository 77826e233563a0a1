//! Seal hashing on a device. Of a seal's SHA-256 block only word 0, the low half of the nonce, differs within a launch;
//! whatever does not depend on it is folded here and handed over as parameters.
use std::time::Instant;

use crate::accelerator::Accelerator;
use crate::device::Found;
use crate::engine::{Access, Engine, Kernel, Module};
use crate::error::Error;
use crate::host;
use crate::request::{Heads, Search};
use crate::watch::Watch;
use crate::wgsl;

static SEAL: Module = Module { name: "seal", ptx: include_str!("../cuda/seal.ptx"), capability: 70 };

/// Threads of a group.
const GROUP: u32 = 128;
/// Words of parameters: see [`params`].
const PARAMS: usize = 104;

/// Finds the smallest offset whose seal begins with at most the head: buffer 0 is that offset, at first the largest u32.
pub static SEARCH: Kernel = Kernel {
    name: "seal_search",
    group: [GROUP, 1, 1],
    access: &[Access::Write],
    params: PARAMS,
    wgsl: Some(wgsl::seal::search),
    cuda: Some(&SEAL),
};

/// Writes the heads of all offsets, low word first.
pub static HEADS: Kernel = Kernel {
    name: "seal_heads",
    group: [GROUP, 1, 1],
    access: &[Access::Write],
    params: PARAMS,
    wgsl: Some(wgsl::seal::heads),
    cuda: Some(&SEAL),
};

pub(crate) const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The first 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4).
pub(crate) const K: [u32; 64] = round_constants();

const fn round_constants() -> [u32; 64] {
    let mut constants = [0; 64];
    let (mut prime, mut at) = (2_u128, 0);
    while at < 64 {
        let mut divisor = 2;
        while divisor * divisor <= prime && !prime.is_multiple_of(divisor) {
            divisor += 1;
        }
        if divisor * divisor > prime {
            // The integer cube root of prime · 2⁹⁶ is the cube root of the prime with 32 bits after the point.
            let (mut root, mut bit) = (0_u128, 1_u128 << 35);
            while bit > 0 {
                let next = root | bit;
                if next * next * next <= prime << 96 {
                    root = next;
                }
                bit >>= 1;
            }
            constants[at] = root as u32;
            at += 1;
        }
        prime += 1;
    }
    constants
}

/// The constants of Keccak's rounds, from the linear feedback shift register of its definition (FIPS 202, 3.2.5).
pub(crate) const ROUNDS: [u64; 24] = iota_constants();

const fn iota_constants() -> [u64; 24] {
    let mut constants = [0; 24];
    let (mut register, mut round) = (1_u32, 0);
    while round < 24 {
        let mut j = 0;
        while j < 7 {
            if register & 1 == 1 {
                constants[round] |= 1 << ((1 << j) - 1);
            }
            register <<= 1;
            if register & 0x100 != 0 {
                register ^= 0x171;
            }
            j += 1;
        }
        round += 1;
    }
    constants
}

fn small0(w: u32) -> u32 {
    w.rotate_right(7) ^ w.rotate_right(18) ^ (w >> 3)
}

fn small1(w: u32) -> u32 {
    w.rotate_right(17) ^ w.rotate_right(19) ^ (w >> 10)
}

/// The padded block of a nonce whose low half is 0, as big-endian words.
fn block(high: u32, inner: &[u8; 32]) -> [u32; 16] {
    let mut words = [0; 16];
    words[1] = high.swap_bytes();
    for (word, bytes) in words[2..10].iter_mut().zip(inner.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    words[10] = 0x8000_0000;
    words[15] = 40 * 8;
    words
}

/// What one launch is about.
struct Span {
    /// Its first nonce; the low half does not overflow within the launch.
    first: u64,
    count: u32,
    /// Threads of the launch: each takes every so many-th nonce.
    stride: u32,
    head: u64,
}

/// The parameters, in words: 0 low half of the first nonce, 1 count, 2 stride, 4 and 5 the head (high, low), 8 to 15 the
/// working variables after round 0 without word 0 in a and e, 16 to 31 K[t] + W[t] of rounds 0 to 15, 32 to 47 the
/// constant parts of words 16 to 31, 48 to 50 K[t] + W[t] of rounds 17, 19 and 21, 56 to 103 Keccak's constants.
fn params(inner: &[u8; 32], span: &Span) -> [u32; PARAMS] {
    let w = block((span.first >> 32) as u32, inner);
    let [a, b, c, d, e, f, g, h] = INITIAL;
    let big1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
    let first = h.wrapping_add(big1).wrapping_add((e & f) ^ (!e & g)).wrapping_add(K[0]);
    let big0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
    let second = big0.wrapping_add((a & b) ^ (a & c) ^ (b & c));

    // Words 17, 19 and 21 are constant altogether; of the others whatever is constant is summed, word 0 being 0 here.
    let mut parts = [0_u32; 32];
    parts[..16].copy_from_slice(&w);
    let constant = |t: usize| (1..16).contains(&t) || [17, 19, 21].contains(&t);
    for t in 16..32 {
        let term = |at: usize, parts: &[u32; 32]| if constant(at) { parts[at] } else { 0 };
        let terms =
            [small1(term(t - 2, &parts)), term(t - 7, &parts), small0(term(t - 15, &parts)), term(t - 16, &parts)];
        parts[t] = terms.into_iter().fold(0, u32::wrapping_add);
    }

    let mut out = [0; PARAMS];
    out[..6].copy_from_slice(&[
        span.first as u32,
        span.count,
        span.stride,
        0,
        (span.head >> 32) as u32,
        span.head as u32,
    ]);
    out[8..16].copy_from_slice(&[first.wrapping_add(second), a, b, c, d.wrapping_add(first), e, f, g]);
    for t in 0..16 {
        out[16 + t] = K[t].wrapping_add(w[t]);
        out[32 + t] = parts[16 + t];
    }
    for (at, t) in [17, 19, 21].into_iter().enumerate() {
        out[48 + at] = K[t].wrapping_add(parts[t]);
    }
    for (words, lane) in out[56..].as_chunks_mut::<2>().0.iter_mut().zip(ROUNDS) {
        *words = [lane as u32, (lane >> 32) as u32];
    }
    out
}

/// Nonces of the first launch on a device.
const FIRST: u64 = 1 << 14;
/// Nonces that one launch can count.
const SPAN_MAX: u64 = 1 << 31;

impl<E: Engine> Accelerator<E> {
    /// Nonces from `nonce` on that one launch takes, of `left`.
    fn span(&self, nonce: u64, left: u64) -> u64 {
        let to_carry = (1 << 32) - u64::from(nonce as u32);
        self.pace(SEARCH.name, FIRST).units().min(left).min(to_carry).min(SPAN_MAX)
    }

    fn run(
        &mut self,
        kernel: &'static Kernel,
        inner: &[u8; 32],
        first: u64,
        count: u64,
        head: u64,
    ) -> Result<(), Error> {
        let groups = count.div_ceil(u64::from(GROUP)).min(u64::from(self.engine.width() / GROUP)).max(1) as u32;
        let span = Span { first, count: count as u32, stride: groups * GROUP, head };
        let Self { engine, small, .. } = self;
        engine.launch(kernel, &[small], &params(inner, &span), [groups, 1, 1])
    }

    pub(crate) fn seal_search(&mut self, search: &Search, watch: &Watch) -> Result<Found, Error> {
        // No seal that meets the difficulty begins with a larger head.
        let head = u64::MAX / search.difficulty.max(1);
        let mut done = 0;
        while done < search.count {
            watch.step(done, search.count)?;
            let first = search.start.wrapping_add(done);
            let count = self.span(first, search.count - done);
            let begun = Instant::now();
            self.engine.upload(&self.small, 0, &[0xff; 4])?;
            self.run(&SEARCH, &search.inner, first, count, head)?;
            let mut best = [0; 4];
            self.engine.download(&self.small, 0, &mut best)?;
            let best = u64::from(u32::from_le_bytes(best));
            if best >= count {
                self.learn(SEARCH.name, FIRST, count, begun.elapsed().as_secs_f64());
                done += count;
                continue;
            }
            let nonce = first.wrapping_add(best);
            done += best + 1;
            if pow::meets(&pow::seal(&search.inner, nonce), search.difficulty) {
                return Ok(Found { nonce: Some(nonce), hashes: done });
            }
            if host::head(&search.inner, nonce) > head {
                return Err(Error::Wrong(format!("it found nonce {nonce}, which the definition refuses")));
            }
        }
        Ok(Found { nonce: None, hashes: done })
    }

    pub(crate) fn seal_heads(&mut self, heads: &Heads, watch: &Watch) -> Result<Vec<u64>, Error> {
        let mut out = Vec::with_capacity(heads.count as usize);
        while (out.len() as u64) < heads.count {
            let done = out.len() as u64;
            watch.step(done, heads.count)?;
            let first = heads.start.wrapping_add(done);
            let count = self.span(first, heads.count - done).min(Self::SMALL as u64 / 8);
            let begun = Instant::now();
            self.run(&HEADS, &heads.inner, first, count, 0)?;
            let mut bytes = vec![0; count as usize * 8];
            self.engine.download(&self.small, 0, &mut bytes)?;
            self.learn(SEARCH.name, FIRST, count, begun.elapsed().as_secs_f64());
            out.extend(bytes.as_chunks::<8>().0.iter().map(|head| u64::from_le_bytes(*head)));
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_those_of_the_standards() {
        assert_eq!((K[0], K[1], K[63]), (0x428a_2f98, 0x7137_4491, 0xc671_78f2));
        assert_eq!((ROUNDS[0], ROUNDS[1], ROUNDS[23]), (1, 0x8082, 0x8000_0000_8000_8008));
    }
}
