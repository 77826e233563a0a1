//! NEON: 4 SHA-256 messages and 2 × 2 Keccak states per pass, with what every 64-bit ARM processor has.
#![allow(unsafe_code)] // two loads and stores between arrays and vectors; every other intrinsic here is safe
use std::arch::aarch64::{
    uint64x2_t, vaddq_u32, vbicq_u64, vbslq_u32, vcleq_u64, vdupq_n_u32, vdupq_n_u64, veorq_u64, vgetq_lane_u64,
    vld1q_u64, vreinterpretq_u8_u64, vreinterpretq_u32_u64, vreinterpretq_u64_u8, vreinterpretq_u64_u32, vrev32q_u8,
    vrev64q_u8, vshlq_n_u32, vshlq_n_u64, vshrq_n_u32, vsriq_n_u32, vsriq_n_u64, vst1q_u64, vzip1q_u32, vzip2q_u32,
};

use crate::keccak::ROUND_CONSTANTS;
use crate::lanes::{Folded, kernels, search, sixteen};
use crate::rounds::rows;
use crate::seal::Hash;
use crate::sha256::{INITIAL, K};

pub type V = uint64x2_t;
/// The xor of the two columns.
type D = V;

/// 64-bit lanes of a vector.
pub const LANES: usize = 2;

/// Which message each Keccak lane holds, lower half first.
pub const MESSAGES: [u64; 4] = [0, 1, 2, 3];

pub fn available() -> bool {
    std::arch::is_aarch64_feature_detected!("neon")
}

macro_rules! rol {
    ($lane:expr, $bits:tt) => {{
        let lane = $lane;
        vsriq_n_u64::<{ 64 - $bits }>(vshlq_n_u64::<$bits>(lane), lane)
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
    ($word:expr, $bits:literal) => {{
        let word = vreinterpretq_u32_u64($word);
        vreinterpretq_u64_u32(vsriq_n_u32::<$bits>(vshlq_n_u32::<{ 32 - $bits }>(word), word))
    }};
}

macro_rules! shr32 {
    ($word:expr, $bits:literal) => {
        vreinterpretq_u64_u32(vshrq_n_u32::<$bits>(vreinterpretq_u32_u64($word)))
    };
}

/// Defines operations that carry this module's instruction set.
macro_rules! operations {
    ($($name:ident($($arg:ident: $type:ty),*) -> $out:ty $body:block)*) => {$(
        #[target_feature(enable = "neon")]
        #[inline]
        pub fn $name($($arg: $type),*) -> $out $body
    )*};
}

operations! {
    splat32(word: u32) -> V { vreinterpretq_u64_u32(vdupq_n_u32(word)) }
    splat64(lane: u64) -> V { vdupq_n_u64(lane) }
    add32(a: V, b: V) -> V { vreinterpretq_u64_u32(vaddq_u32(vreinterpretq_u32_u64(a), vreinterpretq_u32_u64(b))) }
    xor(a: V, b: V) -> V { veorq_u64(a, b) }
    xor3(a: V, b: V, c: V) -> V { xor(xor(a, b), c) }
    chi(a: V, b: V, c: V) -> V { xor(a, vbicq_u64(c, b)) }
    mix5(c0: V, c1: V, c2: V, c3: V, c4: V) -> [D; 5] {
        [xor(c4, rol!(c1, 1)), xor(c0, rol!(c2, 1)), xor(c1, rol!(c3, 1)), xor(c2, rol!(c4, 1)), xor(c3, rol!(c0, 1))]
    }
    select(mask: V, one: V, zero: V) -> V {
        let [mask, one, zero] = [mask, one, zero].map(|v| vreinterpretq_u32_u64(v));
        vreinterpretq_u64_u32(vbslq_u32(mask, one, zero))
    }
    choice(e: V, f: V, g: V) -> V { select(e, f, g) }
    majority(a: V, b: V, c: V) -> V { select(xor(a, b), c, b) }
    big0(a: V) -> V { xor3(ror32!(a, 2), ror32!(a, 13), ror32!(a, 22)) }
    big1(e: V) -> V { xor3(ror32!(e, 6), ror32!(e, 11), ror32!(e, 25)) }
    small0(w: V) -> V { xor3(ror32!(w, 7), ror32!(w, 18), shr32!(w, 3)) }
    small1(w: V) -> V { xor3(ror32!(w, 17), ror32!(w, 19), shr32!(w, 10)) }
    low32(a: V, b: V) -> V { vreinterpretq_u64_u32(vzip1q_u32(vreinterpretq_u32_u64(a), vreinterpretq_u32_u64(b))) }
    high32(a: V, b: V) -> V { vreinterpretq_u64_u32(vzip2q_u32(vreinterpretq_u32_u64(a), vreinterpretq_u32_u64(b))) }
    counting32() -> V { load(&[1 << 32, 2 | 3 << 32]) }
    swap32(a: V) -> V { vreinterpretq_u64_u8(vrev32q_u8(vreinterpretq_u8_u64(a))) }
    swap64(a: V) -> V { vreinterpretq_u64_u8(vrev64q_u8(vreinterpretq_u8_u64(a))) }
    not_above(lane: V, head: u64) -> u32 {
        let mask = vcleq_u64(swap64(lane), splat64(head));
        (vgetq_lane_u64::<0>(mask) & 1) as u32 | (vgetq_lane_u64::<1>(mask) & 2) as u32
    }
    load(values: &[u64; LANES]) -> V {
        // SAFETY: the array is 16 readable bytes, aligned for its elements.
        unsafe { vld1q_u64(values.as_ptr()) }
    }
    store(vector: V) -> [u64; LANES] {
        let mut out = [0; LANES];
        // SAFETY: the array is 16 writable bytes, aligned for its elements.
        unsafe { vst1q_u64(out.as_mut_ptr(), vector) };
        out
    }
}

kernels!("neon");
search!("neon");
