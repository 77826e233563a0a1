//! NEON with the SHA-256 and the SHA-3 instructions, which take theta, rho and chi in one step each.
use std::arch::aarch64::{
    uint64x2_t, vbcaxq_u64, vdupq_n_u64, veor3q_u64, veorq_u64, vrax1q_u64, vshlq_n_u64, vsriq_n_u64, vxarq_u64,
};

use crate::keccak::ROUND_CONSTANTS;
use crate::lanes::{Folded, search};
use crate::neon::{LANES, MESSAGES, not_above, store};
use crate::neon_sha2::digests;
use crate::rounds::{rounds, rows};
use crate::seal::Hash;

type V = uint64x2_t;
/// The xor of the two columns.
type D = V;

pub fn available() -> bool {
    crate::neon_sha2::available() && std::arch::is_aarch64_feature_detected!("sha3")
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
        vxarq_u64::<{ 64 - $bits }>($lane, $mix)
    };
}

/// Defines operations that carry this module's instruction set.
macro_rules! operations {
    ($($name:ident($($arg:ident: $type:ty),*) -> $out:ty $body:block)*) => {$(
        #[target_feature(enable = "neon,sha2,sha3")]
        #[inline]
        fn $name($($arg: $type),*) -> $out $body
    )*};
}

operations! {
    splat64(lane: u64) -> V { vdupq_n_u64(lane) }
    xor(a: V, b: V) -> V { veorq_u64(a, b) }
    xor3(a: V, b: V, c: V) -> V { veor3q_u64(a, b, c) }
    chi(a: V, b: V, c: V) -> V { vbcaxq_u64(a, c, b) }
    mix5(c0: V, c1: V, c2: V, c3: V, c4: V) -> [D; 5] {
        [vrax1q_u64(c4, c1), vrax1q_u64(c0, c2), vrax1q_u64(c1, c3), vrax1q_u64(c2, c4), vrax1q_u64(c3, c0)]
    }
}

rounds!(#[target_feature(enable = "neon,sha2,sha3")] #[inline]);

/// Lane 0 of the seals of one pass.
#[target_feature(enable = "neon,sha2,sha3")]
#[inline]
fn pass(folded: &Folded, base: u32, (): &mut ()) -> [V; 2] {
    digests(folded, base).map(|half| keccak_head(&half))
}

search!("neon,sha2,sha3");
