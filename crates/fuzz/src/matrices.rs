//! Shapes and products (N2): a shape that does not fit is refused before anything is allocated; every kernel of this CPU
//! gives the value where sums are exact, and exact mode gives the same bits on all of them.
use std::sync::atomic::{AtomicBool, AtomicU64};

use tensor::mode::Mode;
use tensor::product::{Control, Factors, Multiplication, Product, backends};
use tensor::shape::Shape;

use crate::reader::Reader;

fn product(backend: Option<&str>, shape: Shape, factors: &Factors<'_>, mode: Mode) -> Product {
    let (cancelled, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let control = Control { cancelled: &cancelled, done: &done };
    let product = Multiplication::on(backend, shape, factors, mode, 1).and_then(|given| given.run(&control));
    product.unwrap_or_else(|error| panic!("{shape:?}: {error}"))
}

/// The values of a product; NaN compares equal to itself.
fn bits(product: &Product) -> Vec<u64> {
    match product {
        Product::F32(values) => values.iter().map(|v| if v.is_nan() { u64::MAX } else { v.to_bits().into() }).collect(),
        Product::I32(values) => values.iter().map(|&v| u64::from(v as u32)).collect(),
    }
}

pub fn products(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    // Any sizes at all: with no data there is nothing that they could fit, unless a factor is empty.
    let mut wild = || usize::try_from(reader.edge()).unwrap_or(usize::MAX);
    let (batch, m, k, n) = (wild(), wild(), wild(), wild());
    let shape = Shape { batch, m, k, n, transpose_a: false, transpose_b: false };
    if Multiplication::new(shape, &Factors::F32(&[], &[]), Mode::Fast, 1).is_ok() {
        assert!(batch.saturating_mul(m).saturating_mul(k) == 0 && batch.saturating_mul(k).saturating_mul(n) == 0);
    }

    let (batch, m, k, n) = (reader.up_to(2), reader.up_to(20), reader.up_to(40), reader.up_to(20));
    let (transpose_a, transpose_b) = (reader.u8() & 1 == 1, reader.u8() & 1 == 1);
    let shape = Shape { batch, m, k, n, transpose_a, transpose_b };
    let mut bytes = |elements: usize| (0..elements).map(|_| reader.u8() as i8).collect::<Vec<i8>>();
    let (a, b) = (bytes(batch * m * k), bytes(batch * k * n));
    let single = |x: &[i8]| x.iter().map(|&v| f32::from(v)).collect::<Vec<f32>>();
    let half =
        |x: &[i8]| x.iter().map(|&v| u16::from_le_bytes([v as u8, (v as u8).wrapping_mul(151)])).collect::<Vec<u16>>();
    let (singles, halves) = ((single(&a), single(&b)), (half(&a), half(&b)));

    let expected = naive(shape, &a, &b);
    let whole = Factors::Int8(&a, &b);
    for backend in backends(&whole, Mode::Fast) {
        assert_eq!(product(Some(backend), shape, &whole, Mode::Fast), Product::I32(expected.clone()), "{backend}");
    }
    // Products of small integers: every sum is exact in binary32, in any order.
    let values = Product::F32(expected.iter().map(|&v| v as f32).collect());
    let real = Factors::F32(&singles.0, &singles.1);
    for mode in [Mode::Fast, Mode::Exact] {
        for backend in backends(&real, mode) {
            assert_eq!(product(Some(backend), shape, &real, mode), values, "{backend} {mode:?} {shape:?}");
        }
    }
    // Arbitrary bits, infinities and NaN among them.
    for factors in [Factors::F16(&halves.0, &halves.1), Factors::Bf16(&halves.0, &halves.1)] {
        assert_eq!(bits(&product(None, shape, &factors, Mode::Fast)).len(), batch * m * n);
        let portable = bits(&product(Some("portable"), shape, &factors, Mode::Exact));
        for backend in backends(&factors, Mode::Exact) {
            assert_eq!(bits(&product(Some(backend), shape, &factors, Mode::Exact)), portable, "{backend} {shape:?}");
        }
    }
}

/// The definition, one sum after the other.
fn naive(shape: Shape, a: &[i8], b: &[i8]) -> Vec<i32> {
    let Shape { batch, m, k, n, .. } = shape;
    let mut out = Vec::with_capacity(batch * m * n);
    for (matrix, i, j) in (0..batch * m * n).map(|at| (at / (m * n), at / n % m, at % n)) {
        let left = |p: usize| a[matrix * m * k + if shape.transpose_a { p * m + i } else { i * k + p }];
        let right = |p: usize| b[matrix * k * n + if shape.transpose_b { j * k + p } else { p * n + j }];
        out.push((0..k).map(|p| i32::from(left(p)) * i32::from(right(p))).sum());
    }
    out
}
