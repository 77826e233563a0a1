//! The shape of a product and its limits, checked before anything is read or allocated.
use serde::Deserialize;

use crate::error::Error;

/// Element type of the factors. Products of the floating ones are f32, of `Int8` exact i32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    F32,
    F16,
    Bf16,
    Int8,
}

impl Dtype {
    /// All, in the order of the port.
    pub const ALL: [Self; 4] = [Self::F32, Self::F16, Self::Bf16, Self::Int8];

    /// Bytes of an element of a factor.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Int8 => 1,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }
}

/// C[batch, m, n] = A·B. A is stored as [batch, m, k], or [batch, k, m] with `transpose_a`; B as [batch, k, n], or
/// [batch, n, k] with `transpose_b`; all row-major without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub dtype: Dtype,
    pub m: usize,
    pub k: usize,
    pub n: usize,
    pub batch: usize,
    pub transpose_a: bool,
    pub transpose_b: bool,
}

/// Bytes of one matrix of a call, all of its batch: what one frame can carry beside its header.
const BYTES_MAX: usize = (1 << 30) - (128 << 10);
/// Multiply-adds of one call.
const WORK_MAX: u128 = 1 << 47;
/// The longest sum of products of two i8 that fits an i32: 131,071 · 128² < 2³¹.
const INT8_K_MAX: usize = (1 << 17) - 1;

impl Shape {
    /// Bytes of A, B and C.
    ///
    /// # Errors
    /// `Shape` beyond the limits.
    pub fn sizes(&self) -> Result<(usize, usize, usize), Error> {
        let too_large = || Error::Shape(format!("a matrix of one call has {BYTES_MAX} bytes at most"));
        let bytes = |rows: usize, columns: usize, element: usize| {
            let product = [rows, columns, self.batch].into_iter().try_fold(element, usize::checked_mul);
            product.filter(|&size| size < BYTES_MAX).ok_or_else(too_large)
        };
        let sizes = (
            bytes(self.m, self.k, self.dtype.bytes())?,
            bytes(self.k, self.n, self.dtype.bytes())?,
            bytes(self.m, self.n, 4)?,
        );
        // A zero elsewhere must not hide a dimension that no index can count.
        if [self.m, self.k, self.n, self.batch].into_iter().any(|size| size > BYTES_MAX) {
            return Err(too_large());
        }
        let work = [self.m, self.k, self.n, self.batch].into_iter().map(|size| size as u128).product::<u128>();
        if work > WORK_MAX {
            return Err(Error::Shape(format!("{work} multiply-adds are too much work for one call")));
        }
        if self.dtype == Dtype::Int8 && self.k > INT8_K_MAX {
            return Err(Error::Shape(format!("sums of {} int8 products do not fit an i32", self.k)));
        }
        Ok(sizes)
    }

    /// Elements from one row of A (of m) to the next, and from one column (of k) to the next.
    pub fn strides_a(&self) -> (usize, usize) {
        if self.transpose_a { (1, self.m) } else { (self.k, 1) }
    }

    /// Elements from one row of B (of k) to the next, and from one column (of n) to the next.
    pub fn strides_b(&self) -> (usize, usize) {
        if self.transpose_b { (1, self.k) } else { (self.n, 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_beyond_the_limits_are_refused() {
        let shape = |m, k, n, batch, dtype| Shape { dtype, m, k, n, batch, transpose_a: false, transpose_b: false };
        assert_eq!(shape(2, 3, 4, 5, Dtype::F16).sizes(), Ok((60, 120, 160)));
        assert_eq!(shape(0, 3, 4, 5, Dtype::F32).sizes(), Ok((0, 240, 0)));
        for refused in [
            shape(usize::MAX, 2, 0, 1, Dtype::F32),
            shape(usize::MAX, 0, 0, 1, Dtype::F32),
            shape(1 << 15, 1 << 15, 1, 1, Dtype::Int8),
            shape(1 << 14, 1, 1 << 14, 1, Dtype::Int8),
            shape(2, 1 << 17, 2, 1, Dtype::Int8),
            shape(1, 1, 1, 1 << 28, Dtype::F32),
        ] {
            assert!(matches!(refused.sizes(), Err(Error::Shape(_))), "{refused:?}");
        }
    }
}
