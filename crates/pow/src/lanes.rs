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
    /// The block, with a word 0 of 0.
    pub words: [u32; 16],
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
        Self { words: w, start, round, schedule }
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

/// Expands to `pass` (the seals of a search) and `keccak256` (for batches), and the rounds they are made of.
macro_rules! kernels {
    ($features:literal) => {
        crate::rounds::rounds!(#[target_feature(enable = $features)] #[inline]);

        /// W[t] for t ≥ 16 from the words before it.
        #[target_feature(enable = $features)]
        #[inline]
        pub fn expand(w2: V, w7: V, w15: V, w16: V) -> V {
            add32(add32(small1(w2), w7), add32(small0(w15), w16))
        }

        /// Words 16 to 31 of the schedule, with what is constant summed beforehand; 17, 19 and 21 are constant altogether.
        #[target_feature(enable = $features)]
        #[inline]
        pub fn words_from_16(folded: &Folded, w0: V) -> [V; 16] {
            let part = |t: usize| splat32(folded.schedule[t]);
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
            w
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
            let mut w = words_from_16(folded, w0);
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
        pub fn message<const HIGH: bool>(digest: &[V; 8]) -> [V; 4] {
            let d = digest.map(|word| swap32(word));
            if HIGH {
                [high32(d[0], d[1]), high32(d[2], d[3]), high32(d[4], d[5]), high32(d[6], d[7])]
            } else {
                [low32(d[0], d[1]), low32(d[2], d[3]), low32(d[4], d[5]), low32(d[6], d[7])]
            }
        }

        /// Lane 0 of the seals of one pass, each half's messages as [`MESSAGES`] says.
        #[target_feature(enable = $features)]
        #[inline]
        fn pass(folded: &Folded, base: u32, (): &mut ()) -> [V; 2] {
            let digest = digest(folded, swap32(add32(splat32(base), counting32())));
            [keccak_head(&message::<false>(&digest)), keccak_head(&message::<true>(&digest))]
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
                state = round::<2>(&state, *constant);
            }
            [store(state[0]), store(state[1]), store(state[2]), store(state[3])]
        }

    };
}
pub(crate) use kernels;

/// What most passes leave for the next one.
pub fn nothing(_: &Folded, _: u32) {}

/// Expands to `first` and `heads`, the search and what it compares, in a module that has a `pass` over 2 · `LANES` messages.
/// What a pass leaves for the next one begins as `$begin` says, for a first pass from the nonce whose lower half it is given.
macro_rules! search {
    ($features:literal) => {
        search!($features, crate::lanes::nothing);
    };
    ($features:literal, $begin:path) => {
        /// Seals per pass.
        const SEALS: u64 = 2 * LANES as u64;

        /// The smallest nonce in `from..=last` whose seal begins with at most `head`. Both ends lie in one aligned
        /// range of 2³² nonces.
        #[target_feature(enable = $features)]
        pub fn first(inner: &Hash, head: u64, from: u64, last: u64) -> Option<u64> {
            let folded = Folded::new(inner, (from >> 32) as u32);
            let mut left = $begin(&folded, from as u32);
            let mut base = from;
            loop {
                let [lower, upper] = pass(&folded, base as u32, &mut left);
                let hits = not_above(lower, head) | not_above(upper, head) << LANES;
                if hits != 0 {
                    // A pass may reach beyond `last`; those nonces were not asked for.
                    let messages = MESSAGES.iter().enumerate().filter(|(bit, _)| hits >> bit & 1 == 1);
                    let nonces = messages.filter_map(|(_, message)| base.checked_add(*message));
                    let hit = nonces.filter(|nonce| *nonce <= last).min();
                    if hit.is_some() {
                        return hit;
                    }
                }
                if last - base < SEALS {
                    return None;
                }
                base += SEALS;
            }
        }

        /// The first eight bytes of the seals of `from` and the nonces after it, as big-endian numbers; all of these lie
        /// in one aligned range of 2³² nonces.
        #[target_feature(enable = $features)]
        pub fn heads(inner: &Hash, from: u64, heads: &mut [u64]) {
            let folded = Folded::new(inner, (from >> 32) as u32);
            let mut base = from as u32;
            let mut left = $begin(&folded, base);
            for heads in heads.chunks_mut(SEALS as usize) {
                let [lower, upper] = pass(&folded, base, &mut left).map(|half| store(half));
                let lanes = lower.iter().chain(&upper).map(|lane| lane.swap_bytes());
                for (message, head) in MESSAGES.iter().zip(lanes) {
                    if let Some(slot) = heads.get_mut(*message as usize) {
                        *slot = head;
                    }
                }
                base = base.wrapping_add(SEALS as u32);
            }
        }
    };
}
pub(crate) use search;
