//! AVX2: 8 SHA-256 messages and 2 × 4 Keccak states per pass.
#![allow(unsafe_code)] // two loads and stores between arrays and vectors; every other intrinsic here is safe
use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_andnot_si256, _mm256_castsi256_pd, _mm256_cmpgt_epi64,
    _mm256_loadu_si256, _mm256_movemask_pd, _mm256_or_si256, _mm256_set_epi8, _mm256_set_epi32, _mm256_set1_epi32,
    _mm256_set1_epi64x, _mm256_shuffle_epi8, _mm256_slli_epi32, _mm256_slli_epi64, _mm256_srli_epi32,
    _mm256_srli_epi64, _mm256_storeu_si256, _mm256_unpackhi_epi32, _mm256_unpacklo_epi32, _mm256_xor_si256,
};

use crate::keccak::ROUND_CONSTANTS;
use crate::lanes::{Folded, kernels, search, sixteen};
use crate::rounds::rows;
use crate::seal::Hash;
use crate::sha256::{INITIAL, K};

type V = __m256i;
/// The xor of the two columns.
type D = V;

/// 64-bit lanes of a vector.
pub const LANES: usize = 4;

/// Which message each Keccak lane holds, lower pass first: unpacking works within parts of 128 bits.
const MESSAGES: [u64; 8] = [0, 1, 4, 5, 2, 3, 6, 7];

pub fn available() -> bool {
    is_x86_feature_detected!("avx2")
}

macro_rules! rol {
    ($lane:expr, $bits:tt) => {{
        let lane = $lane;
        _mm256_or_si256(_mm256_slli_epi64::<$bits>(lane), _mm256_srli_epi64::<{ 64 - $bits }>(lane))
    }};
}

macro_rules! mixed {
    ($lane:expr, $mix:expr) => {
        xor($lane, $mix)
    };
    ($lane:expr, $mix:expr, $bits:tt) => {
        rol!(xor($lane, $mix), $bits)
    };
}

macro_rules! ror32 {
    ($word:expr, $bits:literal) => {
        _mm256_or_si256(_mm256_srli_epi32::<$bits>($word), _mm256_slli_epi32::<{ 32 - $bits }>($word))
    };
}

/// Defines operations that carry this module's instruction set.
macro_rules! operations {
    ($($name:ident($($arg:ident: $type:ty),*) -> $out:ty $body:block)*) => {$(
        #[target_feature(enable = "avx2")]
        #[inline]
        pub fn $name($($arg: $type),*) -> $out $body
    )*};
}

operations! {
    splat32(word: u32) -> V { _mm256_set1_epi32(word as i32) }
    splat64(lane: u64) -> V { _mm256_set1_epi64x(lane as i64) }
    add32(a: V, b: V) -> V { _mm256_add_epi32(a, b) }
    xor(a: V, b: V) -> V { _mm256_xor_si256(a, b) }
    xor3(a: V, b: V, c: V) -> V { xor(xor(a, b), c) }
    chi(a: V, b: V, c: V) -> V { xor(a, _mm256_andnot_si256(b, c)) }
    mix5(c0: V, c1: V, c2: V, c3: V, c4: V) -> [D; 5] {
        [xor(c4, rol!(c1, 1)), xor(c0, rol!(c2, 1)), xor(c1, rol!(c3, 1)), xor(c2, rol!(c4, 1)), xor(c3, rol!(c0, 1))]
    }
    choice(e: V, f: V, g: V) -> V { xor(g, _mm256_and_si256(e, xor(f, g))) }
    majority(a: V, b: V, c: V) -> V { xor(b, _mm256_and_si256(xor(a, b), xor(b, c))) }
    big0(a: V) -> V { xor3(ror32!(a, 2), ror32!(a, 13), ror32!(a, 22)) }
    big1(e: V) -> V { xor3(ror32!(e, 6), ror32!(e, 11), ror32!(e, 25)) }
    small0(w: V) -> V { xor3(ror32!(w, 7), ror32!(w, 18), _mm256_srli_epi32::<3>(w)) }
    small1(w: V) -> V { xor3(ror32!(w, 17), ror32!(w, 19), _mm256_srli_epi32::<10>(w)) }
    low32(a: V, b: V) -> V { _mm256_unpacklo_epi32(a, b) }
    high32(a: V, b: V) -> V { _mm256_unpackhi_epi32(a, b) }
    counting32() -> V { _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0) }
    swap32(a: V) -> V {
        _mm256_shuffle_epi8(a, _mm256_set_epi8(
            12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3,
        ))
    }
    swap64(a: V) -> V {
        _mm256_shuffle_epi8(a, _mm256_set_epi8(
            8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7,
        ))
    }
    not_above(lane: V, head: u64) -> u32 {
        // AVX2 compares signed only: flipping the top bit keeps the order.
        let above = _mm256_cmpgt_epi64(xor(swap64(lane), splat64(1 << 63)), splat64(head ^ (1 << 63)));
        !_mm256_movemask_pd(_mm256_castsi256_pd(above)) as u32 & 0xf
    }
    load(values: &[u64; LANES]) -> V {
        // SAFETY: the array is 32 readable bytes and the load asks for no alignment.
        unsafe { _mm256_loadu_si256(values.as_ptr().cast()) }
    }
    store(vector: V) -> [u64; LANES] {
        let mut out = [0; LANES];
        // SAFETY: the array is 32 writable bytes and the store asks for no alignment.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), vector) };
        out
    }
}

kernels!("avx2");
search!("avx2");
