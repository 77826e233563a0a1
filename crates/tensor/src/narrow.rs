//! Products of few rows with a wide matrix that is used again and again: the steps of a recurrent network. Nothing is
//! packed, and each element is summed in the order of k, so the bits do not depend on how many rows there are.
use pulp::{Arch, Simd, WithSimd};

use crate::exact;
use crate::matmul::{Into, Mode, View, ViewMut};

/// Rows and vectors of one tile: sixteen accumulators.
const ROWS: usize = 4;
const VECTORS: usize = 4;

struct Product<'a> {
    a: &'a [f32],
    b: &'a [f32],
    c: &'a mut [f32],
    inner: usize,
    columns: usize,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { a, b, c, inner, columns } = self;
        let rows = a.len() / inner;
        let mut row = 0;
        while row + ROWS <= rows {
            let (a, c) = (&a[row * inner..][..ROWS * inner], &mut c[row * columns..][..ROWS * columns]);
            strip::<S, ROWS>(simd, a, b, c, inner, columns);
            row += ROWS;
        }
        while row < rows {
            let (a, c) = (&a[row * inner..][..inner], &mut c[row * columns..][..columns]);
            strip::<S, 1>(simd, a, b, c, inner, columns);
            row += 1;
        }
    }
}

/// `R` whole rows of c.
#[inline(always)]
fn strip<S: Simd, const R: usize>(simd: S, a: &[f32], b: &[f32], c: &mut [f32], inner: usize, columns: usize) {
    let wide = VECTORS * S::F32_LANES;
    let mut column = 0;
    while column + wide <= columns {
        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; R];
        for k in 0..inner {
            let (line, _) = S::as_simd_f32s(&b[k * columns + column..][..wide]);
            for (row, sums) in sums.iter_mut().enumerate() {
                let factor = simd.splat_f32s(a[row * inner + k]);
                for (sum, &b) in sums.iter_mut().zip(line) {
                    *sum = simd.mul_add_f32s(factor, b, *sum);
                }
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            let (out, _) = S::as_mut_simd_f32s(&mut c[row * columns + column..][..wide]);
            out.copy_from_slice(sums);
        }
        column += wide;
    }
    while column + S::F32_LANES <= columns {
        let mut sums = [simd.splat_f32s(0.0); R];
        for k in 0..inner {
            let (line, _) = S::as_simd_f32s(&b[k * columns + column..][..S::F32_LANES]);
            for (row, sum) in sums.iter_mut().enumerate() {
                *sum = simd.mul_add_f32s(simd.splat_f32s(a[row * inner + k]), line[0], *sum);
            }
        }
        for (row, &sum) in sums.iter().enumerate() {
            S::as_mut_simd_f32s(&mut c[row * columns + column..][..S::F32_LANES]).0[0] = sum;
        }
        column += S::F32_LANES;
    }
    for column in column..columns {
        for row in 0..R {
            c[row * columns + column] = (0..inner).map(|k| a[row * inner + k] * b[k * columns + column]).sum();
        }
    }
}

/// c = a·b, all row-major without gaps; `inner` > 0 columns of a.
///
/// # Panics
/// When the shapes do not fit: an error in this workspace, never in its input.
pub fn multiply(mode: Mode, a: &[f32], b: &[f32], c: &mut [f32], inner: usize) {
    let (rows, columns) = (a.len() / inner, b.len() / inner);
    assert!(a.len() == rows * inner && b.len() == inner * columns && c.len() == rows * columns, "shapes do not fit");
    if mode == Mode::Exact {
        let (a, b) = (View::new(a, rows, inner), View::new(b, inner, columns));
        exact::multiply(a, b, ViewMut::new(c, rows, columns), Into::Replace);
    } else {
        Arch::new().dispatch(Product { a, b, c, inner, columns });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_binary64_whatever_the_number_of_rows() {
        let (inner, columns) = (37, 16 * 4 + 16 + 3);
        let b: Vec<f32> = (0..inner * columns).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
        let a: Vec<f32> = (0..9 * inner).map(|i| ((i * 53 % 89) as f32 - 44.0) / 44.0).collect();
        let mut all = vec![0.0; 9 * columns];
        multiply(Mode::Fast, &a, &b, &mut all, inner);
        for row in 0..9 {
            let mut one = vec![0.0; columns];
            multiply(Mode::Fast, &a[row * inner..][..inner], &b, &mut one, inner);
            assert_eq!(one, all[row * columns..][..columns], "row {row} alone");
            for (column, &value) in one.iter().enumerate() {
                let expected: f64 =
                    (0..inner).map(|k| f64::from(a[row * inner + k]) * f64::from(b[k * columns + column])).sum();
                assert!((f64::from(value) - expected).abs() < 1e-4, "({row}, {column})");
            }
        }
    }
}
