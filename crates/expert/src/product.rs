//! Products of the shapes that nano models are made of: hundreds of rows, 16 to a few hundred columns, a short inner
//! dimension. General libraries spend much of such a product on packing. Here the right factor of many products, a
//! tensor of weights, is packed once per training step (`Factor`), and the left one never: its numbers are read one at
//! a time and spread over a vector. In fast mode each element is a chain of fused multiply-adds in the order of the
//! inner index, whatever the number of rows and columns, so a row has the same bits alone and among others. In exact
//! mode everything is `tensor`'s exact product.
#![allow(unsafe_code)] // vectors of the factors are read through pointers: a check per vector would cost more than it
use pulp::{MemMask, Simd, WithSimd};
use tensor::level::arch;
use tensor::matmul::{Into, Mode, View, ViewMut};

/// The right factor of many products: k rows, n columns.
pub struct Factor {
    data: Vec<f32>,
    rows: usize,
    columns: usize,
    /// Columns of one panel: all rows of its columns lie together. 0 in exact mode: row-major.
    panel: usize,
}

impl Factor {
    /// Packs `b`; call it again when its numbers have changed.
    pub fn new(mode: Mode, b: View) -> Self {
        let panel = if mode == Mode::Exact { 0 } else { arch().dispatch(PanelWidth) };
        let width = if panel == 0 { b.columns.max(1) } else { panel };
        let panels = b.columns.div_ceil(width);
        let mut data = vec![0.0; panels * width * b.rows];
        for (index, packed) in data.chunks_exact_mut((width * b.rows).max(1)).enumerate() {
            let first = index * width;
            let count = width.min(b.columns - first);
            for (k, line) in packed.chunks_exact_mut(width).enumerate() {
                let from = k * b.row_stride + first * b.column_stride;
                let values = b.data[from..].iter().step_by(b.column_stride);
                for (to, &value) in line[..count].iter_mut().zip(values) {
                    *to = value;
                }
            }
        }
        Self { data, rows: b.rows, columns: b.columns, panel }
    }

    /// c = a·self or c += a·self.
    pub fn apply(&self, a: View, c: ViewMut, into: Into) {
        assert!(a.columns == self.rows && c.columns == self.columns, "shapes of a product do not fit");
        if self.panel == 0 {
            tensor::matmul::multiply(Mode::Exact, a, View::new(&self.data, self.rows, self.columns), c, into);
        } else {
            run(a, &self.data, Right { panel: Some(self.panel), stride: self.panel }, c, into);
        }
    }
}

/// c = a·b or c += a·b. Rows of `b` are read as they lie, each without gaps; of `a` either rows or columns are.
pub fn multiply(mode: Mode, a: View, b: View, c: ViewMut, into: Into) {
    if mode == Mode::Exact {
        tensor::matmul::multiply(mode, a, b, c, into);
        return;
    }
    assert!(a.columns == b.rows && b.columns == c.columns, "shapes of a product do not fit");
    assert!(b.column_stride == 1 || b.columns < 2, "the right factor lies in columns");
    assert!(span(b.rows, b.columns, b.row_stride, 1) <= b.data.len(), "the right factor is larger than its memory");
    run(a, b.data, Right { panel: None, stride: b.row_stride }, c, into);
}

/// Elements of memory that a matrix reaches over.
fn span(rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> usize {
    if rows == 0 || columns == 0 { 0 } else { (rows - 1) * row_stride + (columns - 1) * column_stride + 1 }
}

/// How the right factor lies: `stride` from one row to the next; in panels, or as one matrix.
#[derive(Clone, Copy)]
struct Right {
    panel: Option<usize>,
    stride: usize,
}

/// Checks what the loops rely on, then runs them with the widest vectors. The caller vouches for the right factor.
fn run(a: View, b: &[f32], right: Right, c: ViewMut, into: Into) {
    assert!(a.rows == c.rows && c.columns <= c.row_stride, "shapes of a product do not fit");
    assert!(
        span(a.rows, a.columns, a.row_stride, a.column_stride) <= a.data.len(),
        "a factor is larger than its memory"
    );
    assert!(span(c.rows, c.columns, c.row_stride, 1) <= c.data.len(), "a product is larger than its memory");
    assert!(a.row_stride == 1 || a.column_stride == 1, "the left factor lies in neither rows nor columns");
    if c.rows > 0 && c.columns > 0 {
        arch().dispatch(Product { a, b, right, c, into });
    }
}

/// Vectors side by side in a panel: with the rows of a tile they fill the registers.
const fn vectors<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 { 4 } else { 2 }
}

struct PanelWidth;

impl WithSimd for PanelWidth {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        vectors::<S>() * S::F32_LANES
    }
}

struct Product<'a, 'b> {
    a: View<'a>,
    b: &'a [f32],
    right: Right,
    c: ViewMut<'b>,
    into: Into,
}

/// Some columns of a product.
struct Strip {
    a: *const f32,
    a_row: usize,
    a_inner: usize,
    b: *const f32,
    b_inner: usize,
    c: *mut f32,
    c_row: usize,
    rows: usize,
    inner: usize,
    add: bool,
}

impl WithSimd for Product<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { a, b, right, c, into } = self;
        let wide = vectors::<S>() * S::F32_LANES;
        let columns = c.columns;
        let mut first = 0;
        while first < columns {
            // A strip stays within its panel, whose last columns are padded with zeros; c is not padded.
            let left = (columns - first).min(right.panel.map_or(columns, |panel| panel - first % panel));
            let width = if left >= wide {
                wide
            } else if left >= 2 * S::F32_LANES {
                2 * S::F32_LANES
            } else {
                left.min(S::F32_LANES)
            };
            let b_at = match right.panel {
                Some(panel) => first / panel * panel * a.columns + first % panel,
                None => first,
            };
            let strip = Strip {
                a: a.data.as_ptr(),
                a_row: a.row_stride,
                a_inner: a.column_stride,
                // With no inner index nothing is read, and there may be nothing to point at.
                b: if a.columns == 0 { b.as_ptr() } else { b[b_at..].as_ptr() },
                b_inner: right.stride,
                c: c.data[first..].as_mut_ptr(),
                c_row: c.row_stride,
                rows: a.rows,
                inner: a.columns,
                add: into == Into::Add,
            };
            // SAFETY: `run` and its callers checked that every element of the three matrices lies in its slice; a strip
            // covers columns `first..first + width` of them, and a masked one touches no lane beyond.
            unsafe {
                if width == wide {
                    if S::REGISTER_COUNT >= 32 {
                        strip.columns::<S, 6, 4>(simd, None);
                    } else {
                        strip.columns::<S, 6, 2>(simd, None);
                    }
                } else if width == 2 * S::F32_LANES {
                    strip.columns::<S, 8, 2>(simd, None);
                } else if width == S::F32_LANES {
                    strip.columns::<S, 8, 1>(simd, None);
                } else {
                    strip.columns::<S, 8, 1>(simd, Some(simd.mask_between_m32s(0, width as u32)));
                }
            }
            first += width;
        }
    }
}

impl Strip {
    /// All rows, `R` at a time, the last ones fewer.
    #[inline(always)]
    unsafe fn columns<S: Simd, const R: usize, const V: usize>(&self, simd: S, mask: Option<MemMask<S::m32s>>) {
        let mut row = 0;
        // SAFETY: rows below `self.rows` alone, as the caller promises.
        unsafe {
            while row + R <= self.rows {
                self.rows::<S, R, V>(simd, row, mask);
                row += R;
            }
            if row + 4 <= self.rows {
                self.rows::<S, 4, V>(simd, row, mask);
                row += 4;
            }
            if row + 2 <= self.rows {
                self.rows::<S, 2, V>(simd, row, mask);
                row += 2;
            }
            if row < self.rows {
                self.rows::<S, 1, V>(simd, row, mask);
            }
        }
    }

    /// `R` rows from `row` on.
    #[inline(always)]
    unsafe fn rows<S: Simd, const R: usize, const V: usize>(
        &self,
        simd: S,
        row: usize,
        mask: Option<MemMask<S::m32s>>,
    ) {
        // SAFETY: as the caller promises; which stride is 1 is told apart so that the compiler knows it.
        unsafe {
            let a = self.a.add(row * self.a_row);
            let sums = if self.a_row == 1 {
                self.tile::<S, R, V>(simd, a, 1, self.a_inner, mask)
            } else {
                self.tile::<S, R, V>(simd, a, self.a_row, 1, mask)
            };
            for (r, sums) in sums.into_iter().enumerate() {
                for (v, sum) in sums.into_iter().enumerate() {
                    let out = self.c.add((row + r) * self.c_row + v * S::F32_LANES);
                    if let Some(mask) = mask {
                        let sum = if self.add { simd.add_f32s(simd.mask_load_ptr_f32s(mask, out), sum) } else { sum };
                        simd.mask_store_ptr_f32s(mask, out, sum);
                    } else {
                        let out = out.cast::<S::f32s>();
                        let sum = if self.add { simd.add_f32s(out.read_unaligned(), sum) } else { sum };
                        out.write_unaligned(sum);
                    }
                }
            }
        }
    }

    /// Sums over the inner index, in its order, of `R` rows and `V` vectors of columns.
    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize, const V: usize>(
        &self,
        simd: S,
        a: *const f32,
        a_row: usize,
        a_inner: usize,
        mask: Option<MemMask<S::m32s>>,
    ) -> [[S::f32s; V]; R] {
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        for k in 0..self.inner {
            // SAFETY: k is below the inner dimension, so these elements are there, as the caller promises.
            unsafe {
                let line = self.b.add(k * self.b_inner);
                let mut right = [simd.splat_f32s(0.0); V];
                for (v, right) in right.iter_mut().enumerate() {
                    *right = match mask {
                        Some(mask) => simd.mask_load_ptr_f32s(mask, line),
                        None => line.add(v * S::F32_LANES).cast::<S::f32s>().read_unaligned(),
                    };
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    let left = simd.splat_f32s(*a.add(r * a_row + k * a_inner));
                    for (sum, &right) in sums.iter_mut().zip(&right) {
                        *sum = simd.mul_add_f32s(left, right, *sum);
                    }
                }
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn filled(length: usize, seed: u64) -> Vec<f32> {
        let mut random = Random::new(seed, &[]);
        (0..length).map(|_| random.normal()).collect()
    }

    fn reference(a: View, b: View, i: usize, j: usize) -> f64 {
        (0..a.columns)
            .map(|k| {
                f64::from(a.data[i * a.row_stride + k * a.column_stride])
                    * f64::from(b.data[k * b.row_stride + j * b.column_stride])
            })
            .sum()
    }

    /// Shapes around every width of tile and vector, and none at all.
    const SHAPES: [(usize, usize, usize); 14] = [
        (1, 1, 1),
        (0, 3, 4),
        (3, 0, 5),
        (3, 5, 0),
        (3, 5, 7),
        (6, 16, 64),
        (7, 64, 16),
        (13, 33, 15),
        (8, 24, 17),
        (31, 16, 63),
        (9, 10, 129),
        (257, 8, 96),
        (5, 300, 200),
        (2, 2, 48),
    ];

    #[test]
    fn products_of_every_shape_agree_with_binary64_and_stay_in_their_columns() {
        for mode in [Mode::Fast, Mode::Exact] {
            for (m, k, n) in SHAPES {
                let (x, y) = (filled(m * k, 1), filled(k * n, 2));
                for a in [View::new(&x, m, k), View::new(&x, k, m).t()] {
                    for into in [Into::Replace, Into::Add] {
                        let b = View::new(&y, k, n);
                        let row = n + 3;
                        let mut outs = [vec![2.0; m * row], vec![2.0; m * row]];
                        let [one, two] = &mut outs;
                        multiply(mode, a, b, ViewMut::strided(one, m, n, row), into);
                        Factor::new(mode, b).apply(a, ViewMut::strided(two, m, n, row), into);
                        for out in &outs {
                            for (at, &value) in out.iter().enumerate() {
                                let (i, j) = (at / row, at % row);
                                let before = if j >= n || into == Into::Add { 2.0 } else { 0.0 };
                                let sum = if j < n { reference(a, b, i, j) } else { 0.0 };
                                let error = (f64::from(value) - before - sum).abs();
                                assert!(error < 1e-5 * (k as f64 + 2.0), "{mode:?} {m}x{k}x{n} ({i}, {j}): {error}");
                            }
                        }
                    }
                }
                let transposed = View::new(&y, n, k).t();
                let mut out = vec![0.0; m * n];
                Factor::new(mode, transposed).apply(View::new(&x, m, k), ViewMut::new(&mut out, m, n), Into::Replace);
                for (at, &value) in out.iter().enumerate() {
                    let expected = reference(View::new(&x, m, k), transposed, at / n, at % n);
                    assert!(
                        (f64::from(value) - expected).abs() < 1e-5 * (k as f64 + 2.0),
                        "{mode:?} {m}x{k}x{n} packed"
                    );
                }
            }
        }
    }

    #[test]
    fn a_row_has_the_same_bits_alone_and_among_others() {
        let (m, k, n) = (23, 70, 200);
        let (x, y) = (filled(m * k, 3), filled(k * n, 4));
        for mode in [Mode::Fast, Mode::Exact] {
            let factor = Factor::new(mode, View::new(&y, k, n));
            let mut all = vec![0.0; m * n];
            factor.apply(View::new(&x, m, k), ViewMut::new(&mut all, m, n), Into::Replace);
            for i in 0..m {
                let mut one = vec![0.0; n];
                factor.apply(View::new(&x[i * k..][..k], 1, k), ViewMut::new(&mut one, 1, n), Into::Replace);
                assert_eq!(one, all[i * n..][..n], "{mode:?} row {i}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "larger than its memory")]
    fn a_product_larger_than_its_memory_is_refused() {
        let (x, y) = (filled(4, 5), filled(4, 6));
        multiply(
            Mode::Fast,
            View::new(&x, 2, 2),
            View::new(&y, 2, 2),
            ViewMut::new(&mut [0.0; 3], 2, 2),
            Into::Replace,
        );
    }

    #[test]
    #[should_panic(expected = "larger than its memory")]
    fn a_factor_larger_than_its_memory_is_refused() {
        let (x, y) = (filled(4, 5), filled(3, 6));
        multiply(
            Mode::Fast,
            View::new(&x, 2, 2),
            View::new(&y, 2, 2),
            ViewMut::new(&mut [0.0; 4], 2, 2),
            Into::Replace,
        );
    }
}
