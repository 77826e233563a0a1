//! Norms, turns and the end of attention for rows that lie across the vectors, one in each lane: nothing is reduced within
//! a vector. Neither mode fuses multiply and add here: the bits are those of `rows.rs`.
use pulp::{Simd, WithSimd};
use tensor::kernels::{LANES, NORM_FLOOR};
use tensor::level::arch;

use crate::pointwise::{BLOCK, Columns};

/// Vector `v` of a row.
#[inline(always)]
fn part<S: Simd>(row: &Columns, v: usize) -> S::f32s {
    S::as_simd_f32s(row).0[v]
}

/// 1/rms of the lanes of vector `v`. The order of additions is that of `kernels::dot`.
#[inline(always)]
fn inverse_rms<S: Simd>(simd: S, x: &[Columns], v: usize) -> S::f32s {
    let mut sums = [simd.splat_f32s(0.0); LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for rows in chunks {
        for (sum, row) in sums.iter_mut().zip(rows) {
            let x = part::<S>(row, v);
            *sum = simd.add_f32s(*sum, simd.mul_f32s(x, x));
        }
    }
    for (sum, row) in sums.iter_mut().zip(rest) {
        let x = part::<S>(row, v);
        *sum = simd.add_f32s(*sum, simd.mul_f32s(x, x));
    }
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            sums[lane] = simd.add_f32s(sums[lane], sums[lane + half]);
        }
    }
    let mean = simd.div_f32s(sums[0], simd.splat_f32s(x.len() as f32));
    let root = simd.sqrt_f32s(simd.add_f32s(mean, simd.splat_f32s(NORM_FLOOR)));
    simd.div_f32s(simd.splat_f32s(1.0), root)
}

struct Norm<'a> {
    x: &'a [Columns],
    gain: &'a [f32],
    out: &'a mut [Columns],
}

/// out = gain·x/rms(x) in each lane.
pub fn rms_norm(x: &[Columns], gain: &[f32], out: &mut [Columns]) {
    arch().dispatch(Norm { x, gain, out });
}

impl WithSimd for Norm<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for v in 0..BLOCK / S::F32_LANES {
            let inverse = inverse_rms(simd, self.x, v);
            for ((out, x), &gain) in self.out.iter_mut().zip(self.x).zip(self.gain) {
                let x = simd.mul_f32s(part::<S>(x, v), inverse);
                S::as_mut_simd_f32s(out).0[v] = simd.mul_f32s(x, simd.splat_f32s(gain));
            }
        }
    }
}

/// A pair of numbers turned.
#[inline(always)]
fn turned<S: Simd>(simd: S, (x, y): (S::f32s, S::f32s), (cosine, sine): (S::f32s, S::f32s)) -> (S::f32s, S::f32s) {
    let first = simd.sub_f32s(simd.mul_f32s(x, cosine), simd.mul_f32s(y, sine));
    (first, simd.add_f32s(simd.mul_f32s(x, sine), simd.mul_f32s(y, cosine)))
}

struct Turn<'a> {
    x: &'a mut [Columns],
    turns: &'a [Columns],
}

/// Turns each head of `turns.len()` numbers by the cosines and sines of `turns`.
pub fn turn(x: &mut [Columns], turns: &[Columns]) {
    arch().dispatch(Turn { x, turns });
}

impl WithSimd for Turn<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let pairs = self.turns.len() / 2;
        let (cosines, sines) = self.turns.split_at(pairs);
        for head in self.x.chunks_exact_mut(2 * pairs) {
            let (first, second) = head.split_at_mut(pairs);
            for ((first, second), (cosine, sine)) in first.iter_mut().zip(second).zip(cosines.iter().zip(sines)) {
                for v in 0..BLOCK / S::F32_LANES {
                    let (x, y) = (&mut S::as_mut_simd_f32s(first).0[v], &mut S::as_mut_simd_f32s(second).0[v]);
                    (*x, *y) = turned(simd, (*x, *y), (part::<S>(cosine, v), part::<S>(sine, v)));
                }
            }
        }
    }
}

struct Place<'a> {
    x: &'a mut [Columns],
    gain: &'a [f32],
    scale: f32,
    turns: &'a [Columns],
}

/// Norms each head of `gain.len()` numbers, gives it the factor `scale` and turns it by the cosines and sines of `turns`.
pub fn place(x: &mut [Columns], gain: &[f32], scale: f32, turns: &[Columns]) {
    arch().dispatch(Place { x, gain, scale, turns });
}

impl WithSimd for Place<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let pairs = self.gain.len() / 2;
        let (cosines, sines) = self.turns.split_at(pairs);
        let (first_gains, second_gains) = self.gain.split_at(pairs);
        let scale = simd.splat_f32s(self.scale);
        for head in self.x.chunks_exact_mut(self.gain.len()) {
            for v in 0..BLOCK / S::F32_LANES {
                let inverse = inverse_rms(simd, head, v);
                let (first, second) = head.split_at_mut(pairs);
                let gains = first_gains.iter().zip(second_gains);
                let turns = cosines.iter().zip(sines);
                for (((first, second), gains), (cosine, sine)) in first.iter_mut().zip(second).zip(gains).zip(turns) {
                    let (first, second) = (&mut S::as_mut_simd_f32s(first).0[v], &mut S::as_mut_simd_f32s(second).0[v]);
                    let (cosine, sine) = (part::<S>(cosine, v), part::<S>(sine, v));
                    let normed = |x, &gain| {
                        simd.mul_f32s(simd.mul_f32s(simd.mul_f32s(x, inverse), simd.splat_f32s(gain)), scale)
                    };
                    (*first, *second) =
                        turned(simd, (normed(*first, gains.0), normed(*second, gains.1)), (cosine, sine));
                }
            }
        }
    }
}

struct Finish<'a> {
    mixed: &'a mut [Columns],
    first: &'a [f32],
    weights: &'a Columns,
    sums: &'a Columns,
}

/// Adds the numbers of the first value with the weight of each lane, and divides by the sum of all weights.
pub fn finish(mixed: &mut [Columns], first: &[f32], weights: &Columns, sums: &Columns) {
    arch().dispatch(Finish { mixed, first, weights, sums });
}

impl WithSimd for Finish<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for v in 0..BLOCK / S::F32_LANES {
            let factor = simd.div_f32s(simd.splat_f32s(1.0), part::<S>(self.sums, v));
            let weight = part::<S>(self.weights, v);
            for (mixed, &value) in self.mixed.iter_mut().zip(self.first) {
                let mixed = &mut S::as_mut_simd_f32s(mixed).0[v];
                let whole = simd.add_f32s(*mixed, simd.mul_f32s(weight, simd.splat_f32s(value)));
                *mixed = simd.mul_f32s(whole, factor);
            }
        }
    }
}
