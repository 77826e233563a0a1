//! Every kernel of this CPU against binary64, and what may not change a bit.
use std::ops::Range;

use super::*;
use crate::format::{brain, half};
use crate::kernels::pairwise;

/// Numbers that look random and are the same everywhere.
fn numbers(seed: u32) -> impl FnMut() -> u32 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    }
}

/// Factors of one dtype, each number in [-1, 1) (int8: all of its range).
#[derive(Clone, Debug)]
enum Owned {
    F32(Vec<f32>, Vec<f32>),
    F16(Vec<u16>, Vec<u16>),
    Bf16(Vec<u16>, Vec<u16>),
    Int8(Vec<i8>, Vec<i8>),
}

fn filled<T>(length: usize, seed: u32, make: impl Fn(u32) -> T) -> Vec<T> {
    let mut next = numbers(seed);
    (0..length).map(|_| make(next())).collect()
}

fn all_dtypes(shape: &Shape) -> Vec<Owned> {
    let (a, b) = (shape.batch * shape.m * shape.k, shape.batch * shape.k * shape.n);
    let unit = |value: u32| (value as f32) / (1 << 23) as f32 - 1.0;
    // Sign, an exponent below that of one, and any fraction: subnormal numbers among them.
    let f16 = |value: u32| (value & 0x83ff) as u16 | (((value >> 10) % 15) as u16 * 1024);
    let bf16 = |value: u32| (unit(value).to_bits() >> 16) as u16;
    let int8 = |value: u32| (value >> 7) as u8 as i8;
    vec![
        Owned::F32(filled(a, 1, unit), filled(b, 2, unit)),
        Owned::F16(filled(a, 3, f16), filled(b, 4, f16)),
        Owned::Bf16(filled(a, 5, bf16), filled(b, 6, bf16)),
        Owned::Int8(filled(a, 7, int8), filled(b, 8, int8)),
    ]
}

impl Owned {
    fn factors(&self) -> Factors<'_> {
        match self {
            Self::F32(a, b) => Factors::F32(a, b),
            Self::F16(a, b) => Factors::F16(a, b),
            Self::Bf16(a, b) => Factors::Bf16(a, b),
            Self::Int8(a, b) => Factors::Int8(a, b),
        }
    }

    fn wide(&self) -> (Vec<f64>, Vec<f64>) {
        fn each<T: Copy>(a: &[T], b: &[T], to: impl Fn(T) -> f64) -> (Vec<f64>, Vec<f64>) {
            (a.iter().map(|&x| to(x)).collect(), b.iter().map(|&x| to(x)).collect())
        }
        match self {
            Self::F32(a, b) => each(a, b, f64::from),
            Self::F16(a, b) => each(a, b, |bits| f64::from(half(bits))),
            Self::Bf16(a, b) => each(a, b, |bits| f64::from(brain(bits))),
            Self::Int8(a, b) => each(a, b, f64::from),
        }
    }
}

fn reference(shape: &Shape, factors: &Owned) -> Vec<f64> {
    let (a, b) = factors.wide();
    let mut c = Vec::new();
    for index in 0..shape.batch {
        let (a, b) = (shape.left(&a, index), shape.right(&b, index));
        for i in 0..shape.m {
            for j in 0..shape.n {
                let element = |k: usize| {
                    a.data[i * a.row_stride + k * a.column_stride] * b.data[k * b.row_stride + j * b.column_stride]
                };
                c.push((0..shape.k).map(element).sum());
            }
        }
    }
    c
}

fn run(backend: &str, shape: Shape, factors: &Owned, mode: Mode, threads: usize) -> Product {
    let (stay, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let control = Control { cancelled: &stay, done: &done };
    let factors = factors.factors();
    let multiplication = Multiplication::on(Some(backend), shape, &factors, mode, threads).unwrap();
    let product = multiplication.run(&control).unwrap();
    assert_eq!(done.into_inner(), shape.work());
    product
}

fn shape(batch: usize, (m, k, n): (usize, usize, usize)) -> Shape {
    Shape { batch, m, k, n, transpose_a: false, transpose_b: false }
}

fn layouts(shape: Shape) -> [Shape; 4] {
    [(false, false), (true, false), (false, true), (true, true)].map(|(transpose_a, transpose_b)| Shape {
        transpose_a,
        transpose_b,
        ..shape
    })
}

fn assert_close(found: &Product, expected: &[f64], k: usize, what: &str) {
    match found {
        Product::F32(found) => {
            assert_eq!(found.len(), expected.len(), "{what}");
            for (at, (&found, expected)) in found.iter().zip(expected).enumerate() {
                let error = (f64::from(found) - expected).abs();
                assert!(error <= (k + 1) as f64 * 2.0_f64.powi(-23), "{what}: element {at} is off by {error:e}");
            }
        }
        Product::I32(found) => {
            assert!(found.iter().map(|&found| f64::from(found)).eq(expected.iter().copied()), "{what}");
        }
    }
}

#[test]
fn every_kernel_keeps_its_tolerance_for_every_dtype_layout_and_batch() {
    let sizes = [
        (1, (1, 1, 1)),
        (3, (5, 7, 9)),
        (2, (13, 37, 33)),
        (1, (12, 64, 32)),
        (1, (61, 130, 100)),
        (2, (4, 3, 16)),
        (1, (2, 1_000, 3)),
        (1, (30, 801, 50)),
        // The right factors of these are read where they lie, when they are not transposed: once and again, or while the
        // left one is packed.
        (2, (30, 801, 48)),
        (2, (90, 801, 96)),
        (1, (26, 2_100, 40)),
        (40, (1, 2, 1)),
        (1, (1, 70, 200)),
        (1, (200, 70, 1)),
    ];
    let mut kernels = 0;
    for (batch, size) in sizes {
        for shape in layouts(shape(batch, size)) {
            for factors in all_dtypes(&shape) {
                let expected = reference(&shape, &factors);
                for mode in [Mode::Fast, Mode::Exact] {
                    for backend in backends(&factors.factors(), mode) {
                        kernels += 1;
                        let what = format!("{backend} {mode:?} {shape:?}");
                        assert_close(&run(backend, shape, &factors, mode, 2), &expected, shape.k, &what);
                    }
                }
            }
        }
    }
    assert!(kernels >= sizes.len() * 4 * 8, "the portable kernels at least");
}

#[test]
fn the_exact_mode_is_sixteen_sums_then_pairs_on_every_kernel_and_number_of_threads() {
    for (batch, size) in [(1, (61, 83, 70)), (1, (140, 203, 130)), (3, (5, 16, 9)), (50, (1, 35, 1)), (1, (9, 5, 40))] {
        for shape in layouts(shape(batch, size)) {
            for factors in &all_dtypes(&shape)[..3] {
                let (a, b) = factors.wide();
                for backend in backends(&factors.factors(), Mode::Exact) {
                    for threads in [1, 3] {
                        let Product::F32(c) = run(backend, shape, factors, Mode::Exact, threads) else {
                            unreachable!("sums of these are f32")
                        };
                        for (at, &found) in c.iter().enumerate() {
                            let (index, i, j) = (at / (shape.m * shape.n), at / shape.n % shape.m, at % shape.n);
                            let (a, b) = (shape.left(&a, index), shape.right(&b, index));
                            let mut sums = [0.0_f32; 16];
                            for k in 0..shape.k {
                                let x = a.data[i * a.row_stride + k * a.column_stride] as f32;
                                sums[k % 16] += x * b.data[k * b.row_stride + j * b.column_stride] as f32;
                            }
                            assert_eq!(found.to_bits(), pairwise(sums).to_bits(), "{backend} {shape:?} {at}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn bits_depend_neither_on_the_number_of_threads_nor_on_the_part_of_the_product() {
    // Some slices of k, many of them, and products enough for each thread to have its own.
    for (batch, size) in [(1, (300, 800, 130)), (1, (60, 9_000, 50)), (30, (20, 2_000, 40))] {
        let shape = shape(batch, size);
        for factors in all_dtypes(&shape) {
            for backend in backends(&factors.factors(), Mode::Fast) {
                let alone = run(backend, shape, &factors, Mode::Fast, 1);
                for threads in [2, 3, 7] {
                    assert_eq!(run(backend, shape, &factors, Mode::Fast, threads), alone, "{backend} {threads}");
                }
            }
        }
    }
    let shape = shape(1, (300, 800, 130));
    for factors in all_dtypes(&shape) {
        let rows = |range: Range<usize>| match &factors {
            Owned::F32(a, b) => Owned::F32(a[range.start * 800..range.end * 800].to_vec(), b.clone()),
            Owned::F16(a, b) => Owned::F16(a[range.start * 800..range.end * 800].to_vec(), b.clone()),
            Owned::Bf16(a, b) => Owned::Bf16(a[range.start * 800..range.end * 800].to_vec(), b.clone()),
            Owned::Int8(a, b) => Owned::Int8(a[range.start * 800..range.end * 800].to_vec(), b.clone()),
        };
        let backend = backends(&factors.factors(), Mode::Fast)[0];
        let whole = run(backend, shape, &factors, Mode::Fast, 1);
        let part = run(backend, Shape { m: 5, ..shape }, &rows(97..102), Mode::Fast, 1);
        match (whole, part) {
            (Product::F32(whole), Product::F32(part)) => assert_eq!(whole[97 * 130..102 * 130], part),
            (Product::I32(whole), Product::I32(part)) => assert_eq!(whole[97 * 130..102 * 130], part),
            _ => unreachable!("one dtype"),
        }
    }
}

#[test]
fn int8_is_exact_where_every_product_is_as_large_as_it_can_be() {
    for k in [1, 4, 5, 1_537, INT8_INNER_MAX] {
        let shape = shape(1, (13, k, 17));
        for (x, y) in [(-128_i8, -128_i8), (-128, 127), (127, -128), (127, 127)] {
            let factors = Owned::Int8(vec![x; 13 * k], vec![y; k * 17]);
            for backend in backends(&factors.factors(), Mode::Fast) {
                let expected = vec![i32::from(x) * i32::from(y) * k as i32; 13 * 17];
                assert_eq!(
                    run(backend, shape, &factors, Mode::Fast, 2),
                    Product::I32(expected),
                    "{backend} {k} {x} {y}"
                );
            }
        }
    }
}

#[test]
fn what_is_no_number_stays_none() {
    let shape = shape(1, (4, 3, 20));
    for (f32_bits, f16, bf16) in [(f32::NAN, 0x7e00, 0x7fc0), (f32::INFINITY, 0x7c00, 0x7f80)] {
        for factors in [
            Owned::F32(vec![f32_bits; 12], vec![1.0; 60]),
            Owned::F16(vec![f16; 12], vec![0x3c00; 60]),
            Owned::Bf16(vec![bf16; 12], vec![0x3f80; 60]),
        ] {
            for mode in [Mode::Fast, Mode::Exact] {
                for backend in backends(&factors.factors(), mode) {
                    let Product::F32(c) = run(backend, shape, &factors, mode, 1) else { unreachable!("f32 sums") };
                    assert!(
                        c.iter().all(|c| c.is_nan() == f32_bits.is_nan() && !c.is_finite()),
                        "{backend} {factors:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn zero_sizes_give_zeros_or_nothing() {
    for (batch, size, length) in [(0, (2, 2, 2), 0), (2, (0, 3, 4), 0), (2, (3, 0, 4), 24), (2, (3, 4, 0), 0)] {
        for shape in layouts(shape(batch, size)) {
            for factors in all_dtypes(&shape) {
                for mode in [Mode::Fast, Mode::Exact] {
                    for backend in backends(&factors.factors(), mode) {
                        let zeros = match factors {
                            Owned::Int8(..) => Product::I32(vec![0; length]),
                            _ => Product::F32(vec![0.0; length]),
                        };
                        assert_eq!(run(backend, shape, &factors, mode, 2), zeros, "{backend} {shape:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn shapes_beyond_the_limits_are_refused_before_anything_is_allocated() {
    let refused =
        |shape: Shape, factors: Factors| Multiplication::new(shape, &factors, Mode::Fast, 1).err().unwrap().code();
    for (batch, size) in [
        (1, (usize::MAX, 2, 0)),
        (1, (1 << 20, 1 << 20, 1)),
        (1 << 40, (1, 0, 1)),
        (1, (1 << 16, 0, 1 << 16)),
        (1, (2, 3, 2)),
        (usize::MAX, (usize::MAX, usize::MAX, usize::MAX)),
    ] {
        assert_eq!(refused(shape(batch, size), Factors::F32(&[0.0; 5], &[0.0; 6])), "TENSOR_SHAPE", "{batch} {size:?}");
    }
    let long = vec![0_i8; INT8_INNER_MAX + 1];
    assert_eq!(refused(shape(1, (1, long.len(), 1)), Factors::Int8(&long, &long)), "TENSOR_SHAPE");
    let other = Multiplication::on(Some("abacus"), shape(1, (1, 1, 1)), &Factors::F32(&[1.0], &[1.0]), Mode::Fast, 1);
    assert_eq!(other.err().unwrap().code(), "TENSOR_DEVICE");
}

#[test]
fn a_cancelled_product_ends_with_its_code() {
    for size in [(64, 64, 64), (1, 2, 1)] {
        let shape = shape(9, size);
        for factors in all_dtypes(&shape) {
            let (stop, done) = (AtomicBool::new(true), AtomicU64::new(0));
            let multiplication = Multiplication::new(shape, &factors.factors(), Mode::Fast, 2).unwrap();
            let control = Control { cancelled: &stop, done: &done };
            assert_eq!(multiplication.run(&control).unwrap_err().code(), "NATIVE_CANCELLED");
        }
    }
}
