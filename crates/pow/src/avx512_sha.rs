//! AVX-512 with the SHA instructions. The message schedule of 16 messages stays in vectors; the 64 rounds, which take 17 vector
//! instructions each there, go message by message through the SHA unit, two rounds per instruction. Both run at once: while
//! rounds are under way, the vectors compute the words of later ones. Keccak as in [`crate::avx512`].
#![allow(unsafe_code)] // loads and stores within arrays, and one pair of instructions
use std::arch::asm;
use std::arch::x86_64::{
    __m128i, __m512i, _mm_load_si128, _mm_store_si128, _mm512_load_si512, _mm512_shuffle_i64x2, _mm512_store_si512,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi64,
};
use std::mem::{MaybeUninit, offset_of};

use crate::avx512::{
    LANES, add32, counting32, expand, high32, keccak_head, low32, not_above, splat32, splat64, store, swap32, swap64,
    words_from_16,
};
use crate::lanes::{Folded, search};
use crate::seal::Hash;
use crate::sha256::{INITIAL, K};

type V = __m512i;

/// Which message each Keccak lane holds, lower half first: what unpacking the schedule and the digests makes of the order.
const MESSAGES: [u64; 16] = [0, 4, 1, 5, 8, 12, 9, 13, 2, 6, 3, 7, 10, 14, 11, 15];

/// Messages of a pass.
const STREAMS: usize = 2 * LANES;

pub fn available() -> bool {
    crate::avx512::available() && is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1")
}

/// What passes between the vectors and the SHA unit.
#[repr(align(64))]
struct Exchange {
    /// K[t] + W[t] and K[t+1] + W[t+1] in one number, t = 2 · index, for each message. 1 to 7 are constant and stay unused.
    pairs: [MaybeUninit<[u64; STREAMS]>; 32],
    /// Working variables of each message as the instructions want them: a, b, e, f and c, d, g, h, the first one highest.
    working: [[u64; 4]; STREAMS],
    /// The constant pairs.
    constant: [u64; 8],
}

/// Stores pair `index` of all messages.
#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,sha")]
#[inline]
fn put(exchange: &mut Exchange, index: usize, even: V, odd: V) {
    let at: *mut u64 = exchange.pairs[index].as_mut_ptr().cast();
    // SAFETY: both halves of 16 numbers are written, and the array is aligned to 64 bytes.
    unsafe {
        _mm512_store_si512(at.cast(), low32(even, odd));
        _mm512_store_si512(at.add(LANES).cast(), high32(even, odd));
    }
}

/// Two rounds: `lower` (c, d, g, h) becomes the new a, b, e, f. Unlike the intrinsic it stays in its place: compilers move the
/// messages one behind the other, and each would wait for its own last result.
macro_rules! two_rounds {
    ($lower:expr, $upper:expr, $exchange:expr, $offset:expr) => {
        // SAFETY: reads the eight bytes of a number in the exchange.
        unsafe {
            asm!(
                "vmovq xmm0, qword ptr [{} + {}]", "sha256rnds2 {}, {}",
                in(reg) std::ptr::from_mut($exchange), const $offset, inlateout(xmm_reg) $lower, in(xmm_reg) $upper, out("xmm0") _,
                options(nostack, preserves_flags)
            );
        }
    };
}

/// Rounds 8 · BLOCK to 8 · BLOCK + 7 of four messages.
#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,sha")]
#[inline]
fn rounds<const BLOCK: usize, const FOUR: usize>(exchange: &mut Exchange) {
    let at: *mut [u64; 4] = exchange.working[4 * FOUR..4 * FOUR + 4].as_mut_ptr();
    // SAFETY: the four entries from `at` on are of 32 bytes, aligned to 32.
    let mut w: [[__m128i; 2]; 4] = std::array::from_fn(|i| unsafe {
        let at: *const __m128i = at.add(i).cast();
        [_mm_load_si128(at), _mm_load_si128(at.add(1))]
    });
    macro_rules! pair {
        ($p:literal, $new:literal, $old:literal) => {
            two_rounds!(w[0][$new], w[0][$old], exchange, offset::<BLOCK, $p, FOUR>(0));
            two_rounds!(w[1][$new], w[1][$old], exchange, offset::<BLOCK, $p, FOUR>(1));
            two_rounds!(w[2][$new], w[2][$old], exchange, offset::<BLOCK, $p, FOUR>(2));
            two_rounds!(w[3][$new], w[3][$old], exchange, offset::<BLOCK, $p, FOUR>(3));
        };
    }
    pair!(0, 1, 0);
    pair!(1, 0, 1);
    pair!(2, 1, 0);
    pair!(3, 0, 1);
    for (i, [upper, lower]) in w.into_iter().enumerate() {
        // SAFETY: as above.
        unsafe {
            let at: *mut __m128i = at.add(i).cast();
            _mm_store_si128(at, upper);
            _mm_store_si128(at.add(1), lower);
        }
    }
}

/// Where pair P of a block lies for message I of four.
const fn offset<const BLOCK: usize, const P: usize, const FOUR: usize>(i: usize) -> usize {
    let pair = 4 * BLOCK + P;
    if pair > 0 && pair < 8 {
        offset_of!(Exchange, constant) + 8 * pair
    } else {
        offset_of!(Exchange, pairs) + 8 * (STREAMS * pair + 4 * FOUR + i)
    }
}

/// Repeats a block for `T` = 0 to 31 as constants.
macro_rules! thirty_two {
    ($body:block) => {
        thirty_two!(@ $body 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31)
    };
    (@ $body:block $($value:literal)*) => {
        $({
            const T: usize = $value;
            $body
        })*
    };
}

/// The digests of the seal messages of 16 nonces, as the lanes that Keccak reads, for each half.
#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,sha")]
#[inline]
fn digests(folded: &Folded, exchange: &mut Exchange, base: u32) -> [[V; 4]; 2] {
    let [a, b, c, d, e, f, g, h] = INITIAL.map(u64::from);
    let initial = [f | e << 32, b | a << 32, h | g << 32, d | c << 32];
    exchange.working = [initial; STREAMS];
    let w0 = swap32(add32(splat32(base), counting32()));
    put(exchange, 0, add32(w0, splat32(K[0])), splat32(folded.round[1]));
    let mut w = words_from_16(folded, w0);
    for pair in 0..8 {
        let t = 16 + 2 * pair;
        put(exchange, 8 + pair, add32(w[2 * pair], splat32(K[t])), add32(w[2 * pair + 1], splat32(K[t + 1])));
    }
    // Four messages at a time hide the latency of the SHA unit. The words from 32 on are spread so that each is there a little
    // before it is needed, and that there is vector work until near the end.
    thirty_two!({
        const PAIR: usize = (4 * T).div_ceil(7);
        if PAIR < 16 && 7 * PAIR / 4 == T {
            let t = (2 * PAIR) % 16;
            w[t] = expand(w[(t + 14) % 16], w[(t + 9) % 16], w[(t + 1) % 16], w[t]);
            w[t + 1] = expand(w[(t + 15) % 16], w[(t + 10) % 16], w[(t + 2) % 16], w[t + 1]);
            let k = 32 + 2 * (PAIR % 16);
            put(exchange, 16 + PAIR % 16, add32(w[t], splat32(K[k])), add32(w[t + 1], splat32(K[k + 1])));
        }
        rounds::<{ T / 4 }, { T % 4 }>(exchange);
    });
    [0, LANES].map(|first| {
        let at: *const V = exchange.working[first..first + LANES].as_ptr().cast();
        // SAFETY: eight entries of 32 bytes, the first of them aligned to 64.
        let [z0, z1, z2, z3] = std::array::from_fn(|i| unsafe { _mm512_load_si512(at.add(i)) });
        // Each vector holds [fe, ba, hg, dc] of two messages.
        let (low0, low1) = (_mm512_unpacklo_epi64(z0, z1), _mm512_unpacklo_epi64(z2, z3));
        let (high0, high1) = (_mm512_unpackhi_epi64(z0, z1), _mm512_unpackhi_epi64(z2, z3));
        let lane = |lane: V, initial: u64| swap64(add32(lane, splat64(initial)));
        [
            lane(_mm512_shuffle_i64x2::<0x88>(high0, high1), initial[1]),
            lane(_mm512_shuffle_i64x2::<0xdd>(high0, high1), initial[3]),
            lane(_mm512_shuffle_i64x2::<0x88>(low0, low1), initial[0]),
            lane(_mm512_shuffle_i64x2::<0xdd>(low0, low1), initial[2]),
        ]
    })
}

/// Lane 0 of the seals of one pass.
#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,sha")]
#[inline]
fn pass(folded: &Folded, base: u32, (): &mut ()) -> [V; 2] {
    let constant = std::array::from_fn(|pair| match pair {
        0 => 0,
        _ => u64::from(folded.round[2 * pair]) | u64::from(folded.round[2 * pair + 1]) << 32,
    });
    let mut exchange = Exchange { pairs: [const { MaybeUninit::uninit() }; 32], working: [[0; 4]; STREAMS], constant };
    digests(folded, &mut exchange, base).map(|half| keccak_head(&half))
}

search!("avx512f,avx512bw,bmi1,bmi2,sha");
