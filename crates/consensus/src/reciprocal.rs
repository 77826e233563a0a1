//! Division by a number that many share, by multiplication, exact to the last bit and in steps of 32 by 32 bits, so that
//! sixteen lanes divide at once. A share of the whole may be 1 = 2³², which has no place in 32 bits: it is written as
//! [`WHOLE`] = 2³² − 1. No other quotient here can be 2³² − 1, because the next below a/a is (a − 1)/a ≤ 1 − 2/2³².

/// The code of 1. A code below it is the I32F32 value itself.
pub const WHOLE: u32 = u32::MAX;

/// The I32F32 value of a code.
#[inline]
pub const fn decode(code: u32) -> u64 {
    code as u64 + (code == WHOLE) as u64
}

/// Shares of u16 entries in their sum (below 2²⁸): code of ⌊w·2³² / sum⌋.
///
/// Let b be the bits of `sum`, k = max(32, 16 + b), c = ⌈2³²⁺ᵏ / sum⌉ and e = c·sum − 2³²⁺ᵏ < sum. Then
/// w·c / 2ᵏ = w·2³²/sum + (w·e/2ᵏ)/sum, and w·e < 2¹⁶·2ᵇ ≤ 2ᵏ: what is added is less than 1/sum, the distance of any
/// fraction of the quotient from the next integer, so the floor is the same. Where `sum` is one entry alone, c − 1 takes
/// its quotient from 2³² to 2³² − 1, the code of 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Share {
    /// The halves of c.
    pub high: u32,
    pub low: u32,
    /// k − 32.
    pub shift: u32,
}

impl Share {
    /// `alone`: the sum is that of a single entry above 0. Every share of the sum 0 is 0.
    pub const fn of(sum: u32, alone: bool) -> Self {
        if sum == 0 {
            return Self { high: 0, low: 0, shift: 0 };
        }
        let bits = u32::BITS - sum.leading_zeros();
        let shift = bits.saturating_sub(16);
        let factor = (1_u128 << (64 + shift)).div_ceil(sum as u128) - alone as u128;
        Self { high: (factor >> 32) as u32, low: factor as u32, shift }
    }

    /// The share of one entry; the vectors do the same.
    #[inline]
    pub const fn code(self, entry: u32) -> u32 {
        let entry = entry as u64;
        ((entry * self.high as u64 + ((entry * self.low as u64) >> 32)) >> self.shift) as u32
    }
}

/// Quotients by a number r ≤ 2³² of numbers d ≤ r, d < 2³²: code of ⌊d·2³² / r⌋.
///
/// Both are shifted up until r has its top bit. With v = ⌊(2⁶⁴ − 1)/r⌋, q = ⌊d·v / 2³²⌋ is right or one too small, for
/// d·(2⁶⁴/r − v)/2³² < 1. It was too small when (q + 1)·r ≤ d·2³². 2³² itself as r leaves d as it is, but for d = 2³² − 1,
/// which is then no code: who divides by it looks for that first.
#[derive(Clone, Copy, Debug)]
pub struct Ratio {
    /// Places that r lacks to its top bit.
    pub shift: u32,
    /// v − 2³².
    pub inverse: u32,
    /// r, shifted.
    pub by: u32,
}

impl Ratio {
    /// By `by` ≤ 2³². A 0 has nothing but zeros to divide, and leaves them.
    pub const fn by(by: u64) -> Self {
        if by == 0 || by >> 32 != 0 {
            return Self { shift: 0, inverse: 0, by: u32::MAX };
        }
        let shift = (by as u32).leading_zeros();
        let by = (by as u32) << shift;
        Self { shift, inverse: (u64::MAX / by as u64) as u32, by }
    }

    /// The quotient of one number; the vectors do the same.
    #[inline]
    pub const fn code(self, number: u32) -> u32 {
        let number = number << self.shift;
        let near = number.wrapping_add(((number as u64 * self.inverse as u64) >> 32) as u32);
        let near = if near > WHOLE - 1 { WHOLE - 1 } else { near };
        let next = near + 1;
        let reach = (next as u64 * self.by as u64 - 1) >> 32;
        if reach < number as u64 { next } else { near }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::ONE;

    fn next(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *state ^ (*state >> 29)
    }

    fn coded(quotient: u64) -> u32 {
        assert_ne!(quotient, ONE - 1, "the code of 1 is a quotient");
        quotient.min(ONE - 1) as u32
    }

    fn shares(sum: u32) {
        let share = Share::of(sum, false);
        for entry in 0..=u32::from(u16::MAX).min(sum - 1) {
            let quotient = (u64::from(entry) << 32) / u64::from(sum);
            assert_eq!(share.code(entry), coded(quotient), "{entry} / {sum}");
        }
    }

    #[test]
    fn every_entry_has_its_exact_share_of_many_sums() {
        let top = 4_096 * 65_535;
        let mut state = 5;
        let edges = (1..28).flat_map(|bit| [(1 << bit) - 1, 1 << bit, (1 << bit) + 1]);
        for sum in edges.chain([top, top - 1, 3, 65_535, 65_536, 65_537]).filter(|&sum| sum > 0 && sum <= top) {
            shares(sum);
        }
        for round in 0..400 {
            shares(1 + (next(&mut state) >> 36) as u32 % (top >> (round % 20)));
        }
    }

    #[test]
    fn every_sum_up_to_the_largest_divides_the_entries_that_are_hardest_for_it() {
        // The fraction closest below an integer is that of an entry with w·2³² = −1 modulo the sum, or near it; the last
        // entries and those around each multiple are tried for a stride of all sums.
        for sum in (2_u32..=4_096 * 65_535).step_by(4_099) {
            let share = Share::of(sum, false);
            let step = (1_u64 << 32) % u64::from(sum);
            let near = u64::from(sum).checked_div(step).unwrap_or(1);
            for entry in [1, 2, near, near + 1, 2 * near + 1, 65_534, 65_535, u64::from(sum) - 1] {
                let entry = (entry as u32).min(sum - 1).min(65_535);
                assert_eq!(share.code(entry), coded((u64::from(entry) << 32) / u64::from(sum)), "{entry} / {sum}");
            }
        }
    }

    #[test]
    fn an_entry_alone_is_the_whole() {
        for entry in 1..=u32::from(u16::MAX) {
            assert_eq!((Share::of(entry, true).code(entry), Share::of(entry, true).code(0)), (WHOLE, 0));
        }
        assert_eq!(Share::of(0, false).code(0), 0);
    }

    #[test]
    fn every_ratio_is_exact() {
        let mut state = 11;
        for round in 0..2_000_000_u32 {
            let by = ((next(&mut state) >> 31) >> (round % 33)).clamp(1, ONE);
            let ratio = Ratio::by(by);
            let any = next(&mut state) % by;
            // A number whose quotient is just reached, and the one before.
            let exact = ((u128::from(any) * u128::from(by)).div_ceil(u128::from(ONE)) as u64).min(by - 1);
            for number in [any, exact, exact.saturating_sub(1), by - 1, 0, 1.min(by - 1)] {
                if by == ONE && number == ONE - 1 {
                    continue;
                }
                assert_eq!(ratio.code(number as u32), coded((number << 32) / by), "{number} / {by}");
            }
            if by < ONE {
                assert_eq!(ratio.code(by as u32), WHOLE);
            }
        }
        assert_eq!(Ratio::by(0).code(0), 0);
    }

    #[test]
    fn every_number_divides_exactly_by_small_and_by_hard_ones() {
        for by in (1..600).chain([ONE - 1, ONE - 2, (1 << 31) + 1, (1 << 31) - 1, 1 << 31, 0xaaaa_aaab]) {
            let ratio = Ratio::by(by);
            for number in (0..by.min(4_000)).chain(by.saturating_sub(4_000)..by) {
                assert_eq!(ratio.code(number as u32), coded((number << 32) / by), "{number} / {by}");
            }
        }
    }
}
