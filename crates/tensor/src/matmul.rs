//! Matrix products over strided views. `Fast` is the `gemm` crate; its order of additions depends on the CPU and on the
//! shape, so a product is always cut the same way, whatever the number of threads.
#![allow(unsafe_code)] // one call into `gemm`, whose interface is raw pointers
use std::sync::atomic::{AtomicBool, Ordering};

use gemm::Parallelism;
use rayon::prelude::*;

use crate::error::Error;
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
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub data: &'a [f32],
    pub rows: usize,
    pub columns: usize,
    pub row_stride: usize,
    pub column_stride: usize,
}

impl<'a> View<'a> {
    /// Row-major with no gaps.
    pub fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::strided(data, rows, columns, columns)
    }

    /// Row-major, `row_stride` from one row to the next.
    pub fn strided(data: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
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

    fn fits(&self) -> bool {
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

/// Elements of each matrix of one call: 256 MiB.
pub const ELEMENTS_MAX: usize = 1 << 26;
/// Multiply-adds of one call: half an hour on one core.
const WORK_MAX: u128 = 1 << 47;
/// Rows that one thread takes at a time, for any number of threads.
const BAND: usize = 256;

/// C[m,n] = A[m,k]·B[k,n], row-major, on all threads of the current pool; sizes are checked before anything is allocated.
pub fn matmul(
    mode: Mode,
    a: &[f32],
    b: &[f32],
    (m, k, n): (usize, usize, usize),
    cancelled: &AtomicBool,
) -> Result<Vec<f32>, Error> {
    check(a.len(), b.len(), (m, k, n))?;
    let mut c = vec![0.0; m * n];
    if n > 0 {
        c.par_chunks_mut(BAND * n).enumerate().for_each(|(band, c)| {
            if cancelled.load(Ordering::Relaxed) {
                return;
            }
            let rows = c.len() / n;
            let a = View::new(&a[band * BAND * k..][..rows * k], rows, k);
            multiply(mode, a, View::new(b, k, n), ViewMut::new(c, rows, n), Into::Replace);
        });
    }
    if cancelled.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(c) }
}

/// Refuses shapes that do not fit the data or exceed the limits.
pub fn check(a: usize, b: usize, (m, k, n): (usize, usize, usize)) -> Result<(), Error> {
    let elements = |rows: usize, columns: usize| rows.checked_mul(columns).filter(|&n| n <= ELEMENTS_MAX);
    let sizes = (elements(m, k), elements(k, n), elements(m, n));
    let (Some(mk), Some(kn), Some(_)) = sizes else {
        return Err(Error::Shape(format!("a matrix has {ELEMENTS_MAX} elements at most")));
    };
    if m as u128 * k as u128 * n as u128 > WORK_MAX {
        return Err(Error::Shape(format!("{m} x {k} x {n} is too much work for one call")));
    }
    if a != mk || b != kn {
        return Err(Error::Shape(format!("{a} and {b} elements are not {m} x {k} and {k} x {n}")));
    }
    Ok(())
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

    #[test]
    fn bits_do_not_depend_on_the_number_of_threads() {
        let (m, k, n) = (700, 65, 40);
        let (x, y) = (filled(m * k, 5), filled(k * n, 6));
        let stay = AtomicBool::new(false);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| matmul(Mode::Fast, &x, &y, (m, k, n), &stay).unwrap())
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn shapes_beyond_the_limits_are_refused_before_anything_is_allocated() {
        assert!(check(0, 0, (usize::MAX, 2, 0)).is_err());
        assert!(check(1, 1, (1 << 20, 1 << 20, 1)).is_err());
        assert!(check(5, 6, (2, 3, 2)).is_err());
        assert!(check(6, 6, (2, 3, 2)).is_ok());
    }
}
