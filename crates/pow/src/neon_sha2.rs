//! NEON with the SHA-256 instructions: four messages interleaved to hide their latency; Keccak as in [`crate::neon`].
use std::arch::aarch64::{
    uint32x4_t, vaddq_u32, vdupq_n_u32, vreinterpretq_u8_u32, vreinterpretq_u64_u8, vrev32q_u8, vsetq_lane_u32,
    vsha256h2q_u32, vsha256hq_u32, vsha256su0q_u32, vsha256su1q_u32, vzip1q_u64, vzip2q_u64,
};

use crate::lanes::{Folded, search};
use crate::neon::{LANES, MESSAGES, V, keccak_head, not_above, store};
use crate::seal::Hash;
use crate::sha256::{INITIAL, K};

/// Messages between which the rounds alternate.
const STREAMS: usize = 2 * LANES;

pub fn available() -> bool {
    crate::neon::available() && std::arch::is_aarch64_feature_detected!("sha2")
}

/// Four words, the first in the lowest element.
#[target_feature(enable = "neon,sha2")]
#[inline]
fn four(words: &[u32], at: usize) -> uint32x4_t {
    let vector = vsetq_lane_u32::<1>(words[at + 1], vdupq_n_u32(words[at]));
    vsetq_lane_u32::<3>(words[at + 3], vsetq_lane_u32::<2>(words[at + 2], vector))
}

/// The SHA-256 digests of the seal messages of four nonces, as the lanes that Keccak reads, for each half of a pass.
#[target_feature(enable = "neon,sha2")]
#[inline]
pub fn digests(folded: &Folded, base: u32) -> [[V; 4]; 2] {
    let (upper, lower) = (four(&INITIAL, 0), four(&INITIAL, 4));
    let mut state = [[upper, lower]; STREAMS];
    let words: [uint32x4_t; 4] = std::array::from_fn(|i| four(&folded.words, 4 * i));
    let mut message = [words; STREAMS];
    for (s, stream) in message.iter_mut().enumerate() {
        stream[0] = vsetq_lane_u32::<0>(base.wrapping_add(s as u32).swap_bytes(), stream[0]);
    }
    for group in 0..16 {
        let k = four(&K, 4 * group);
        for s in 0..STREAMS {
            let m = &mut message[s];
            if group >= 4 {
                let before = vsha256su0q_u32(m[group % 4], m[(group + 1) % 4]);
                m[group % 4] = vsha256su1q_u32(before, m[(group + 2) % 4], m[(group + 3) % 4]);
            }
            let kw = vaddq_u32(m[group % 4], k);
            let [abcd, efgh] = state[s];
            state[s] = [vsha256hq_u32(abcd, efgh, kw), vsha256h2q_u32(efgh, abcd, kw)];
        }
    }
    let digest = state.map(|[abcd, efgh]| {
        [vaddq_u32(abcd, upper), vaddq_u32(efgh, lower)]
            .map(|part| vreinterpretq_u64_u8(vrev32q_u8(vreinterpretq_u8_u32(part))))
    });
    [0, LANES].map(|s| {
        let ([a, e], [b, f]) = (digest[s], digest[s + 1]);
        [vzip1q_u64(a, b), vzip2q_u64(a, b), vzip1q_u64(e, f), vzip2q_u64(e, f)]
    })
}

/// Lane 0 of the seals of one pass.
#[target_feature(enable = "neon,sha2")]
#[inline]
fn pass(folded: &Folded, base: u32, (): &mut ()) -> [V; 2] {
    digests(folded, base).map(|half| keccak_head(&half))
}

search!("neon,sha2");
