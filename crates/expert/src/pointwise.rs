//! What attention and MLP do to every number between products: softmax down the columns of a block of scores, its
//! gradient, GELU and its slope. Fast mode fuses multiply and add, exact mode does not and has the bits of
//! `tensor::kernels` on every CPU.
use pulp::{Simd, WithSimd};
use tensor::kernels::{self, LANES};
use tensor::level::arch;
use tensor::matmul::Mode;

/// Columns of a block of scores: that many queries are looked at together, one in each lane of the vectors.
pub const BLOCK: usize = 32;

/// One number for each column.
pub type Columns = [f32; BLOCK];

/// a·b + c, rounded once when `FUSED` and else twice.
#[inline(always)]
fn fused<S: Simd, const FUSED: bool>(simd: S, a: S::f32s, b: S::f32s, c: S::f32s) -> S::f32s {
    if FUSED { simd.mul_add_f32s(a, b, c) } else { simd.add_f32s(simd.mul_f32s(a, b), c) }
}

/// e^x as `kernels::exp` has it, for a whole vector.
#[inline(always)]
fn exp<S: Simd, const FUSED: bool>(simd: S, x: S::f32s) -> S::f32s {
    let round = simd.splat_f32s(12_582_912.0);
    let x = simd.min_f32s(simd.max_f32s(x, simd.splat_f32s(-87.0)), simd.splat_f32s(88.0));
    let shifted = fused::<S, FUSED>(simd, x, simd.splat_f32s(std::f32::consts::LOG2_E), round);
    let n = simd.sub_f32s(shifted, round);
    let r = fused::<S, FUSED>(simd, n, simd.splat_f32s(-0.693_359_4), x);
    let r = fused::<S, FUSED>(simd, n, simd.splat_f32s(2.121_944_4e-4), r);
    let mut tail = fused::<S, FUSED>(simd, simd.splat_f32s(1.0 / 720.0), r, simd.splat_f32s(1.0 / 120.0));
    for term in [1.0 / 24.0, 1.0 / 6.0, 0.5] {
        tail = fused::<S, FUSED>(simd, tail, r, simd.splat_f32s(term));
    }
    let mantissa = simd.add_f32s(fused::<S, FUSED>(simd, simd.mul_f32s(tail, r), r, r), simd.splat_f32s(1.0));
    let bits = simd.add_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(127));
    let power = simd.wrapping_dyn_shl_u32s(bits, simd.splat_u32s(23));
    simd.mul_f32s(mantissa, simd.transmute_f32s_u32s(power))
}

/// score ← e^(score − most), added to its sum.
#[inline(always)]
fn exponential<S: Simd, const FUSED: bool>(simd: S, score: &mut S::f32s, most: S::f32s, sum: &mut S::f32s) {
    *score = exp::<S, FUSED>(simd, simd.sub_f32s(*score, most));
    *sum = simd.add_f32s(*sum, *score);
}

/// Halves of sixteen running sums are added to halves, down to one.
#[inline(always)]
fn pairwise<S: Simd>(simd: S, mut sums: [S::f32s; LANES]) -> S::f32s {
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            sums[lane] = simd.add_f32s(sums[lane], sums[lane + half]);
        }
    }
    sums[0]
}

struct Softmax<'a> {
    mode: Mode,
    scores: &'a mut [Columns],
    most: &'a mut Columns,
    sums: &'a mut Columns,
}

/// Row j of `scores` holds the scores of key j. They become e^(score − most), `most` being the largest of the column and
/// of what it held before; the sums of columns go to `sums`: sixteen running sums by the number of the row mod 16, then
/// pairwise. Of −∞ comes something below 10⁻³⁷.
pub fn softmax(mode: Mode, scores: &mut [Columns], most: &mut Columns, sums: &mut Columns) {
    arch().dispatch(Softmax { mode, scores, most, sums });
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.mode == Mode::Exact { self.run::<S, false>(simd) } else { self.run::<S, true>(simd) }
    }
}

impl Softmax<'_> {
    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, simd: S) {
        for v in 0..BLOCK / S::F32_LANES {
            let mut most = [simd.splat_f32s(f32::NEG_INFINITY); 4];
            let (chunks, rest) = self.scores.as_chunks::<4>();
            for rows in chunks {
                for (most, row) in most.iter_mut().zip(rows) {
                    *most = simd.max_f32s(*most, S::as_simd_f32s(row).0[v]);
                }
            }
            for row in rest {
                most[0] = simd.max_f32s(most[0], S::as_simd_f32s(row).0[v]);
            }
            let most = simd.max_f32s(simd.max_f32s(most[0], most[1]), simd.max_f32s(most[2], most[3]));
            let most = simd.max_f32s(most, S::as_simd_f32s(self.most).0[v]);
            let mut sums = [simd.splat_f32s(0.0); LANES];
            let (chunks, rest) = self.scores.as_chunks_mut::<LANES>();
            for rows in chunks {
                for (row, sum) in rows.iter_mut().zip(&mut sums) {
                    exponential::<S, FUSED>(simd, &mut S::as_mut_simd_f32s(row).0[v], most, sum);
                }
            }
            for (row, sum) in rest.iter_mut().zip(&mut sums) {
                exponential::<S, FUSED>(simd, &mut S::as_mut_simd_f32s(row).0[v], most, sum);
            }
            S::as_mut_simd_f32s(self.most).0[v] = most;
            S::as_mut_simd_f32s(self.sums).0[v] = pairwise(simd, sums);
        }
    }
}

struct SoftmaxRow<'a> {
    mode: Mode,
    scores: &'a mut [f32],
    least: f32,
}

/// One column of `softmax` whose keys lie side by side, with the same bits: gives the largest, no less than `least`, and
/// the sum.
pub fn softmax_row(mode: Mode, scores: &mut [f32], least: f32) -> (f32, f32) {
    arch().dispatch(SoftmaxRow { mode, scores, least })
}

impl WithSimd for SoftmaxRow<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (f32, f32) {
        if self.mode == Mode::Exact { self.run::<S, false>(simd) } else { self.run::<S, true>(simd) }
    }
}

impl SoftmaxRow<'_> {
    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, simd: S) -> (f32, f32) {
        let most = kernels::largest(self.scores).max(self.least);
        let shift = simd.splat_f32s(most);
        let mut sums = [0.0; LANES];
        let (chunks, rest) = self.scores.as_chunks_mut::<LANES>();
        for chunk in chunks {
            for (score, sum) in S::as_mut_simd_f32s(chunk).0.iter_mut().zip(S::as_mut_simd_f32s(&mut sums).0) {
                exponential::<S, FUSED>(simd, score, shift, sum);
            }
        }
        let mut last = [0.0; LANES];
        last[..rest.len()].copy_from_slice(rest);
        for score in S::as_mut_simd_f32s(&mut last).0 {
            *score = exp::<S, FUSED>(simd, simd.sub_f32s(*score, shift));
        }
        for ((score, last), sum) in rest.iter_mut().zip(last).zip(&mut sums) {
            *score = last;
            *sum += last;
        }
        (most, kernels::pairwise(sums))
    }
}

struct SoftmaxBackward<'a> {
    mode: Mode,
    scores: &'a mut [Columns],
    gradients: &'a mut [Columns],
    log_sums: &'a Columns,
    pull: &'a Columns,
}

/// Scores become probabilities p = e^(score − log sum), and `gradients`, those of the probabilities, become those of the
/// scores: p·(gradient − pull), where `pull` is Σ p·gradient of the column.
pub fn softmax_backward(
    mode: Mode,
    scores: &mut [Columns],
    gradients: &mut [Columns],
    log_sums: &Columns,
    pull: &Columns,
) {
    arch().dispatch(SoftmaxBackward { mode, scores, gradients, log_sums, pull });
}

impl WithSimd for SoftmaxBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.mode == Mode::Exact { self.run::<S, false>(simd) } else { self.run::<S, true>(simd) }
    }
}

impl SoftmaxBackward<'_> {
    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, simd: S) {
        let (log_sums, pull) = (S::as_simd_f32s(self.log_sums).0, S::as_simd_f32s(self.pull).0);
        for (scores, gradients) in self.scores.iter_mut().zip(self.gradients) {
            let (scores, gradients) = (S::as_mut_simd_f32s(scores).0, S::as_mut_simd_f32s(gradients).0);
            for v in 0..BLOCK / S::F32_LANES {
                let p = exp::<S, FUSED>(simd, simd.sub_f32s(scores[v], log_sums[v]));
                scores[v] = p;
                gradients[v] = simd.mul_f32s(p, simd.sub_f32s(gradients[v], pull[v]));
            }
        }
    }
}

/// √(2/π) and the factor of the cube, of the usual tanh form of GELU.
const GELU_SCALE: f32 = 0.797_884_6;
const GELU_CUBE: f32 = 0.044_715;

struct Gelu<'a> {
    mode: Mode,
    x: &'a mut [f32],
    out: &'a mut [f32],
}

/// out = GELU(x), the tanh form, which is x·sigmoid(2√(2/π)·(x + 0.044715·x³)), and x becomes its slope GELU'(x), all
/// that the backward pass needs.
pub fn gelu(mode: Mode, x: &mut [f32], out: &mut [f32]) {
    arch().dispatch(Gelu { mode, x, out });
}

impl WithSimd for Gelu<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.mode == Mode::Exact { self.run::<S, false>(simd) } else { self.run::<S, true>(simd) }
    }
}

impl Gelu<'_> {
    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, simd: S) {
        let (x, x_rest) = S::as_mut_simd_f32s(self.x);
        let (out, out_rest) = S::as_mut_simd_f32s(self.out);
        for (x, out) in x.iter_mut().zip(out) {
            (*x, *out) = slope_and_gelu::<S, FUSED>(simd, *x);
        }
        if !x_rest.is_empty() {
            let (slope, gelu) = slope_and_gelu::<S, FUSED>(simd, simd.partial_load_f32s(x_rest));
            simd.partial_store_f32s(x_rest, slope);
            simd.partial_store_f32s(out_rest, gelu);
        }
    }
}

struct GeluInPlace<'a> {
    mode: Mode,
    x: &'a mut [f32],
}

/// x ← GELU(x), with the bits of `gelu`.
pub fn gelu_in_place(mode: Mode, x: &mut [f32]) {
    arch().dispatch(GeluInPlace { mode, x });
}

impl WithSimd for GeluInPlace<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.mode == Mode::Exact { self.run::<S, false>(simd) } else { self.run::<S, true>(simd) }
    }
}

impl GeluInPlace<'_> {
    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, simd: S) {
        let (x, rest) = S::as_mut_simd_f32s(self.x);
        for x in x {
            *x = slope_and_gelu::<S, FUSED>(simd, *x).1;
        }
        if !rest.is_empty() {
            let gelu = slope_and_gelu::<S, FUSED>(simd, simd.partial_load_f32s(rest)).1;
            simd.partial_store_f32s(rest, gelu);
        }
    }
}

#[inline(always)]
fn slope_and_gelu<S: Simd, const FUSED: bool>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    let square = simd.mul_f32s(x, x);
    let minus_u = simd.mul_f32s(
        x,
        fused::<S, FUSED>(
            simd,
            square,
            simd.splat_f32s(-2.0 * GELU_SCALE * GELU_CUBE),
            simd.splat_f32s(-2.0 * GELU_SCALE),
        ),
    );
    let s = simd.div_f32s(simd.splat_f32s(1.0), simd.add_f32s(simd.splat_f32s(1.0), exp::<S, FUSED>(simd, minus_u)));
    let gelu = simd.mul_f32s(x, s);
    let du = fused::<S, FUSED>(
        simd,
        square,
        simd.splat_f32s(6.0 * GELU_SCALE * GELU_CUBE),
        simd.splat_f32s(2.0 * GELU_SCALE),
    );
    let slope = fused::<S, FUSED>(simd, simd.mul_f32s(gelu, simd.sub_f32s(simd.splat_f32s(1.0), s)), du, s);
    (slope, gelu)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn block(rows: usize, seed: u64) -> Vec<Columns> {
        let mut random = Random::new(seed, &[]);
        (0..rows).map(|_| std::array::from_fn(|_| 3.0 * random.normal())).collect()
    }

    #[test]
    fn softmax_down_the_columns_agrees_with_binary64() {
        for mode in [Mode::Fast, Mode::Exact] {
            for rows in [1, 3, 15, 16, 17, 50, 64] {
                let before = block(rows, 1);
                let (mut after, mut most, mut sums) = (before.clone(), [f32::NEG_INFINITY; BLOCK], [0.0; BLOCK]);
                softmax(mode, &mut after, &mut most, &mut sums);
                for q in 0..BLOCK {
                    let column = before.iter().map(|row| f64::from(row[q]));
                    let largest = column.clone().fold(f64::NEG_INFINITY, f64::max);
                    assert_eq!(f64::from(most[q]), largest);
                    let sum: f64 = column.map(|x| (x - largest).exp()).sum();
                    assert!((f64::from(sums[q]) / sum - 1.0).abs() < 1e-6, "{mode:?} {rows} rows");
                    for (before, after) in before.iter().zip(&after) {
                        let exact = (f64::from(before[q]) - largest).exp();
                        assert!((f64::from(after[q]) / exact - 1.0).abs() < 1e-6, "{mode:?} {rows} rows");
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_has_the_bits_of_a_column() {
        for mode in [Mode::Fast, Mode::Exact] {
            for rows in [1, 3, 15, 16, 17, 50, 64] {
                let mut columns = block(rows, 4);
                let mut row: Vec<f32> = columns.iter().map(|row| row[5]).collect();
                let (mut most, mut sums) = ([2.5; BLOCK], [0.0; BLOCK]);
                softmax(mode, &mut columns, &mut most, &mut sums);
                assert_eq!(softmax_row(mode, &mut row, 2.5), (most[5], sums[5]), "{mode:?} {rows} keys");
                assert_eq!(row, columns.iter().map(|row| row[5]).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn the_gradient_of_softmax_is_that_of_its_formula() {
        let (scores, gradients) = (block(21, 2), block(21, 3));
        let (log_sums, pull) = ([4.0; BLOCK], [0.5; BLOCK]);
        for mode in [Mode::Fast, Mode::Exact] {
            let (mut p, mut g) = (scores.clone(), gradients.clone());
            softmax_backward(mode, &mut p, &mut g, &log_sums, &pull);
            for row in 0..scores.len() {
                for q in 0..BLOCK {
                    let expected = (f64::from(scores[row][q]) - 4.0).exp();
                    assert!((f64::from(p[row][q]) / expected - 1.0).abs() < 1e-6);
                    let expected = expected * (f64::from(gradients[row][q]) - 0.5);
                    assert!((f64::from(g[row][q]) - expected).abs() <= 1e-6 * expected.abs().max(1.0));
                }
            }
        }
    }

    fn gelu_in_place_of(mode: Mode, x: f32) -> f32 {
        let mut one = [x; 21];
        gelu_in_place(mode, &mut one);
        assert!(one.iter().all(|&value| value == one[0]));
        one[0]
    }

    #[test]
    fn gelu_and_its_slope_agree_with_binary64() {
        let gelu_of = |x: f64| 0.5 * x * (1.0 + (0.797_884_560_802_865_4 * (x + 0.044_715 * x * x * x)).tanh());
        let xs: Vec<f32> = (-501..=501).map(|i| i as f32 * 0.02).collect();
        for mode in [Mode::Fast, Mode::Exact] {
            let (mut slope, mut out) = (xs.clone(), vec![0.0; xs.len()]);
            gelu(mode, &mut slope, &mut out);
            for ((&x, slope), out) in xs.iter().zip(slope).zip(out) {
                let x = f64::from(x);
                assert!((f64::from(out) - gelu_of(x)).abs() < 2e-6, "{mode:?} GELU({x})");
                let numeric = (gelu_of(x + 1e-5) - gelu_of(x - 1e-5)) / 2e-5;
                assert_eq!(out, gelu_in_place_of(mode, x as f32), "{mode:?}");
                assert!((f64::from(slope) - numeric).abs() < 3e-6, "{mode:?} GELU'({x})");
            }
        }
    }
}
