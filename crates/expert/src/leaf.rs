//! The leaf code of mixture.md 2.1: for each of the 256 bytes, −ln p in sixteenths of a nat, rounded, at most 255.
//! Binary64 with + − × ÷ alone and no fused multiply-add, so that a leaf has the same bits on every machine.

/// Codes in one leaf, one byte each.
pub const LEAF_BYTES: usize = 256;

/// 1/21, then 1/19, .. 1/1: the series of atanh that 2.1 fixes, from its last term to its first.
const SERIES: [f64; 11] = [
    1.0 / 21.0,
    1.0 / 19.0,
    1.0 / 17.0,
    1.0 / 15.0,
    1.0 / 13.0,
    1.0 / 11.0,
    1.0 / 9.0,
    1.0 / 7.0,
    1.0 / 5.0,
    1.0 / 3.0,
    1.0,
];
const TWO_LOG2_E: f64 = 2.885_390_081_777_926_8;
const LN_2: f64 = std::f64::consts::LN_2;
/// Above this mantissa the exponent is one higher, so that the series converges fast (a constant of 2.1).
const MANTISSA_MAX: f64 = std::f64::consts::SQRT_2;

/// ln x as 2.1 defines it, for normal x > 0. Branch-free, so that a loop over it becomes vector code.
#[inline(always)]
pub fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let mantissa = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    // The biased exponent becomes a binary64 by placing it in the low bits of 2^52: exact, and without a conversion.
    let exponent = f64::from_bits((bits >> 52) | 0x4330_0000_0000_0000) - (4_503_599_627_370_496.0 + 1023.0);
    let high = mantissa > MANTISSA_MAX;
    let m = if high { mantissa * 0.5 } else { mantissa };
    let e = if high { exponent + 1.0 } else { exponent };
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let mut p = SERIES[0];
    for term in &SERIES[1..] {
        p = p * z + term;
    }
    (e + (s * p) * TWO_LOG2_E) * LN_2
}

/// Writes the leaf of 256 probabilities (each in (0, 1], normal) into `leaf`.
pub fn encode(probabilities: &[f64; LEAF_BYTES], leaf: &mut [u8]) {
    for (code, &p) in leaf.iter_mut().zip(probabilities) {
        *code = code_of(-ln(p));
    }
}

/// The code of −ln p nats. The whole number is read from the low bits of its sum with 2^52, as vectors can.
#[inline(always)]
pub fn code_of(nats: f64) -> u8 {
    ((16.0 * nats + 0.5).clamp(0.0, 255.0).floor() + 4_503_599_627_370_496.0).to_bits() as u8
}

/// The same in single precision, for models whose logits have no more.
#[inline(always)]
pub fn code_of_single(nats: f32) -> u8 {
    ((16.0 * nats + 0.5).clamp(0.0, 255.0).floor() + 8_388_608.0).to_bits() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_agrees_with_the_library_to_the_last_digits() {
        let mut x = 1e-300_f64;
        while x < 1e300 {
            let error = (ln(x) - x.ln()).abs();
            assert!(error <= 1e-14 * x.ln().abs().max(1.0), "ln {x}: off by {error}");
            x *= 1.37;
        }
        assert_eq!(ln(1.0), 0.0);
    }

    #[test]
    fn codes_round_to_the_nearest_sixteenth_and_stop_at_255() {
        assert_eq!(code_of(0.0), 0);
        assert_eq!(code_of(1.0), 16);
        assert_eq!(code_of(1.031), 16);
        assert_eq!(code_of(1.032), 17);
        assert_eq!(code_of(16.0), 255);
        assert_eq!(code_of(400.0), 255);
    }
}
