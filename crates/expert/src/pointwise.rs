//! What attention and MLP do to every number between products: softmax down the columns of a block of scores, its
//! gradient, GELU and its slope. Fast mode fuses multiply and add, exact mode does not and has the bits of
//! `tensor::kernels` on every CPU.
use pulp::{Simd, WithSimd};
use tensor::kernels::{self, LANES};
use tensor::level::arch;
use tensor::mode::Mode;

/// Columns of a block of scores: that many queries are looked at together, one in each lane of the vectors.
pub const BLOCK: usize = 32;

/// One number for each column.
pub type Columns = [f32; BLOCK];

/// Sixteen running sums of each column, where no vector lies in two lines of the CPU's caches.
#[repr(align(64))]
struct Running([Columns; LANES]);

/// a·b + c, rounded once when `FUSED` and else twice.
#[inline(always)]
fn fused<S: Simd, const FUSED: bool>(simd: S, a: S::f32s, b: S::f32s, c: S::f32s) -> S::f32s {
    if FUSED { simd.mul_add_f32s(a, b, c) } else { simd.add_f32s(simd.mul_f32s(a, b), c) }
}

/// Vectors computed in step. An exponential is one long chain of dependent operations; a CPU that meets chains one after
/// the other has no room for enough of them to be busy.
const ABREAST: usize = 8;

/// e^x as `kernels::exp` has it, for whole vectors.
#[inline(always)]
fn exp<S: Simd, const FUSED: bool, const N: usize>(simd: S, mut x: [S::f32s; N]) -> [S::f32s; N] {
    let round = simd.splat_f32s(12_582_912.0);
    for x in &mut x {
        *x = simd.min_f32s(simd.max_f32s(*x, simd.splat_f32s(-87.0)), simd.splat_f32s(88.0));
    }
    let (mut shifted, mut r) = (x, x);
    for (shifted, x) in shifted.iter_mut().zip(x) {
        *shifted = fused::<S, FUSED>(simd, x, simd.splat_f32s(std::f32::consts::LOG2_E), round);
    }
    for part in [-0.693_359_4, 2.121_944_4e-4] {
        for (r, &shifted) in r.iter_mut().zip(&shifted) {
            *r = fused::<S, FUSED>(simd, simd.sub_f32s(shifted, round), simd.splat_f32s(part), *r);
        }
    }
    let mut tail = [simd.splat_f32s(1.0 / 720.0); N];
    for term in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5] {
        for (tail, &r) in tail.iter_mut().zip(&r) {
            *tail = fused::<S, FUSED>(simd, *tail, r, simd.splat_f32s(term));
        }
    }
    for (r, tail) in r.iter_mut().zip(tail) {
        *r = fused::<S, FUSED>(simd, simd.mul_f32s(tail, *r), *r, *r);
    }
    for (power, shifted) in r.iter_mut().zip(shifted) {
        let bits = simd.add_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(127));
        let scale = simd.transmute_f32s_u32s(simd.wrapping_dyn_shl_u32s(bits, simd.splat_u32s(23)));
        *power = simd.mul_f32s(simd.add_f32s(*power, simd.splat_f32s(1.0)), scale);
    }
    r
}

/// x ← e^(x − shift) for every vector, `shift(i)` being that of the i-th; `done` is given each result in turn.
#[inline(always)]
fn exp_in_place<S: Simd, const FUSED: bool>(
    simd: S,
    x: &mut [S::f32s],
    shift: impl Fn(usize) -> S::f32s,
    mut done: impl FnMut(usize, S::f32s),
) {
    let (groups, rest) = x.as_chunks_mut::<ABREAST>();
    let whole = groups.len() * ABREAST;
    for (index, group) in groups.iter_mut().enumerate() {
        let first = index * ABREAST;
        // Values, not places: what `done` writes to might be the same for all the compiler knows.
        let mut values = *group;
        for (i, x) in values.iter_mut().enumerate() {
            *x = simd.sub_f32s(*x, shift(first + i));
        }
        let values = exp::<S, FUSED, ABREAST>(simd, values);
        *group = values;
        for (i, x) in values.into_iter().enumerate() {
            done(first + i, x);
        }
    }
    for (i, x) in (whole..).zip(rest) {
        [*x] = exp::<S, FUSED, 1>(simd, [simd.sub_f32s(*x, shift(i))]);
        done(i, *x);
    }
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
        let vectors = BLOCK / S::F32_LANES;
        for v in 0..vectors {
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
            let before = &mut S::as_mut_simd_f32s(self.most).0[v];
            *before = simd.max_f32s(most, *before);
        }
        let most = S::as_simd_f32s(self.most).0;
        let scores = S::as_mut_simd_f32s(self.scores.as_flattened_mut()).0;
        let Running(running) = &mut Running([[0.0; BLOCK]; LANES]);
        let running = S::as_mut_simd_f32s(running.as_flattened_mut()).0;
        exp_in_place::<S, FUSED>(
            simd,
            scores,
            #[inline(always)]
            |i| most[i % vectors],
            #[inline(always)]
            |i, x| {
                let sum = &mut running[i % (LANES * vectors)];
                *sum = simd.add_f32s(*sum, x);
            },
        );
        // Halves are added to halves, down to one.
        for half in [8, 4, 2, 1] {
            let (low, high) = running.split_at_mut(half * vectors);
            for (low, high) in low.iter_mut().zip(high) {
                *low = simd.add_f32s(*low, *high);
            }
        }
        S::as_mut_simd_f32s(self.sums).0.copy_from_slice(&running[..vectors]);
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
        let running = S::as_mut_simd_f32s(&mut sums).0;
        exp_in_place::<S, FUSED>(
            simd,
            S::as_mut_simd_f32s(chunks.as_flattened_mut()).0,
            #[inline(always)]
            |_| shift,
            #[inline(always)]
            |i, x| {
                let sum = &mut running[i % (LANES / S::F32_LANES)];
                *sum = simd.add_f32s(*sum, x);
            },
        );
        let mut last = [0.0; LANES];
        last[..rest.len()].copy_from_slice(rest);
        exp_in_place::<S, FUSED>(
            simd,
            S::as_mut_simd_f32s(&mut last).0,
            #[inline(always)]
            |_| shift,
            #[inline(always)]
            |_, _| (),
        );
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
        let vectors = BLOCK / S::F32_LANES;
        let scores = S::as_mut_simd_f32s(self.scores.as_flattened_mut()).0;
        let gradients = S::as_mut_simd_f32s(self.gradients.as_flattened_mut()).0;
        exp_in_place::<S, FUSED>(
            simd,
            scores,
            #[inline(always)]
            |i| log_sums[i % vectors],
            #[inline(always)]
            |i, p| gradients[i] = simd.mul_f32s(p, simd.sub_f32s(gradients[i], pull[i % vectors])),
        );
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
        let ((x, x_few), (out, out_few)) = (x.as_chunks_mut::<ABREAST>(), out.as_chunks_mut::<ABREAST>());
        for (x, out) in x.iter_mut().zip(out) {
            (*x, *out) = slope_and_gelu::<S, FUSED, ABREAST>(simd, *x);
        }
        for (x, out) in x_few.iter_mut().zip(out_few) {
            ([*x], [*out]) = slope_and_gelu::<S, FUSED, 1>(simd, [*x]);
        }
        if !x_rest.is_empty() {
            let ([slope], [gelu]) = slope_and_gelu::<S, FUSED, 1>(simd, [simd.partial_load_f32s(x_rest)]);
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
        let (groups, few) = x.as_chunks_mut::<ABREAST>();
        for x in groups {
            *x = slope_and_gelu::<S, FUSED, ABREAST>(simd, *x).1;
        }
        for x in few {
            [*x] = slope_and_gelu::<S, FUSED, 1>(simd, [*x]).1;
        }
        if !rest.is_empty() {
            let [gelu] = slope_and_gelu::<S, FUSED, 1>(simd, [simd.partial_load_f32s(rest)]).1;
            simd.partial_store_f32s(rest, gelu);
        }
    }
}

#[inline(always)]
fn slope_and_gelu<S: Simd, const FUSED: bool, const N: usize>(
    simd: S,
    x: [S::f32s; N],
) -> ([S::f32s; N], [S::f32s; N]) {
    const LINE: f32 = 2.0 * GELU_SCALE;
    const CUBE: f32 = 2.0 * GELU_SCALE * GELU_CUBE;
    /// Of the derivative of the cube.
    const SQUARE: f32 = 6.0 * GELU_SCALE * GELU_CUBE;
    let (mut slope, mut gelu, mut powers) = (x, x, x);
    for power in &mut powers {
        let square = simd.mul_f32s(*power, *power);
        let minus = fused::<S, FUSED>(simd, square, simd.splat_f32s(-CUBE), simd.splat_f32s(-LINE));
        *power = simd.mul_f32s(*power, minus);
    }
    let powers = exp::<S, FUSED, N>(simd, powers);
    let one = simd.splat_f32s(1.0);
    for ((slope, gelu), power) in slope.iter_mut().zip(&mut gelu).zip(powers) {
        let square = simd.mul_f32s(*gelu, *gelu);
        let s = simd.div_f32s(one, simd.add_f32s(one, power));
        *gelu = simd.mul_f32s(*gelu, s);
        let du = fused::<S, FUSED>(simd, square, simd.splat_f32s(SQUARE), simd.splat_f32s(LINE));
        *slope = fused::<S, FUSED>(simd, simd.mul_f32s(*gelu, simd.sub_f32s(one, s)), du, s);
    }
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
