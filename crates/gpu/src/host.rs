//! The same work on the CPU in the plainest form: what the fake device does, and what every other one is tested against.
use half::{bf16, f16};

use crate::error::Error;
use crate::shape::{Dtype, Shape};
use crate::watch::Watch;

/// The first eight bytes of a seal as a big-endian number.
pub fn head(inner: &[u8; 32], nonce: u64) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = pow::seal(inner, nonce);
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// The elements of a factor as f32, which holds all of the four types exactly.
pub fn widened(dtype: Dtype, bytes: &[u8]) -> Vec<f32> {
    let halves = || bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
    match dtype {
        Dtype::F32 => bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect(),
        Dtype::F16 => halves().map(|bits| f16::from_bits(bits).to_f32()).collect(),
        Dtype::Bf16 => halves().map(|bits| bf16::from_bits(bits).to_f32()).collect(),
        Dtype::Int8 => bytes.iter().map(|&byte| f32::from(byte as i8)).collect(),
    }
}

/// The product with sums in f64 (exact for int8), as little-endian bytes of f32 or i32.
///
/// # Errors
/// `Shape` beyond the limits, `Cancelled`.
pub fn matmul(shape: &Shape, a: &[u8], b: &[u8], watch: &Watch) -> Result<Vec<u8>, Error> {
    let (_, _, size) = shape.sizes()?;
    let (a, b) = (widened(shape.dtype, a), widened(shape.dtype, b));
    let &Shape { dtype, m, k, n, batch, .. } = shape;
    let ((a_row, a_column), (b_row, b_column)) = (shape.strides_a(), shape.strides_b());
    let mut out = Vec::with_capacity(size);
    let mut sums = vec![0.0_f64; n];
    for item in 0..batch {
        let (a, b) = (a.get(item * m * k..).unwrap_or_default(), b.get(item * k * n..).unwrap_or_default());
        for i in 0..m {
            watch.step((item * m + i) as u64, (batch * m) as u64)?;
            sums.fill(0.0);
            for p in 0..k {
                let left = a.get(i * a_row + p * a_column).copied().unwrap_or_default();
                for (j, sum) in sums.iter_mut().enumerate() {
                    let right = b.get(p * b_row + j * b_column).copied().unwrap_or_default();
                    *sum += f64::from(left) * f64::from(right);
                }
            }
            for &sum in &sums {
                out.extend(if dtype == Dtype::Int8 { (sum as i32).to_le_bytes() } else { (sum as f32).to_le_bytes() });
            }
        }
    }
    Ok(out)
}
