//! I32F32 of non-negative values, held in `u64` with 32 fraction bits. Nothing in the epoch but `minority` can be
//! negative, so floor and truncation are the same here.

/// 1 in I32F32.
pub const ONE: u64 = 1 << 32;

/// Product, floored: (a·b) >> 32 in 128 bits.
#[inline]
pub const fn mul(a: u64, b: u64) -> u64 {
    ((a as u128 * b as u128) >> 32) as u64
}

/// Quotient, truncated: (a << 32) / b. `b` must not be 0.
#[inline]
pub const fn ratio(a: u64, b: u64) -> u64 {
    if a < ONE { (a << 32) / b } else { (((a as u128) << 32) / b as u128) as u64 }
}

/// A divisor that many numbers share: the quotient by a product with the reciprocal, exact after one correction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Divisor {
    by: u64,
    reciprocal: u64,
}

impl Divisor {
    /// `by` must not be 0, else every quotient is meaningless.
    pub const fn new(by: u64) -> Self {
        let reciprocal = match u64::MAX.checked_div(by) {
            Some(reciprocal) => reciprocal,
            None => 0,
        };
        Self { by, reciprocal }
    }

    /// The divisor itself.
    pub const fn by(self) -> u64 {
        self.by
    }

    /// n / by. The reciprocal is less than one unit too small, so its quotient is right or one too small.
    #[inline]
    pub const fn quotient(self, n: u64) -> u64 {
        let near = ((n as u128 * self.reciprocal as u128) >> 64) as u64;
        near + (n - near * self.by >= self.by) as u64
    }

    /// (a << 32) / by, truncated: a in I32F32 divided by `by` in I32F32.
    #[inline]
    pub const fn ratio(self, a: u64) -> u64 {
        if a < ONE { self.quotient(a << 32) } else { ratio(a, self.by) }
    }
}

/// u16(x) = truncate(x · 65535), for x ≤ 1.
#[inline]
pub const fn to_u16(x: u64) -> u16 {
    ((x * 65_535) >> 32) as u16
}

/// Divides every entry by the sum of all; a vector of zeros stays as it is.
pub fn normalise(values: &mut [u64]) {
    let sum: u64 = values.iter().sum();
    if sum != 0 {
        for value in values {
            *value = ratio(*value, sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_times_one_is_one_although_the_product_needs_65_bits() {
        assert_eq!(mul(ONE, ONE), ONE);
        assert_eq!(mul(ONE - 1, ONE - 1), ONE - 2);
    }

    #[test]
    fn a_quotient_above_one_is_exact_too() {
        assert_eq!(ratio(2 * ONE, ONE), 2 * ONE);
        assert_eq!(ratio(ONE, 3 * ONE), ONE / 3);
    }

    #[test]
    fn a_reciprocal_divides_exactly() {
        let mut state = 3_u64;
        for round in 0..400_000_u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let by = (state >> (round % 63)).max(1);
            let near = (state.rotate_left(17) / by).saturating_mul(by);
            let divisor = Divisor::new(by);
            for n in [state, state.rotate_left(31), u64::MAX, near, near.wrapping_sub(1), 0, by - 1, by] {
                assert_eq!(divisor.quotient(n), n / by, "{n} / {by}");
            }
        }
        assert_eq!(Divisor::new(3 * ONE).ratio(ONE), ONE / 3);
    }

    #[test]
    fn one_is_the_largest_u16() {
        assert_eq!((to_u16(ONE), to_u16(ONE - 1), to_u16(0)), (65_535, 65_534, 0));
    }
}
