//! The logarithm and exponential of 2.1. The library's constants are the decimals that the definition writes out.
use std::f64::consts::{LN_2, SQRT_2};

use crate::tables::{X, Y};

/// 1/(2k+1) for k = 0..=10, each rounded once.
pub const ODD: [f64; 11] = [
    1.0,
    1.0 / 3.0,
    1.0 / 5.0,
    1.0 / 7.0,
    1.0 / 9.0,
    1.0 / 11.0,
    1.0 / 13.0,
    1.0 / 15.0,
    1.0 / 17.0,
    1.0 / 19.0,
    1.0 / 21.0,
];
/// √2, above which the mantissa is halved.
pub const FOLD: f64 = SQRT_2;
/// 2/ln 2.
pub const TWICE_LOG2_E: f64 = 2.885_390_081_777_926_8;

/// log2 of a positive normal number; within 2⁻⁵⁰ of it, and the same bits everywhere.
#[inline]
pub fn log2(x: f64) -> f64 {
    log2_scaled(x, 0)
}

/// e - `down` and m for positive normal x = m·2^e, with m in (√½, √2].
#[inline(always)]
#[allow(clippy::inline_always)] // so that vector kernels take it in
pub fn split(x: f64, down: i64) -> (i64, f64) {
    let bits = x.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i64 - 1_023 - down;
    let m = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    let fold = m > FOLD;
    (exponent + i64::from(fold), if fold { m * 0.5 } else { m })
}

/// log2(x · 2^-down), without the product.
#[inline]
pub fn log2_scaled(x: f64, down: i64) -> f64 {
    let (exponent, m) = split(x, down);
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let mut p = ODD[10];
    for k in (0..10).rev() {
        p = p * z + ODD[k];
    }
    exponent as f64 + (s * p) * TWICE_LOG2_E
}

/// Natural logarithm by `log2`.
#[inline]
pub fn ln(x: f64) -> f64 {
    log2(x) * LN_2
}

/// e^(-c/4096) of a claim or of a posterior distance; c < 131,072.
#[inline]
pub fn exp_claim(c: usize) -> f64 {
    X[c >> 8] * Y[c & 255]
}

/// From here on, in 4096ths, an exponential is nothing.
pub const EXP_MINUS_END: f64 = 131_072.0;

/// e^(-d) for d ≥ 0, to 10⁻¹¹ of itself; 0 from 32 on. For codes that nobody else recomputes. The encoder does the same
/// for a whole row; this is what it is tested against.
#[cfg(test)]
pub fn exp_minus(d: f64) -> f64 {
    let scaled = d * 4_096.0;
    if scaled >= EXP_MINUS_END {
        return 0.0;
    }
    let steps = scaled as usize;
    let rest = d - steps as f64 / 4_096.0;
    exp_claim(steps) * (1.0 - rest + rest * rest * 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log2_is_exact_for_powers_of_two_and_close_elsewhere() {
        for e in -1_000_i32..1_000 {
            assert_eq!(log2(2_f64.powi(e)), f64::from(e));
        }
        for i in 1..200_000 {
            let x = f64::from(i) / 65_536.0;
            assert!((log2(x) - x.log2()).abs() < 1e-14, "{x}");
        }
    }

    #[test]
    fn a_scaled_logarithm_equals_the_logarithm_of_the_scaled() {
        for i in 1..2_000 {
            let x = 1.0 / f64::from(i);
            assert_eq!(log2_scaled(x * 2_f64.powi(928), 928).to_bits(), log2(x).to_bits());
        }
    }

    #[test]
    fn exp_minus_is_the_exponential() {
        for i in 0..40_000 {
            let d = f64::from(i) / 1_237.0;
            let expected = if d >= 32.0 { 0.0 } else { (-d).exp() };
            assert!((exp_minus(d) - expected).abs() <= expected * 1e-10, "{d}");
        }
    }
}
