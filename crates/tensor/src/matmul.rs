//! Products of strided f32 views on the caller's thread, as the models need them: small and of every layout. `Fast` is the
//! `gemm` crate, whose order of additions depends on the CPU and on the shape. Whole products of every dtype are in
//! `product`.
#![allow(unsafe_code)] // one call into `gemm`, whose interface is raw pointers
use gemm::Parallelism;

use crate::exact;

/// How sums are ordered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// The same bits on one machine.
    #[default]
    Fast,
    /// The same bits on every CPU.
    Exact,
}

/// A matrix in borrowed memory: element (i, j) is `data[i·row_stride + j·column_stride]`.
pub struct View<'a, T = f32> {
    pub data: &'a [T],
    pub rows: usize,
    pub columns: usize,
    pub row_stride: usize,
    pub column_stride: usize,
}

impl<T> Clone for View<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for View<'_, T> {}

impl<'a, T> View<'a, T> {
    /// Row-major with no gaps.
    pub fn new(data: &'a [T], rows: usize, columns: usize) -> Self {
        Self::strided(data, rows, columns, columns)
    }

    /// Row-major, `row_stride` from one row to the next.
    pub fn strided(data: &'a [T], rows: usize, columns: usize, row_stride: usize) -> Self {
        Self { data, rows, columns, row_stride, column_stride: 1 }
    }

    /// The transpose, without moving anything.
    #[must_use]
    pub fn t(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    pub(crate) fn fits(&self) -> bool {
        reaches(self.rows, self.columns, self.row_stride, self.column_stride) <= self.data.len()
    }
}

/// A matrix to be written: row-major, `row_stride` from one row to the next.
pub struct ViewMut<'a> {
    pub data: &'a mut [f32],
    pub rows: usize,
    pub columns: usize,
    pub row_stride: usize,
}

impl<'a> ViewMut<'a> {
    pub fn new(data: &'a mut [f32], rows: usize, columns: usize) -> Self {
        Self::strided(data, rows, columns, columns)
    }

    pub fn strided(data: &'a mut [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        Self { data, rows, columns, row_stride }
    }
}

/// Elements of memory that a matrix spans.
fn reaches(rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> usize {
    if rows == 0 || columns == 0 { 0 } else { (rows - 1) * row_stride + (columns - 1) * column_stride + 1 }
}

/// Whether a product replaces what is there or is added to it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Into {
    Replace,
    Add,
}

/// c = a·b or c += a·b, on the caller's thread.
///
/// # Panics
/// When the shapes do not fit: an error in this workspace, never in its input.
pub fn multiply(mode: Mode, a: View, b: View, c: ViewMut, into: Into) {
    assert!(a.columns == b.rows && a.rows == c.rows && b.columns == c.columns, "shapes of a product do not fit");
    assert!(a.fits() && b.fits(), "a factor is larger than its memory");
    assert!(
        reaches(c.rows, c.columns, c.row_stride, 1) <= c.data.len() && (c.rows < 2 || c.columns <= c.row_stride),
        "a product is larger than its memory"
    );
    if c.rows == 0 || c.columns == 0 {
        return;
    }
    if mode == Mode::Exact {
        exact::multiply(a, b, c, into);
        return;
    }
    // SAFETY: the three matrices lie within their slices (asserted above), `c` is borrowed exclusively and its rows do
    // not overlap (columns <= row_stride), and `gemm` touches no element outside of the shapes it is given.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            c.data.as_mut_ptr(),
            1,
            c.row_stride as isize,
            into == Into::Add,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(length: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .take(length)
        .collect()
    }

    fn reference(a: View, b: View, i: usize, j: usize) -> f64 {
        (0..a.columns)
            .map(|k| {
                f64::from(a.data[i * a.row_stride + k * a.column_stride])
                    * f64::from(b.data[k * b.row_stride + j * b.column_stride])
            })
            .sum()
    }

    #[test]
    fn every_shape_and_layout_agrees_with_binary64() {
        for mode in [Mode::Fast, Mode::Exact] {
            for (m, k, n) in [(1, 1, 1), (3, 5, 7), (17, 16, 33), (64, 64, 192), (65, 100, 31), (4, 300, 16), (5, 0, 4)]
            {
                let (x, y) = (filled(m * k, 1), filled(k * n, 2));
                for a in [View::new(&x, m, k), View::new(&x, k, m).t()] {
                    for b in [View::new(&y, k, n), View::new(&y, n, k).t()] {
                        let mut c = vec![1.0; m * n];
                        multiply(mode, a, b, ViewMut::new(&mut c, m, n), Into::Add);
                        for (at, &value) in c.iter().enumerate() {
                            let expected = 1.0 + reference(a, b, at / n, at % n);
                            assert!(
                                (f64::from(value) - expected).abs() < 1e-5 * (k as f64).max(1.0),
                                "{mode:?} {m}x{k}x{n}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_exact_order_of_additions_is_sixteen_sums_then_pairs() {
        let (m, k, n) = (5, 83, 19);
        let (x, y) = (filled(m * k, 3), filled(k * n, 4));
        let mut c = vec![0.0; m * n];
        multiply(Mode::Exact, View::new(&x, m, k), View::new(&y, k, n), ViewMut::new(&mut c, m, n), Into::Replace);
        for i in 0..m {
            for j in 0..n {
                let mut sums = [0.0_f32; 16];
                for p in 0..k {
                    sums[p % 16] += x[i * k + p] * y[p * n + j];
                }
                assert_eq!(c[i * n + j].to_bits(), crate::kernels::pairwise(sums).to_bits(), "({i}, {j})");
            }
        }
    }
}
