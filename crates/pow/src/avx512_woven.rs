//! AVX-512 with two things at once: while the rounds of Keccak go over eight messages, SHA-256 of the sixteen messages of the
//! next pass goes on between them. Each waits for itself most of the time (theta needs the last row of the round before, a step
//! of SHA-256 the one before), and the instructions of one fill the gaps of the other.
//!
//! All of it is one sequence of instructions, [`half_pass!`], so that both stay where they are put: 25 lanes live in `zmm7` to
//! `zmm31`, and what SHA-256 works on in memory, because only `zmm0` to `zmm6` are free when a round begins. A round leaves each
//! new lane in the register of one that it used up, so the next round is given the registers in another order ([`rounds!`]).
#![allow(unsafe_code)] // one block of assembly
use std::arch::asm;
use std::arch::x86_64::{__m512i, _mm512_setzero_si512};

use crate::avx512::{LANES, MESSAGES, add32, counting32, message, not_above, splat32, store, swap32, words_from_16};
use crate::keccak::ROUND_CONSTANTS;
use crate::lanes::{Folded, search};
use crate::seal::Hash;
use crate::sha256::{INITIAL, K};

#[macro_use]
mod steps;
#[macro_use]
mod round;

type V = __m512i;

pub fn available() -> bool {
    crate::avx512::available()
}

/// Step t of SHA-256 of 16 messages. A step reads the variables of the four before it and the words of up to 16 before it, so
/// that nothing has to be moved from b to c, and the code of all steps is the same.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Step {
    /// Working variables a and e after the step.
    a: V,
    e: V,
    /// K[t] + W[t], and W[t] alone from 16 on.
    kw: V,
    w: V,
}

/// Steps before the first, which hold the variables that SHA-256 begins with.
const BEFORE: usize = 3;
/// Half a pass does 32 steps. Step 0 is done beforehand, hence one after the last, which nobody reads.
const STEPS: usize = 65;

/// SHA-256 of the messages of the next pass: step t is entry `BEFORE` + t of `BEFORE` + `STEPS`.
/// On the stack: memory of the heap, taken and given back with every call, would leave holes between results that are kept.
struct Ahead([Step; BEFORE + STEPS]);

/// The rounds `$round` of one turn with what stands beside each: words first, since a step may use the word computed there.
macro_rules! rounds {
    ([$($a:tt)*]) => { "" };
    (
        [$a0:tt $a1:tt $a2:tt $a3:tt $a4:tt $a5:tt $a6:tt $a7:tt $a8:tt $a9:tt $a10:tt $a11:tt $a12:tt $a13:tt $a14:tt
         $a15:tt $a16:tt $a17:tt $a18:tt $a19:tt $a20:tt $a21:tt $a22:tt $a23:tt $a24:tt]
        $round:literal: [$($word:literal)*] [$($step:literal)*], $($more:tt)*
    ) => {
        concat!(
            $(word!($word),)*
            $(step!($step),)*
            round!(
                $round
                $a0 $a1 $a2 $a3 $a4 $a5 $a6 $a7 $a8 $a9 $a10 $a11 $a12 $a13 $a14
                $a15 $a16 $a17 $a18 $a19 $a20 $a21 $a22 $a23 $a24
            ),
            rounds!(
                [$a0 $a6 $a12 $a18 $a24 $a3 $a9 $a10 $a16 $a22 $a1 $a7 $a13 $a19 $a20
                 $a4 $a5 $a11 $a17 $a23 $a2 $a8 $a14 $a15 $a21]
                $($more)*
            )
        )
    };
}

/// Each register gets what the next one holds, the last what the first held. What a round does to the order of the registers
/// leaves one in its place and is one cycle of the 24 others, and so are eleven rounds.
macro_rules! cycle {
    (@ $to:tt $from:tt $($more:tt)*) => { concat!(i!("vmovdqa64" $to, $from), cycle!(@ $from $($more)*)) };
    (@ $to:tt) => { i!("vmovdqa64" $to, "zmm0") };
    ($first:tt $($more:tt)*) => { concat!(i!("vmovdqa64" "zmm0", $first), cycle!(@ $first $($more)*)) };
}

/// 24 rounds, 32 steps and 16 words: the first, two turns of eleven, and the last. Each turn ends with every lane back in the
/// register where it was, and the pointers where the next one begins.
macro_rules! half_pass {
    () => {
        concat!(
            word!(0),
            word!(1),
            step!(0),
            step!(1),
            first_round!(),
            "2:\n",
            rounds!(
                ["zmm7" "zmm8" "zmm9" "zmm10" "zmm11" "zmm12" "zmm13" "zmm14" "zmm15" "zmm16" "zmm17" "zmm18" "zmm19"
                 "zmm20" "zmm21" "zmm22" "zmm23" "zmm24" "zmm25" "zmm26" "zmm27" "zmm28" "zmm29" "zmm30" "zmm31"]
                1: [2] [2], 2: [3] [3], 3: [] [4 5],
                4: [4] [6], 5: [5] [7], 6: [] [8 9],
                7: [6] [10], 8: [7] [11], 9: [] [12 13],
                10: [8] [14], 11: [] [15 16],
            ),
            cycle!(
                "zmm8" "zmm22" "zmm14" "zmm26" "zmm24" "zmm19" "zmm10" "zmm27" "zmm23" "zmm29" "zmm28" "zmm13"
                "zmm11" "zmm17" "zmm30" "zmm18" "zmm20" "zmm25" "zmm9" "zmm12" "zmm21" "zmm15" "zmm16" "zmm31"
            ),
            i!("add" "{step}", "256 * 15"),
            i!("add" "{word}", "256 * 7"),
            i!("add" "{k}", "4 * 7"),
            i!("add" "{iota}", "8 * 11"),
            i!("dec" "{turns:e}"),
            i!("jnz" "2b"),
            last_round!(
                "zmm7" "zmm8" "zmm9" "zmm10" "zmm11" "zmm12" "zmm13" "zmm14" "zmm15" "zmm16" "zmm17" "zmm18" "zmm19"
                "zmm20" "zmm21" "zmm22" "zmm23" "zmm24" "zmm25" "zmm26" "zmm27" "zmm28" "zmm29" "zmm30" "zmm31"
            ),
        )
    };
}

/// Lane 0 of keccak256 of eight messages, and half of SHA-256 of the messages of the next pass: steps 1 to 32 and words 32 to 47,
/// or what is left. Both halves are the same code, and two turns of a loop in it: more of it would not always stay in the
/// instruction cache (README.md).
#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2")]
#[inline(never)]
fn half_pass(message: &[V; 4], ahead: &mut Ahead, second: bool) -> V {
    // The end of the padding in lane 16, its beginning in lane 4, and that as theta rotates it.
    const PADDING: [u64; 3] = [1 << 63, 1, 2];
    let [m0, m1, m2, m3] = *message;
    let (step, word) = if second { (33, 48) } else { (1, 32) };
    let head;
    // SAFETY: reads the constants and steps, from 4 before `step` and 16 before `word` on; writes 32 steps from `step` on and the
    // words of 16 from `word` on. All are within `ahead`, -3 to 64. Every register that it changes is named.
    unsafe {
        let at: *mut Step = ahead.0.as_mut_ptr().add(BEFORE);
        asm!(
            half_pass!(),
            step = inout(reg) at.add(step).byte_add(4096) => _,
            word = inout(reg) at.add(word).byte_add(4096) => _,
            k = inout(reg) K.as_ptr().add(word) => _,
            iota = inout(reg) ROUND_CONSTANTS.as_ptr() => _,
            turns = inout(reg) 2 => _,
            padding = in(reg) PADDING.as_ptr(),
            inout("zmm7") m0 => _, inout("zmm17") m1 => _, inout("zmm27") m2 => _, inout("zmm12") m3 => _,
            out("zmm0") head, out("zmm1") _, out("zmm2") _, out("zmm3") _, out("zmm4") _, out("zmm5") _, out("zmm6") _,
            out("zmm8") _, out("zmm9") _, out("zmm10") _, out("zmm11") _, out("zmm13") _, out("zmm14") _, out("zmm15") _,
            out("zmm16") _, out("zmm18") _, out("zmm19") _, out("zmm20") _, out("zmm21") _, out("zmm22") _, out("zmm23") _,
            out("zmm24") _, out("zmm25") _, out("zmm26") _, out("zmm28") _, out("zmm29") _, out("zmm30") _, out("zmm31") _,
            options(nostack)
        );
    }
    head
}

impl Ahead {
    /// SHA-256 of the messages from `base` on, done.
    #[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2")]
    #[allow(clippy::large_stack_arrays)] // 17 KiB, in threads that have megabytes
    fn begin(folded: &Folded, base: u32) -> Self {
        let zero = _mm512_setzero_si512();
        let mut ahead = Self([Step { a: zero, e: zero, kw: zero, w: zero }; BEFORE + STEPS]);
        for back in 1..=BEFORE {
            ahead.0[BEFORE - back].a = splat32(folded.start[back]);
            ahead.0[BEFORE - back].e = splat32(folded.start[4 + back]);
        }
        for (step, constant) in ahead.0[BEFORE..].iter_mut().zip(folded.round) {
            step.kw = splat32(constant);
        }
        ahead.start(folded, base);
        // There is nothing to seal yet.
        half_pass(&[zero; 4], &mut ahead, false);
        half_pass(&[zero; 4], &mut ahead, true);
        ahead
    }

    /// Step 0 and words 16 to 31 of the messages from `base` on.
    #[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2")]
    #[inline]
    fn start(&mut self, folded: &Folded, base: u32) {
        let w0 = swap32(add32(splat32(base), counting32()));
        let steps = &mut self.0[BEFORE..];
        steps[0].a = add32(splat32(folded.start[0]), w0);
        steps[0].e = add32(splat32(folded.start[4]), w0);
        for (t, w) in (16..32).zip(words_from_16(folded, w0)) {
            steps[t].w = w;
            steps[t].kw = add32(w, splat32(K[t]));
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2")]
    #[inline]
    fn digest(&self) -> [V; 8] {
        let [h, g, f, e] = [60, 61, 62, 63].map(|t| &self.0[BEFORE + t]);
        let last = [e.a, f.a, g.a, h.a, e.e, f.e, g.e, h.e];
        std::array::from_fn(|i| add32(last[i], splat32(INITIAL[i])))
    }
}

/// Lane 0 of the seals of one pass, whose digests the pass before has left; leaves those of the next.
#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2")]
#[inline]
fn pass(folded: &Folded, base: u32, ahead: &mut Ahead) -> [V; 2] {
    let digest = ahead.digest();
    let (lower, upper) = (message::<false>(&digest), message::<true>(&digest));
    ahead.start(folded, base.wrapping_add(2 * LANES as u32));
    [half_pass(&lower, ahead, false), half_pass(&upper, ahead, true)]
}

search!("avx512f,avx512bw,bmi1,bmi2", Ahead::begin);
