//! Products of the shapes that nano models are made of: hundreds of rows, 16 to a few hundred columns, a short inner
//! dimension. General libraries spend much of such a product on packing. Here the right factor of many products, a
//! tensor of weights, is packed once per training step (`Factor`), and the left one never: its numbers are read one at
//! a time and spread over a vector. How an element is summed (`strip`) depends neither on the number of rows and columns
//! nor on where it lies, so a row has the same bits alone and among others.
#![allow(unsafe_code)] // vectors of the factors are read through pointers: a check per vector would cost more than it
mod strip;

use std::ops::Range;

use crate::target::{Into, ViewMut};
use pulp::{Simd, WithSimd};
use tensor::level::arch;
use tensor::mode::Mode;
use tensor::view::View;

use self::strip::Strip;

/// The right factor of many products: k rows, n columns.
pub struct Factor {
    mode: Mode,
    data: Vec<f32>,
    rows: usize,
    columns: usize,
    /// Columns of one panel: all rows of its columns lie together.
    panel: usize,
}

impl Factor {
    /// Packs `b`; call it again when its numbers have changed.
    pub fn new(mode: Mode, b: View) -> Self {
        let panel = arch().dispatch(PanelWidth);
        let mut data = vec![0.0; b.columns.next_multiple_of(panel) * b.rows];
        for (index, packed) in data.chunks_exact_mut((panel * b.rows).max(1)).enumerate() {
            let first = index * panel;
            let count = panel.min(b.columns - first);
            for (k, line) in packed.chunks_exact_mut(panel).enumerate() {
                let from = k * b.row_stride + first * b.column_stride;
                let values = b.data[from..].iter().step_by(b.column_stride);
                for (to, &value) in line[..count].iter_mut().zip(values) {
                    *to = value;
                }
            }
        }
        Self { mode, data, rows: b.rows, columns: b.columns, panel }
    }

    /// c = a·self or c += a·self.
    pub fn apply(&self, a: View, c: ViewMut, into: Into) {
        self.apply_columns(0..self.columns, a, c, into);
    }

    /// The same with these columns of the factor alone.
    pub fn apply_columns(&self, columns: Range<usize>, a: View, c: ViewMut, into: Into) {
        assert!(
            a.columns == self.rows && c.columns == columns.len() && columns.end <= self.columns,
            "shapes of a product do not fit"
        );
        run(
            self.mode,
            a,
            &self.data,
            Right { panel: Some(self.panel), stride: self.panel, first: columns.start },
            c,
            into,
        );
    }

    /// c = selfᵀ·b or c += selfᵀ·b with these columns of the factor, for rows that lie in the columns of `b`; an element
    /// has the bits it has in `apply`.
    pub fn apply_across(&self, columns: Range<usize>, b: View, c: ViewMut, into: Into) {
        let ViewMut { data, rows, columns: lanes, row_stride } = c;
        assert!(
            b.rows == self.rows && rows == columns.len() && columns.end <= self.columns,
            "shapes of a product do not fit"
        );
        let mut first = columns.start;
        while first < columns.end {
            let within = first % self.panel;
            let count = (self.panel - within).min(columns.end - first);
            let panel = &self.data[(first - within) * self.rows..][..self.panel * self.rows];
            // With no inner index nothing is read, and there is nothing to point at.
            let from = panel.get(within..).unwrap_or_default();
            let left = View { columns: count, ..View::new(from, self.rows, self.panel) };
            let out = &mut data[(first - columns.start) * row_stride..];
            multiply(self.mode, left.t(), b, ViewMut::strided(out, count, lanes, row_stride), into);
            first += count;
        }
    }
}

/// c = a·b or c += a·b. Rows of `b` are read as they lie, each without gaps; of `a` either rows or columns are.
pub fn multiply(mode: Mode, a: View, b: View, c: ViewMut, into: Into) {
    assert!(a.columns == b.rows && b.columns == c.columns, "shapes of a product do not fit");
    assert!(b.column_stride == 1 || b.columns < 2, "the right factor lies in columns");
    assert!(span(b.rows, b.columns, b.row_stride, 1) <= b.data.len(), "the right factor is larger than its memory");
    run(mode, a, b.data, Right { panel: None, stride: b.row_stride, first: 0 }, c, into);
}

/// Elements of memory that a matrix reaches over.
fn span(rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> usize {
    if rows == 0 || columns == 0 { 0 } else { (rows - 1) * row_stride + (columns - 1) * column_stride + 1 }
}

/// How the right factor lies: `stride` from one row to the next; in panels, or as one matrix. Its columns are used from
/// `first` on.
#[derive(Clone, Copy)]
struct Right {
    panel: Option<usize>,
    stride: usize,
    first: usize,
}

/// Checks what the loops rely on, then runs them with the widest vectors. The caller vouches for the right factor.
fn run(mode: Mode, a: View, b: &[f32], right: Right, c: ViewMut, into: Into) {
    assert!(a.rows == c.rows && c.columns <= c.row_stride, "shapes of a product do not fit");
    assert!(
        span(a.rows, a.columns, a.row_stride, a.column_stride) <= a.data.len(),
        "a factor is larger than its memory"
    );
    assert!(span(c.rows, c.columns, c.row_stride, 1) <= c.data.len(), "a product is larger than its memory");
    assert!(a.row_stride == 1 || a.column_stride == 1, "the left factor lies in neither rows nor columns");
    if c.rows > 0 && c.columns > 0 {
        arch().dispatch(Product { mode, a, b, right, c, into });
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
    mode: Mode,
    a: View<'a>,
    b: &'a [f32],
    right: Right,
    c: ViewMut<'b>,
    into: Into,
}

impl WithSimd for Product<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.mode == Mode::Exact { self.strips::<S, true>(simd) } else { self.strips::<S, false>(simd) }
    }
}

impl Product<'_, '_> {
    #[inline(always)]
    fn strips<S: Simd, const EXACT: bool>(self, simd: S) {
        let Self { a, b, right, c, into, .. } = self;
        let wide = vectors::<S>() * S::F32_LANES;
        let columns = c.columns;
        let mut done = 0;
        while done < columns {
            let first = right.first + done;
            // A strip stays within its panel, whose last columns are padded with zeros; c is not padded.
            let left = (columns - done).min(right.panel.map_or(columns, |panel| panel - first % panel));
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
                c: c.data[done..].as_mut_ptr(),
                c_row: c.row_stride,
                rows: a.rows,
                inner: a.columns,
                add: into == Into::Add,
            };
            // SAFETY: `run` and its callers checked that every element of the three matrices lies in its slice; a strip
            // covers `width` columns of them from `first` and, in c, `done` on, and a masked one touches no lane beyond.
            unsafe {
                if width == wide {
                    if S::REGISTER_COUNT >= 32 {
                        strip.columns::<S, 6, 4, EXACT>(simd, None);
                    } else {
                        strip.columns::<S, 6, 2, EXACT>(simd, None);
                    }
                } else if width == 2 * S::F32_LANES {
                    strip.columns::<S, 8, 2, EXACT>(simd, None);
                } else if width == S::F32_LANES && S::REGISTER_COUNT >= 32 {
                    strip.columns::<S, 16, 1, EXACT>(simd, None);
                } else if width == S::F32_LANES {
                    strip.columns::<S, 8, 1, EXACT>(simd, None);
                } else {
                    strip.columns::<S, 8, 1, EXACT>(simd, Some(simd.mask_between_m32s(0, width as u32)));
                }
            }
            done += width;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64};

    use tensor::product::{Control, Factors, Multiplication, Product};
    use tensor::shape::Shape;

    use super::{Factor, Into, Mode, View, ViewMut, multiply};
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

    /// The exact product of the tensor crate.
    fn by_tensor(a: View, b: View) -> Vec<f32> {
        let shape = Shape {
            batch: 1,
            m: a.rows,
            k: a.columns,
            n: b.columns,
            transpose_a: a.column_stride != 1,
            transpose_b: false,
        };
        let (cancelled, done) = (AtomicBool::new(false), AtomicU64::new(0));
        let control = Control { cancelled: &cancelled, done: &done };
        let product = Multiplication::new(shape, &Factors::F32(a.data, b.data), Mode::Exact, 1).unwrap();
        let Product::F32(sums) = product.run(&control).unwrap() else { panic!("f32 has f32 sums") };
        sums
    }

    #[test]
    fn the_exact_order_is_that_of_the_tensor_crate() {
        for (m, k, n) in SHAPES {
            let (x, y) = (filled(m * k, 5), filled(k * n, 6));
            for a in [View::new(&x, m, k), View::new(&x, k, m).t()] {
                for into in [Into::Replace, Into::Add] {
                    let b = View::new(&y, k, n);
                    let mut outs = [vec![0.5; m * n], vec![0.5; m * n]];
                    let [one, two] = &mut outs;
                    multiply(Mode::Exact, a, b, ViewMut::new(one, m, n), into);
                    Factor::new(Mode::Exact, b).apply(a, ViewMut::new(two, m, n), into);
                    let before = if into == Into::Add { 0.5 } else { 0.0 };
                    let bits = |out: Vec<f32>| out.into_iter().map(f32::to_bits).collect::<Vec<_>>();
                    let theirs = bits(by_tensor(a, b).into_iter().map(|sum| before + sum).collect());
                    assert!(outs.map(bits).iter().all(|ours| *ours == theirs), "{m}x{k}x{n}");
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
    fn some_columns_of_a_factor_and_rows_that_lie_across_have_the_same_bits() {
        for mode in [Mode::Fast, Mode::Exact] {
            for (m, k, n) in SHAPES {
                let (x, y) = (filled(m * k, 7), filled(k * n, 8));
                let factor = Factor::new(mode, View::new(&y, k, n));
                let across: Vec<f32> = (0..k * m).map(|at| x[at % m * k + at / m]).collect();
                for into in [Into::Replace, Into::Add] {
                    let mut all = vec![2.0; m * n];
                    factor.apply(View::new(&x, m, k), ViewMut::new(&mut all, m, n), into);
                    for columns in [0..n, n / 3..n, 0..n - n / 3, n / 2..n / 2] {
                        let (first, count) = (columns.start, columns.len());
                        let mut part = vec![2.0; m * count];
                        let c = ViewMut::new(&mut part, m, count);
                        factor.apply_columns(columns.clone(), View::new(&x, m, k), c, into);
                        let mut turned = vec![2.0; count * m];
                        let c = ViewMut::new(&mut turned, count, m);
                        factor.apply_across(columns.clone(), View::new(&across, k, m), c, into);
                        for (i, j) in (0..m).flat_map(|i| (0..count).map(move |j| (i, j))) {
                            let expected = all[i * n + first + j];
                            assert_eq!(part[i * count + j], expected, "{mode:?} {m}x{k}x{n} {columns:?} ({i}, {j})");
                            assert_eq!(
                                turned[j * m + i],
                                expected,
                                "{mode:?} {m}x{k}x{n} {columns:?} ({i}, {j}) across"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "do not fit")]
    fn columns_that_a_factor_has_not_are_refused() {
        let factor = Factor::new(Mode::Fast, View::new(&[1.0; 6], 2, 3));
        factor.apply_columns(2..4, View::new(&[1.0; 2], 1, 2), ViewMut::new(&mut [0.0; 2], 1, 2), Into::Replace);
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
