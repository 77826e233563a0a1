//! A matrix of any strides in borrowed memory, to be read.
use std::ops::Range;

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

    /// Some neighbouring columns.
    #[must_use]
    pub(crate) fn part(self, columns: Range<usize>) -> Self {
        let data = self.data.get(columns.start * self.column_stride..).unwrap_or(&[]);
        Self { data, columns: columns.len(), ..self }
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
}
