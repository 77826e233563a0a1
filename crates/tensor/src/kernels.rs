//! Element-wise kernels and row reductions. Own exp, sigmoid and tanh, no fused multiply-add, reductions by 16 running
//! sums then pairwise: the same bits on every CPU, so that both numeric modes share them.
use crate::level::arch;

/// Lanes of every reduction, whatever the width of the CPU's vectors.
pub const LANES: usize = 16;

/// Runs `work` compiled for the widest vectors of this CPU. Closures given here must be small enough to be inlined.
#[inline(always)]
pub fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    arch().dispatch(work)
}

/// e^x, relative error below 3·10⁻⁷; x is clamped to [-87, 88], so the result is finite and normal.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    /// ln 2 in two parts: the first has so few bits that its product with a small whole number is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    /// Adding and taking away 1.5·2²³ rounds to a whole number.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let tail = (((1.0 / 720.0 * r + 1.0 / 120.0) * r + 1.0 / 24.0) * r + 1.0 / 6.0) * r + 0.5;
    let mantissa = (tail * r) * r + r + 1.0;
    // The whole number sits in the low bits of `shifted`; it moves into the exponent.
    let power = f32::from_bits((shifted.to_bits().wrapping_add(127)) << 23);
    mantissa * power
}

/// 1/(1+e^−x).
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// tanh x, absolute error below 3·10⁻⁷.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (1.0 + exp(2.0 * x))
}

/// Sum of 16 running sums, pairwise: halves are added to halves.
#[inline(always)]
pub fn pairwise(mut lanes: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// Σ a·b of two slices of one length.
#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    for (sum, (a, b)) in sums.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *sum += a * b;
    }
    pairwise(sums)
}

/// Largest of a slice; −∞ when empty.
#[inline(always)]
pub fn largest(x: &[f32]) -> f32 {
    let (chunks, rest) = x.as_chunks::<LANES>();
    let mut most = [f32::NEG_INFINITY; LANES];
    for chunk in chunks {
        for lane in 0..LANES {
            most[lane] = if chunk[lane] > most[lane] { chunk[lane] } else { most[lane] };
        }
    }
    for (most, &value) in most.iter_mut().zip(rest) {
        *most = most.max(value);
    }
    most.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

/// Natural logarithm of x > 0, relative error below 10⁻⁶ away from 1, absolute below 10⁻⁷ near it.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    // Few logarithms are needed (one per row), so binary64 does it: +, −, × and ÷ alone have the same bits everywhere.
    let bits = f64::from(x).to_bits();
    let mut e = ((bits >> 52) as i32 - 1_023) as f64;
    let mut m = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    if m > std::f64::consts::SQRT_2 {
        m *= 0.5;
        e += 1.0;
    }
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let mut series = 1.0 / 13.0;
    for odd in [11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        series = series * z + 1.0 / odd;
    }
    (e * std::f64::consts::LN_2 + 2.0 * s * series) as f32
}

/// Added under the root of the RMS norm, so that a row of zeros has a norm.
pub const NORM_FLOOR: f32 = 1e-6;

/// Rows of `width`: out = gain·x/rms(x); `inverse[row]` = 1/rms, which the backward pass needs.
pub fn rms_norm(x: &[f32], gain: &[f32], out: &mut [f32], inverse: &mut [f32]) {
    let width = gain.len();
    vectorised(
        #[inline(always)]
        || {
            for ((x, out), inverse) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)).zip(inverse) {
                let r = 1.0 / (dot(x, x) / width as f32 + NORM_FLOOR).sqrt();
                *inverse = r;
                norm_row(x, gain, r, out);
            }
        },
    );
}

/// out = gain·x·r for one row.
#[inline(always)]
pub fn norm_row(x: &[f32], gain: &[f32], r: f32, out: &mut [f32]) {
    let (x, x_rest) = x.as_chunks::<LANES>();
    let (gain, gain_rest) = gain.as_chunks::<LANES>();
    let (out, out_rest) = out.as_chunks_mut::<LANES>();
    for ((out, x), gain) in out.iter_mut().zip(x).zip(gain) {
        *out = std::array::from_fn(
            #[inline(always)]
            |i| x[i] * r * gain[i],
        );
    }
    for ((out, x), gain) in out_rest.iter_mut().zip(x_rest).zip(gain_rest) {
        *out = x * r * gain;
    }
}

/// Adds to `dx` and `dgain` what `dy` means for them.
pub fn rms_norm_backward(x: &[f32], gain: &[f32], inverse: &[f32], dy: &[f32], dx: &mut [f32], dgain: &mut [f32]) {
    let width = gain.len();
    vectorised(
        #[inline(always)]
        || {
            for (((x, dy), dx), &r) in
                x.chunks_exact(width).zip(dy.chunks_exact(width)).zip(dx.chunks_exact_mut(width)).zip(inverse)
            {
                norm_row_backward(x, gain, r, dy, dx, dgain);
            }
        },
    );
}

/// One row of `rms_norm_backward`.
#[inline(always)]
pub fn norm_row_backward(x: &[f32], gain: &[f32], r: f32, dy: &[f32], dx: &mut [f32], dgain: &mut [f32]) {
    let width = gain.len();
    // Rows are short: whole chunks of a known length become one vector each, where a plain loop would not.
    let (x, x_rest) = x.as_chunks::<LANES>();
    let (gain, gain_rest) = gain.as_chunks::<LANES>();
    let (dy, dy_rest) = dy.as_chunks::<LANES>();
    let (dx, dx_rest) = dx.as_chunks_mut::<LANES>();
    let (dgain, dgain_rest) = dgain.as_chunks_mut::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for ((x, gain), dy) in x.iter().zip(gain).zip(dy) {
        for i in 0..LANES {
            sums[i] += dy[i] * gain[i] * x[i];
        }
    }
    for (((sum, x), gain), dy) in sums.iter_mut().zip(x_rest).zip(gain_rest).zip(dy_rest) {
        *sum += dy * gain * x;
    }
    let pull = pairwise(sums) * r * r / width as f32;
    for ((((x, gain), dy), dx), dgain) in x.iter().zip(gain).zip(dy).zip(dx).zip(dgain) {
        // Values, not places, so that the compiler need not ask whether two of them are the same.
        let (x, gain, dy) = (*x, *gain, *dy);
        let (mut new_dx, mut new_dgain) = (*dx, *dgain);
        for i in 0..LANES {
            new_dx[i] += r * (dy[i] * gain[i] - x[i] * pull);
            new_dgain[i] += dy[i] * x[i] * r;
        }
        (*dx, *dgain) = (new_dx, new_dgain);
    }
    for ((((x, gain), dy), dx), dgain) in x_rest.iter().zip(gain_rest).zip(dy_rest).zip(dx_rest).zip(dgain_rest) {
        *dx += r * (dy * gain - x * pull);
        *dgain += dy * x * r;
    }
}

/// a += b.
pub fn add(a: &mut [f32], b: &[f32]) {
    vectorised(
        #[inline(always)]
        || {
            for (a, b) in a.iter_mut().zip(b) {
                *a += b;
            }
        },
    );
}

/// a ← a∘b, slices of one length.
pub fn multiply(a: &mut [f32], b: &[f32]) {
    vectorised(
        #[inline(always)]
        || {
            for (a, b) in a.iter_mut().zip(b) {
                *a *= b;
            }
        },
    );
}

/// a ← a·factor.
pub fn scale(a: &mut [f32], factor: f32) {
    vectorised(
        #[inline(always)]
        || {
            for a in a {
                *a *= factor;
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_sigmoid_tanh_and_ln_agree_with_binary64() {
        for step in -8_000..8_000 {
            let x = step as f32 * 0.01;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) / exact - 1.0).abs() < 3e-7, "exp {x}");
            assert!((f64::from(tanh(x)) - f64::from(x).tanh()).abs() < 3e-7, "tanh {x}");
            assert!((f64::from(sigmoid(x)) - 1.0 / (1.0 + f64::from(-x).exp())).abs() < 3e-7, "sigmoid {x}");
            let y = exp(x);
            assert!((f64::from(ln(y)) - f64::from(y).ln()).abs() < 1e-6 * f64::from(x).abs().max(1.0), "ln {y}");
        }
    }

    #[test]
    fn exp_stays_finite_at_the_ends() {
        assert!(exp(1e30).is_finite() && exp(-1e30) > 0.0);
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn a_dot_product_counts_every_element_once() {
        for length in [0, 1, 15, 16, 17, 40, 257] {
            let a: Vec<f32> = (0..length).map(|i| i as f32).collect();
            let expected: f64 = a.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
            assert!((f64::from(dot(&a, &a)) - expected).abs() <= 1e-6 * expected, "length {length}");
        }
    }
}
