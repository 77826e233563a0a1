//! Shapes and products (N2): a shape that does not fit is refused before anything is allocated, and what is multiplied in
//! exact mode is the defined sum.
use std::sync::atomic::AtomicBool;

use tensor::matmul::{Mode, check, matmul};

use crate::reader::Reader;

pub fn products(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    // Any sizes at all: only the answer is wanted, nothing is allocated by the check.
    let wild = (reader.edge() as usize, reader.edge() as usize, reader.edge() as usize);
    if check(reader.u16().into(), reader.u16().into(), wild).is_ok() {
        assert!(wild.0.checked_mul(wild.2).is_some_and(|elements| elements <= 1 << 26), "{wild:?} is accepted");
    }
    let (m, k, n) = (reader.up_to(20), reader.up_to(40), reader.up_to(20));
    let mut matrix =
        |elements: usize| -> Vec<f32> { (0..elements).map(|_| f32::from(reader.u8() as i8) / 16.0).collect() };
    let (a, b) = (matrix(m * k), matrix(k * n));
    let go_on = AtomicBool::new(false);
    for mode in [Mode::Fast, Mode::Exact] {
        let c = matmul(mode, &a, &b, (m, k, n), &go_on).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(c.len(), m * n);
        for (at, &value) in c.iter().enumerate() {
            // Sixteenths of small integers: every sum is exact in binary32, so both modes give the very value.
            let expected: f32 = (0..k).map(|p| a[at / n * k + p] * b[p * n + at % n]).sum();
            assert_eq!(value, expected, "{mode:?} {m} x {k} x {n}");
        }
    }
}
