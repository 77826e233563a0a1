//! The two hashes over many messages at once, written once for every vector width. [`kernels!`] expands inside a
//! module that defines the vector type `V` and the operations on it for one instruction set; all functions carry
//! that set's `target_feature`, so that they inline into one another.
use crate::seal::Hash;
use crate::sha256::{INITIAL, K, block};

fn small0(w: u32) -> u32 {
    w.rotate_right(7) ^ w.rotate_right(18) ^ (w >> 3)
}

fn small1(w: u32) -> u32 {
    w.rotate_right(17) ^ w.rotate_right(19) ^ (w >> 10)
}

/// What is the same for all nonces of one search that share their upper 32 bits: word 0 alone varies.
pub struct Folded {
    /// Working variables a..h after round 0, still without word 0 in a and e.
    pub start: [u32; 8],
    /// K[t] + W[t] for the constant words, t in 1..16 and 17, 19, 21 (0 elsewhere).
    pub round: [u32; 32],
    /// The constant part of W[t], t in 16..=31 (0 before).
    pub schedule: [u32; 32],
}

impl Folded {
    /// Folds the constants for nonces with the upper half `high`.
    pub fn new(inner: &Hash, high: u32) -> Self {
        let w = block(u64::from(high) << 32, inner);
        let [a, b, c, d, e, f, g, h] = INITIAL;
        let big1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let first = h.wrapping_add(big1).wrapping_add((e & f) ^ (!e & g)).wrapping_add(K[0]);
        let big0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let second = big0.wrapping_add((a & b) ^ (a & c) ^ (b & c));
        let start = [first.wrapping_add(second), a, b, c, d.wrapping_add(first), e, f, g];

        // Sums whatever of W[t] = σ1(W[t-2]) + W[t-7] + σ0(W[t-15]) + W[t-16] is constant; w[0] is 0 here.
        let mut schedule = [0_u32; 32];
        let constant = |t: usize, schedule: &[u32; 32]| match t {
            1..=15 => Some(w[t]),
            17 | 19 | 21 => Some(schedule[t]),
            _ => None,
        };
        for t in 16..32 {
            schedule[t] = constant(t - 2, &schedule)
                .map_or(0, small1)
                .wrapping_add(constant(t - 7, &schedule).unwrap_or(0))
                .wrapping_add(constant(t - 15, &schedule).map_or(0, small0))
                .wrapping_add(constant(t - 16, &schedule).unwrap_or(0));
        }
        let mut round = [0_u32; 32];
        for t in (1..16).chain([17, 19, 21]) {
            round[t] = K[t].wrapping_add(if t < 16 { w[t] } else { schedule[t] });
        }
        Self { start, round, schedule }
    }
}

/// Repeats a block for t = 0 to 15 as constants: an index that is computed at run time would put the words into memory.
macro_rules! sixteen {
    ($t:ident $body:block) => {
        sixteen!(@ $t $body 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    (@ $t:ident $body:block $($value:literal)*) => {
        $({
            const $t: usize = $value;
            $body
        })*
    };
}
pub(crate) use sixteen;

/// Expands to `first` (the search) and `keccak256` (for batches), and the rounds they are made of.
macro_rules! kernels {
    ($features:literal) => {
        /// W[t] for t ≥ 16 from the words before it.
        #[target_feature(enable = $features)]
        #[inline]
        fn expand(w2: V, w7: V, w15: V, w16: V) -> V {
            add32(add32(small1(w2), w7), add32(small0(w15), w16))
        }

        /// One round; `kw` is K[t] + W[t].
        #[target_feature(enable = $features)]
        #[inline]
        fn step(s: &mut [V; 8], kw: V) {
            let [a, b, c, d, e, f, g, h] = *s;
            let first = add32(add32(add32(h, kw), choice(e, f, g)), big1(e));
            let second = add32(big0(a), majority(a, b, c));
            *s = [add32(first, second), a, b, c, add32(d, first), e, f, g];
        }

        /// SHA-256 of the seal message of every lane, whose word 0 is `w0`.
        #[target_feature(enable = $features)]
        #[inline]
        fn digest(folded: &Folded, w0: V) -> [V; 8] {
            let mut s = folded.start.map(|word| splat32(word));
            s[0] = add32(s[0], w0);
            s[4] = add32(s[4], w0);
            sixteen!(T {
                if T > 0 {
                    step(&mut s, splat32(folded.round[T]));
                }
            });
            let part = |t: usize| splat32(folded.schedule[t]);
            // Words 16 to 31, with what is constant summed beforehand; 17, 19 and 21 are constant altogether.
            let mut w = [splat32(0); 16];
            w[0] = add32(part(16), w0);
            w[1] = part(17);
            w[2] = add32(part(18), small1(w[0]));
            w[3] = part(19);
            w[4] = add32(part(20), small1(w[2]));
            w[5] = part(21);
            w[6] = add32(part(22), small1(w[4]));
            w[7] = add32(part(23), w[0]);
            w[8] = add32(part(24), small1(w[6]));
            w[9] = add32(part(25), add32(small1(w[7]), w[2]));
            w[10] = add32(part(26), small1(w[8]));
            w[11] = add32(part(27), add32(small1(w[9]), w[4]));
            w[12] = add32(part(28), small1(w[10]));
            w[13] = add32(part(29), add32(small1(w[11]), w[6]));
            w[14] = add32(part(30), add32(small1(w[12]), w[7]));
            w[15] = add32(part(31), add32(small1(w[13]), add32(w[8], small0(w[0]))));
            sixteen!(T {
                let constant = T < 6 && T % 2 == 1;
                let kw = if constant { splat32(folded.round[16 + T]) } else { add32(w[T], splat32(K[16 + T])) };
                step(&mut s, kw);
            });
            sixteen!(T {
                w[T] = expand(w[(T + 14) % 16], w[(T + 9) % 16], w[(T + 1) % 16], w[T]);
                step(&mut s, add32(w[T], splat32(K[32 + T])));
            });
            sixteen!(T {
                w[T] = expand(w[(T + 14) % 16], w[(T + 9) % 16], w[(T + 1) % 16], w[T]);
                step(&mut s, add32(w[T], splat32(K[48 + T])));
            });
            for (word, initial) in s.iter_mut().zip(INITIAL) {
                *word = add32(*word, splat32(initial));
            }
            s
        }

        /// The four lanes of a digest for the lower (`HIGH` false) or upper messages of each 128-bit part.
        #[target_feature(enable = $features)]
        #[inline]
        fn message<const HIGH: bool>(digest: &[V; 8]) -> [V; 4] {
            let d = digest.map(|word| swap32(word));
            if HIGH {
                [high32(d[0], d[1]), high32(d[2], d[3]), high32(d[4], d[5]), high32(d[6], d[7])]
            } else {
                [low32(d[0], d[1]), low32(d[2], d[3]), low32(d[4], d[5]), low32(d[6], d[7])]
            }
        }

        /// rho, pi, chi and iota of a state that theta went over.
        #[target_feature(enable = $features)]
        #[inline]
        fn after_theta(t: &[V; 25], constant: u64) -> [V; 25] {
            let r0 = [t[0], rol!(t[6], 44), rol!(t[12], 43), rol!(t[18], 21), rol!(t[24], 14)];
            let r1 = [rol!(t[3], 28), rol!(t[9], 20), rol!(t[10], 3), rol!(t[16], 45), rol!(t[22], 61)];
            let r2 = [rol!(t[1], 1), rol!(t[7], 6), rol!(t[13], 25), rol!(t[19], 8), rol!(t[20], 18)];
            let r3 = [rol!(t[4], 27), rol!(t[5], 36), rol!(t[11], 10), rol!(t[17], 15), rol!(t[23], 56)];
            let r4 = [rol!(t[2], 62), rol!(t[8], 55), rol!(t[14], 39), rol!(t[15], 41), rol!(t[21], 2)];
            [
                xor(chi(r0[0], r0[1], r0[2]), splat64(constant)),
                chi(r0[1], r0[2], r0[3]),
                chi(r0[2], r0[3], r0[4]),
                chi(r0[3], r0[4], r0[0]),
                chi(r0[4], r0[0], r0[1]),
                chi(r1[0], r1[1], r1[2]),
                chi(r1[1], r1[2], r1[3]),
                chi(r1[2], r1[3], r1[4]),
                chi(r1[3], r1[4], r1[0]),
                chi(r1[4], r1[0], r1[1]),
                chi(r2[0], r2[1], r2[2]),
                chi(r2[1], r2[2], r2[3]),
                chi(r2[2], r2[3], r2[4]),
                chi(r2[3], r2[4], r2[0]),
                chi(r2[4], r2[0], r2[1]),
                chi(r3[0], r3[1], r3[2]),
                chi(r3[1], r3[2], r3[3]),
                chi(r3[2], r3[3], r3[4]),
                chi(r3[3], r3[4], r3[0]),
                chi(r3[4], r3[0], r3[1]),
                chi(r4[0], r4[1], r4[2]),
                chi(r4[1], r4[2], r4[3]),
                chi(r4[2], r4[3], r4[4]),
                chi(r4[3], r4[4], r4[0]),
                chi(r4[4], r4[0], r4[1]),
            ]
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn round(a: &[V; 25], constant: u64) -> [V; 25] {
            let c0 = xor3(xor3(a[0], a[5], a[10]), a[15], a[20]);
            let c1 = xor3(xor3(a[1], a[6], a[11]), a[16], a[21]);
            let c2 = xor3(xor3(a[2], a[7], a[12]), a[17], a[22]);
            let c3 = xor3(xor3(a[3], a[8], a[13]), a[18], a[23]);
            let c4 = xor3(xor3(a[4], a[9], a[14]), a[19], a[24]);
            let d = [
                xor(c4, rol!(c1, 1)),
                xor(c0, rol!(c2, 1)),
                xor(c1, rol!(c3, 1)),
                xor(c2, rol!(c4, 1)),
                xor(c3, rol!(c0, 1)),
            ];
            let t = [
                xor(a[0], d[0]),
                xor(a[1], d[1]),
                xor(a[2], d[2]),
                xor(a[3], d[3]),
                xor(a[4], d[4]),
                xor(a[5], d[0]),
                xor(a[6], d[1]),
                xor(a[7], d[2]),
                xor(a[8], d[3]),
                xor(a[9], d[4]),
                xor(a[10], d[0]),
                xor(a[11], d[1]),
                xor(a[12], d[2]),
                xor(a[13], d[3]),
                xor(a[14], d[4]),
                xor(a[15], d[0]),
                xor(a[16], d[1]),
                xor(a[17], d[2]),
                xor(a[18], d[3]),
                xor(a[19], d[4]),
                xor(a[20], d[0]),
                xor(a[21], d[1]),
                xor(a[22], d[2]),
                xor(a[23], d[3]),
                xor(a[24], d[4]),
            ];
            after_theta(&t, constant)
        }

        /// The first round of a 32-byte message, where all but four lanes are known.
        #[target_feature(enable = $features)]
        #[inline]
        fn first_round(m: &[V; 4]) -> [V; 25] {
            let top = splat64(1 << 63);
            let one = splat64(1);
            let c1 = xor(m[1], top);
            let d0 = xor(one, rol!(c1, 1));
            let d1 = xor(m[0], rol!(m[2], 1));
            let d2 = xor(c1, rol!(m[3], 1));
            let d3 = xor(m[2], splat64(2));
            let d4 = xor(m[3], rol!(m[0], 1));
            let t = [
                xor(m[0], d0),
                xor(m[1], d1),
                xor(m[2], d2),
                xor(m[3], d3),
                xor(one, d4),
                d0,
                d1,
                d2,
                d3,
                d4,
                d0,
                d1,
                d2,
                d3,
                d4,
                d0,
                xor(top, d1),
                d2,
                d3,
                d4,
                d0,
                d1,
                d2,
                d3,
                d4,
            ];
            after_theta(&t, ROUND_CONSTANTS[0])
        }

        /// Lane 0 of keccak256 of the 32-byte message of every lane.
        #[target_feature(enable = $features)]
        #[inline]
        pub fn keccak_head(m: &[V; 4]) -> V {
            let mut state = first_round(m);
            for constant in &ROUND_CONSTANTS[1..23] {
                state = round(&state, *constant);
            }
            round(&state, ROUND_CONSTANTS[23])[0]
        }

        /// keccak256 of messages of N whole lanes, one message per vector lane: `lanes[i][message]`.
        #[target_feature(enable = $features)]
        pub fn keccak256<const N: usize>(lanes: &[[u64; LANES]; N]) -> [[u64; LANES]; 4] {
            const { assert!(N < 16, "the message and its padding fit one block") };
            let mut state = [splat64(0); 25];
            for (lane, values) in state.iter_mut().zip(lanes) {
                *lane = load(values);
            }
            state[N] = splat64(1);
            state[16] = splat64(1 << 63);
            for constant in &ROUND_CONSTANTS {
                state = round(&state, *constant);
            }
            [store(state[0]), store(state[1]), store(state[2]), store(state[3])]
        }

        /// The smallest nonce in `from..=last` whose seal begins with at most `head`. Both ends lie in one aligned
        /// range of 2³² nonces.
        #[target_feature(enable = $features)]
        pub fn first(inner: &Hash, head: u64, from: u64, last: u64) -> Option<u64> {
            let step = 2 * LANES as u64;
            let folded = Folded::new(inner, (from >> 32) as u32);
            let mut base = from - from % step;
            loop {
                let digest = digest(&folded, swap32(add32(splat32(base as u32), counting32())));
                let hits = not_above(keccak_head(&message::<false>(&digest)), head)
                    | not_above(keccak_head(&message::<true>(&digest)), head) << LANES;
                if hits != 0 {
                    let nonces = (0..2 * LANES).filter(|bit| hits >> bit & 1 == 1).map(|bit| base + MESSAGES[bit]);
                    let hit = nonces.filter(|nonce| (from..=last).contains(nonce)).min();
                    if hit.is_some() {
                        return hit;
                    }
                }
                if last - base < step {
                    return None;
                }
                base += step;
            }
        }
    };
}
pub(crate) use kernels;
