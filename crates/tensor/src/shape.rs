//! Sizes of a call: what they may be, and where each matrix lies.
use crate::error::Error;
use crate::view::View;

/// Elements of all matrices of one kind in one call: 256 MiB of f32.
pub const ELEMENTS_MAX: usize = 1 << 26;
/// Multiply-adds of one call: half an hour on one core.
pub const WORK_MAX: u128 = 1 << 47;

/// Sizes of one call: C[batch, m, n] = A[batch, m, k]·B[batch, k, n], row-major; a transposed factor is stored so.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub batch: usize,
    pub m: usize,
    pub k: usize,
    pub n: usize,
    pub transpose_a: bool,
    pub transpose_b: bool,
}

impl Shape {
    /// Multiply-adds of the call.
    pub fn work(&self) -> u64 {
        [self.batch, self.m, self.k, self.n].iter().fold(1, |work, &size| work.saturating_mul(size as u64))
    }

    /// Refuses shapes that do not fit the data or exceed the limits.
    pub(crate) fn check(&self, a: usize, b: usize) -> Result<(), Error> {
        let elements = |rows: usize, columns: usize| {
            let all = rows.checked_mul(columns)?.checked_mul(self.batch)?;
            (all <= ELEMENTS_MAX && self.batch <= ELEMENTS_MAX).then_some(all)
        };
        let Self { batch, m, k, n, .. } = *self;
        let (Some(a_size), Some(b_size), Some(_)) = (elements(m, k), elements(k, n), elements(m, n)) else {
            return Err(Error::Shape(format!("the matrices of a call have {ELEMENTS_MAX} elements at most")));
        };
        if [m, k, n].iter().fold(batch as u128, |work, &size| work.saturating_mul(size as u128)) > WORK_MAX {
            return Err(Error::Shape(format!("{batch} times {m} x {k} x {n} is too much work for one call")));
        }
        if a != a_size || b != b_size {
            return Err(Error::Shape(format!("{a} and {b} elements are not {batch} times {m} x {k} and {k} x {n}")));
        }
        Ok(())
    }

    /// Matrix `index` of the left factor, its rows being the rows of C.
    pub(crate) fn left<'a, T>(&self, data: &'a [T], index: usize) -> View<'a, T> {
        matrix(data, index, (self.m, self.k), self.transpose_a)
    }

    /// Matrix `index` of the right factor, its columns being the columns of C.
    pub(crate) fn right<'a, T>(&self, data: &'a [T], index: usize) -> View<'a, T> {
        matrix(data, index, (self.k, self.n), self.transpose_b)
    }
}

fn matrix<T>(data: &[T], index: usize, (rows, columns): (usize, usize), transposed: bool) -> View<'_, T> {
    let data = &data[index * rows * columns..][..rows * columns];
    if transposed { View::new(data, columns, rows).t() } else { View::new(data, rows, columns) }
}
