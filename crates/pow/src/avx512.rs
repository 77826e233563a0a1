//! AVX-512: 16 SHA-256 messages and 2 × 8 Keccak states per pass, with ternary logic and native rotation.
#![allow(unsafe_code)] // two loads and stores between arrays and vectors; every other intrinsic here is safe
use std::arch::asm;
use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_cmple_epu64_mask, _mm512_loadu_si512, _mm512_ror_epi32, _mm512_set_epi8,
    _mm512_set_epi32, _mm512_set1_epi32, _mm512_set1_epi64, _mm512_shuffle_epi8, _mm512_srli_epi32,
    _mm512_storeu_si512, _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32, _mm512_unpacklo_epi32,
};

use crate::keccak::ROUND_CONSTANTS;
use crate::lanes::{Folded, kernels, search, sixteen};
use crate::rounds::rows;
use crate::seal::Hash;
use crate::sha256::{INITIAL, K};

type V = __m512i;
/// The xor of the two columns. Ternary logic would put both on a lane at once, but three operands from the register file cost
/// more than two: measured, that is slower (see README.md).
type D = V;

/// 64-bit lanes of a vector.
pub const LANES: usize = 8;

/// Which message each Keccak lane holds, lower half first: unpacking works within parts of 128 bits.
pub const MESSAGES: [u64; 16] = [0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15];

pub fn available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
}

macro_rules! rol {
    ($lane:expr, $bits:tt) => {
        rotated::<$bits>($lane)
    };
}

macro_rules! mixed {
    ($lane:expr, $mix:expr) => {
        xor($lane, $mix)
    };
    ($lane:expr, $mix:expr, $bits:tt) => {
        rol!(xor($lane, $mix), $bits)
    };
}

/// The operations of Keccak as single instructions in exactly the order of the source: the compiler, left to itself, folds pairs
/// of two-operand instructions into ternary logic, which is slower here, and spreads the rows of a round so far that the state
/// no longer fits the registers.
macro_rules! instructions {
    ($($name:ident: $text:literal)*) => {$(
        #[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2")]
        #[inline]
        pub fn $name(a: V, b: V) -> V {
            let out;
            // SAFETY: one instruction between registers.
            unsafe { asm!(concat!($text, " {}, {}, {}"), lateout(zmm_reg) out, in(zmm_reg) a, in(zmm_reg) b, options(nomem, nostack, preserves_flags)) };
            out
        }
    )*};
}

instructions! {
    xor: "vpxorq"
}

#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2")]
#[inline]
fn rotated<const BITS: u32>(lane: V) -> V {
    let out;
    // SAFETY: one instruction between registers.
    unsafe {
        asm!("vprolq {}, {}, {}", lateout(zmm_reg) out, in(zmm_reg) lane, const BITS, options(nomem, nostack, preserves_flags));
    };
    out
}

/// Ternary logic by the truth table of (a, b, c).
#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2")]
#[inline]
fn ternary<const TABLE: u32>(mut a: V, b: V, c: V) -> V {
    // SAFETY: one instruction between registers.
    unsafe {
        asm!("vpternlogq {}, {}, {}, {}", inlateout(zmm_reg) a, in(zmm_reg) b, in(zmm_reg) c, const TABLE, options(nomem, nostack, preserves_flags));
    };
    a
}

/// Defines operations that carry this module's instruction set.
macro_rules! operations {
    ($($name:ident($($arg:ident: $type:ty),*) -> $out:ty $body:block)*) => {$(
        #[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2")]
        #[inline]
        pub fn $name($($arg: $type),*) -> $out $body
    )*};
}

operations! {
    splat32(word: u32) -> V { _mm512_set1_epi32(word as i32) }
    splat64(lane: u64) -> V { _mm512_set1_epi64(lane as i64) }
    add32(a: V, b: V) -> V { _mm512_add_epi32(a, b) }
    // The immediate of ternary logic is the truth table of (a, b, c): 0x96 a^b^c, 0xca a?b:c, 0xe8 majority.
    xor3(a: V, b: V, c: V) -> V { ternary::<0x96>(a, b, c) }
    chi(a: V, b: V, c: V) -> V { ternary::<0xd2>(a, b, c) }
    xor3_32(a: V, b: V, c: V) -> V { _mm512_ternarylogic_epi32::<0x96>(a, b, c) }
    mix5(c0: V, c1: V, c2: V, c3: V, c4: V) -> [D; 5] {
        // In this order each result can take the place of an operand that is used no more.
        let (r0, r1) = (rol!(c0, 1), rol!(c1, 1));
        let d0 = xor(c4, r1);
        let r4 = rol!(c4, 1);
        let d3 = xor(c2, r4);
        let r2 = rol!(c2, 1);
        let d1 = xor(c0, r2);
        let d4 = xor(c3, r0);
        let r3 = rol!(c3, 1);
        [d0, d1, xor(c1, r3), d3, d4]
    }
    choice(e: V, f: V, g: V) -> V { _mm512_ternarylogic_epi32::<0xca>(e, f, g) }
    majority(a: V, b: V, c: V) -> V { _mm512_ternarylogic_epi32::<0xe8>(a, b, c) }
    big0(a: V) -> V { xor3_32(_mm512_ror_epi32::<2>(a), _mm512_ror_epi32::<13>(a), _mm512_ror_epi32::<22>(a)) }
    big1(e: V) -> V { xor3_32(_mm512_ror_epi32::<6>(e), _mm512_ror_epi32::<11>(e), _mm512_ror_epi32::<25>(e)) }
    small0(w: V) -> V { xor3_32(_mm512_ror_epi32::<7>(w), _mm512_ror_epi32::<18>(w), _mm512_srli_epi32::<3>(w)) }
    small1(w: V) -> V { xor3_32(_mm512_ror_epi32::<17>(w), _mm512_ror_epi32::<19>(w), _mm512_srli_epi32::<10>(w)) }
    low32(a: V, b: V) -> V { _mm512_unpacklo_epi32(a, b) }
    high32(a: V, b: V) -> V { _mm512_unpackhi_epi32(a, b) }
    counting32() -> V { _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0) }
    swap32(a: V) -> V {
        _mm512_shuffle_epi8(a, _mm512_set_epi8(
            12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3,
            12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3,
        ))
    }
    swap64(a: V) -> V {
        _mm512_shuffle_epi8(a, _mm512_set_epi8(
            8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7,
            8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7,
        ))
    }
    not_above(lane: V, head: u64) -> u32 { u32::from(_mm512_cmple_epu64_mask(swap64(lane), splat64(head))) }
    load(values: &[u64; LANES]) -> V {
        // SAFETY: the array is 64 readable bytes and the load asks for no alignment.
        unsafe { _mm512_loadu_si512(values.as_ptr().cast()) }
    }
    store(vector: V) -> [u64; LANES] {
        let mut out = [0; LANES];
        // SAFETY: the array is 64 writable bytes and the store asks for no alignment.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), vector) };
        out
    }
}

kernels!("avx512f,avx512bw,bmi1,bmi2");

search!("avx512f,avx512bw,bmi1,bmi2");
