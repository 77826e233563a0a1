//! The two tables of 2.1, correctly rounded, made by the compiler with 384-bit integers. A value that were too close to
//! the middle of two floats to be rounded with certainty would not compile.

/// X[j] = e^(-j/16).
pub static X: [f64; 512] = table(16);
/// Y[k] = e^(-k/4096).
pub static Y: [f64; 256] = table(4_096);

const LIMBS: usize = 6;
/// Bits after the point.
const BITS: u32 = 384;
/// A fraction below 1: limbs from the low end, in units of 2^-384.
type Wide = [u64; LIMBS];

/// e^(-i/step) for i = 0, 1, 2, ...
#[allow(long_running_const_eval)]
const fn table<const N: usize>(step: u64) -> [f64; N] {
    let factor = exp_minus_one_over(step);
    let mut values = [1.0; N];
    let mut power = factor;
    let mut i = 1;
    while i < N {
        values[i] = rounded(&power);
        power = mul(&power, &factor);
        i += 1;
    }
    values
}

/// e^(-1/d) by its series: the errors of the truncated terms stay below 2^-370.
const fn exp_minus_one_over(d: u64) -> Wide {
    // 1 - e^(-1/d) = t1 - t2 + t3 - ..., t1 = 1/d, t(k+1) = t(k) / (d·(k+1))
    let mut term = div(&[u64::MAX; LIMBS], d);
    let mut rest = term;
    let mut k = 2;
    while k < 100 {
        term = div(&term, d * k);
        rest = if k % 2 == 0 { sub(&rest, &term) } else { add(&rest, &term) };
        k += 1;
    }
    sub(&[0; LIMBS], &rest) // 2^384 - rest, modulo 2^384
}

const fn add(a: &Wide, b: &Wide) -> Wide {
    let (mut out, mut carry, mut i) = ([0; LIMBS], false, 0);
    while i < LIMBS {
        let (sum, first) = a[i].overflowing_add(b[i]);
        let (sum, second) = sum.overflowing_add(carry as u64);
        out[i] = sum;
        carry = first || second;
        i += 1;
    }
    out
}

const fn sub(a: &Wide, b: &Wide) -> Wide {
    let (mut out, mut borrow, mut i) = ([0; LIMBS], false, 0);
    while i < LIMBS {
        let (rest, first) = a[i].overflowing_sub(b[i]);
        let (rest, second) = rest.overflowing_sub(borrow as u64);
        out[i] = rest;
        borrow = first || second;
        i += 1;
    }
    out
}

const fn div(a: &Wide, by: u64) -> Wide {
    let (mut out, mut rest, mut i) = ([0; LIMBS], 0_u128, LIMBS);
    while i > 0 {
        i -= 1;
        let part = (rest << 64) | a[i] as u128;
        out[i] = (part / by as u128) as u64;
        rest = part % by as u128;
    }
    out
}

/// The upper half of the product: at most one unit too small.
const fn mul(a: &Wide, b: &Wide) -> Wide {
    let mut product = [0_u64; 2 * LIMBS];
    let mut i = 0;
    while i < LIMBS {
        let (mut carry, mut j) = (0_u128, 0);
        while j < LIMBS {
            let part = a[i] as u128 * b[j] as u128 + product[i + j] as u128 + carry;
            product[i + j] = part as u64;
            carry = part >> 64;
            j += 1;
        }
        product[i + LIMBS] = carry as u64;
        i += 1;
    }
    let (mut out, mut i) = ([0; LIMBS], 0);
    while i < LIMBS {
        out[i] = product[i + LIMBS];
        i += 1;
    }
    out
}

/// 64 bits of `a`, the highest being bit `top`.
const fn window(a: &Wide, top: u32) -> u64 {
    let (limb, shift) = ((top / 64) as usize, top % 64);
    let high = a[limb] << (63 - shift);
    if shift == 63 { high } else { high | (a[limb - 1] >> (shift + 1)) }
}

/// The nearest float. The 64 bits behind the rounding bit must show that the error of `a`, below 2^-360, cannot matter.
const fn rounded(a: &Wide) -> f64 {
    let mut top = BITS - 1;
    while (a[(top / 64) as usize] >> (top % 64)) & 1 == 0 {
        top -= 1;
    }
    let leading = window(a, top);
    let mantissa = leading >> 11;
    let up = (leading >> 10) & 1 == 1;
    let behind = window(a, top - 54);
    assert!(behind != 0 && behind != u64::MAX, "too close to the middle of two floats");
    let exponent = (1_023 + top - BITS) as u64;
    // A mantissa of all ones carries into the exponent, as it should.
    f64::from_bits((exponent << 52) + (mantissa - (1 << 52)) + up as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_have_the_hash_of_the_test_vector() {
        let mut hasher = blake3::Hasher::new();
        for value in X.iter().chain(&Y) {
            hasher.update(&value.to_le_bytes());
        }
        let vector = include_str!("../../../test/vectors/mixture-tables.json");
        assert!(vector.contains(hasher.finalize().to_hex().as_str()), "{}", hasher.finalize());
    }

    #[test]
    fn the_tables_are_within_one_unit_of_the_library_exponential() {
        for (j, &x) in X.iter().enumerate() {
            let library = (-(j as f64) / 16.0).exp();
            assert!(x.to_bits().abs_diff(library.to_bits()) <= 1, "X[{j}]");
        }
        for (k, &y) in Y.iter().enumerate() {
            let library = (-(k as f64) / 4_096.0).exp();
            assert!(y.to_bits().abs_diff(library.to_bits()) <= 1, "Y[{k}]");
        }
    }
}
