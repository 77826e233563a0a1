//! AVX2 with the SHA instructions: SHA-256 one message at a time in hardware, several interleaved to hide its latency;
//! Keccak as in [`crate::avx2`].
#![allow(unsafe_code)] // one instruction between registers
use std::arch::asm;
use std::arch::x86_64::{
    __m128i, __m256i, _mm_add_epi32, _mm_alignr_epi8, _mm_extract_epi32, _mm_set_epi32, _mm_sha256msg1_epu32,
    _mm_sha256msg2_epu32, _mm_shuffle_epi32,
};

use crate::avx2::{LANES, keccak_head, load, not_above, store};
use crate::lanes::{Folded, search};
use crate::seal::Hash;
use crate::sha256::{INITIAL, K};

type V = __m256i;

/// The messages of a pass stand in order.
const MESSAGES: [u64; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

/// Messages between which the rounds alternate.
const STREAMS: usize = LANES;

pub fn available() -> bool {
    crate::avx2::available() && is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1")
}

/// Four words, the first in the lowest element.
#[target_feature(enable = "avx2,sha")]
#[inline]
fn four(words: &[u32], at: usize) -> __m128i {
    _mm_set_epi32(words[at + 3] as i32, words[at + 2] as i32, words[at + 1] as i32, words[at] as i32)
}

/// Two rounds: `lower` (c, d, g, h) becomes the new a, b, e, f. Unlike the intrinsic it stays in its place: compilers move the
/// streams one behind the other, and each would wait for its own last result.
#[target_feature(enable = "avx2,sha")]
#[inline]
fn two_rounds(lower: &mut __m128i, upper: __m128i, kw: __m128i) {
    // SAFETY: one instruction between registers.
    unsafe {
        asm!("sha256rnds2 {}, {}", inlateout(xmm_reg) *lower, in(xmm_reg) upper, in("xmm0") kw, options(nomem, nostack, preserves_flags));
    }
}

/// The SHA-256 digests of one block per stream, as the little-endian lanes that Keccak reads: `lanes[i][stream]`.
#[target_feature(enable = "avx2,sha")]
#[inline]
fn digests(words: &[u32; 16], first: [u32; STREAMS]) -> [[u64; STREAMS]; 4] {
    // The instructions keep a, b, e, f in one register and c, d, g, h in the other, highest element first.
    let [a, b, c, d, e, f, g, h] = INITIAL.map(|word| word as i32);
    let (abef, cdgh) = (_mm_set_epi32(a, b, e, f), _mm_set_epi32(c, d, g, h));
    let mut upper = [abef; STREAMS];
    let mut lower = [cdgh; STREAMS];
    let mut message = [[four(words, 0), four(words, 4), four(words, 8), four(words, 12)]; STREAMS];
    for (stream, word) in message.iter_mut().zip(first) {
        stream[0] = _mm_set_epi32(words[3] as i32, words[2] as i32, words[1] as i32, word as i32);
    }
    for group in 0..16 {
        let k = four(&K, 4 * group);
        let kw: [__m128i; STREAMS] = std::array::from_fn(|s| {
            let m = &mut message[s];
            if group >= 4 {
                let before = _mm_sha256msg1_epu32(m[group % 4], m[(group + 1) % 4]);
                let sum = _mm_add_epi32(before, _mm_alignr_epi8::<4>(m[(group + 3) % 4], m[(group + 2) % 4]));
                m[group % 4] = _mm_sha256msg2_epu32(sum, m[(group + 3) % 4]);
            }
            _mm_add_epi32(m[group % 4], k)
        });
        for s in 0..STREAMS {
            two_rounds(&mut lower[s], upper[s], kw[s]);
        }
        for s in 0..STREAMS {
            two_rounds(&mut upper[s], lower[s], _mm_shuffle_epi32::<0x0e>(kw[s]));
        }
    }
    let mut lanes = [[0; STREAMS]; 4];
    for s in 0..STREAMS {
        let (u, l) = (_mm_add_epi32(upper[s], abef), _mm_add_epi32(lower[s], cdgh));
        lanes[0][s] = lane(_mm_extract_epi32::<3>(u), _mm_extract_epi32::<2>(u));
        lanes[1][s] = lane(_mm_extract_epi32::<3>(l), _mm_extract_epi32::<2>(l));
        lanes[2][s] = lane(_mm_extract_epi32::<1>(u), _mm_extract_epi32::<0>(u));
        lanes[3][s] = lane(_mm_extract_epi32::<1>(l), _mm_extract_epi32::<0>(l));
    }
    lanes
}

/// Two big-endian words of a digest as one little-endian lane.
fn lane(first: i32, second: i32) -> u64 {
    u64::from((first as u32).swap_bytes()) | u64::from((second as u32).swap_bytes()) << 32
}

/// Lane 0 of the seals of one pass.
#[target_feature(enable = "avx2,sha")]
#[inline]
fn pass(folded: &Folded, base: u32, (): &mut ()) -> [V; 2] {
    [base, base.wrapping_add(STREAMS as u32)].map(|base| {
        let first = std::array::from_fn(|s| base.wrapping_add(s as u32).swap_bytes());
        keccak_head(&digests(&folded.words, first).map(|lane| load(&lane)))
    })
}

search!("avx2,sha");
