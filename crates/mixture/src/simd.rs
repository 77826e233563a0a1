//! One kernel, several instruction sets: a kernel is written once over [`Simd`] and compiled for each of them. All give
//! the same bits, since every operation is a single correctly rounded one, none is fused, and no sum changes its order.
#![allow(unsafe_code)] // target features, after the processor was asked for them, and numbers converted after a look at them
#![allow(clippy::inline_always)] // what is not inlined is compiled without the instruction set

use crate::logarithm::{ODD, TWICE_LOG2_E};

#[cfg(target_arch = "x86_64")]
mod x86;

/// Vectors of binary64 and of i64. A value of a type that implements it proves that the processor has the instructions.
pub trait Simd: Copy {
    type Integers: Copy;
    type Floats: Copy;
    /// Numbers in one vector: a power of two, at most eight.
    const LANES: usize;

    /// The first numbers of `from`, which holds at least one vector.
    fn load_integers(self, from: &[i64]) -> Self::Integers;
    fn store_integers(self, to: &mut [i64], from: Self::Integers);
    fn splat_integers(self, value: i64) -> Self::Integers;
    fn add_integers(self, a: Self::Integers, b: Self::Integers) -> Self::Integers;
    /// The nearest floats of integers in 0..2⁶³.
    fn to_floats(self, from: Self::Integers) -> Self::Floats;

    fn load(self, from: &[f64]) -> Self::Floats;
    fn store(self, to: &mut [f64], from: Self::Floats);
    fn splat(self, value: f64) -> Self::Floats;
    fn add(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    fn sub(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    fn mul(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    fn div(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// e - `down` and m for positive normal x = m·2^e, with m in (√½, √2].
    fn split(self, x: Self::Floats, down: i64) -> (Self::Floats, Self::Floats);

    /// Bit i says whether byte i is at most `limit`.
    fn at_most(self, bytes: &[u8; 64], limit: u8) -> u64;
}

/// x without its fraction, at least 0 and at most `most`; 0 for NaN. Loops over it become vectors, which `as` prevents:
/// the compiler takes a number at a time to find out whether it fits.
#[inline(always)]
pub fn truncate(x: f64, most: u32) -> u32 {
    let most = f64::from(most.min(i32::MAX as u32));
    let x = if x > 0.0 { x } else { 0.0 };
    let x = if x < most { x } else { most };
    // SAFETY: whatever `x` was, it now is a number from 0 to `most`, which an i32 holds.
    unsafe { x.to_int_unchecked::<i32>() as u32 }
}

/// log2(x · 2^-down) of several vectors side by side, so that no chain of operations waits for itself.
#[inline(always)]
pub fn log2<S: Simd, const N: usize>(simd: S, x: [S::Floats; N], down: i64) -> [S::Floats; N] {
    let (mut exponent, mut s, mut z) = (x, x, x);
    let mut p = [simd.splat(ODD[10]); N];
    let one = simd.splat(1.0);
    for i in 0..N {
        let (e, m) = simd.split(x[i], down);
        exponent[i] = e;
        s[i] = simd.div(simd.sub(m, one), simd.add(m, one));
    }
    for i in 0..N {
        z[i] = simd.mul(s[i], s[i]);
    }
    for k in (0..10).rev() {
        let odd = simd.splat(ODD[k]);
        for i in 0..N {
            p[i] = simd.add(simd.mul(p[i], z[i]), odd);
        }
    }
    let scale = simd.splat(TWICE_LOG2_E);
    for i in 0..N {
        exponent[i] = simd.add(exponent[i], simd.mul(simd.mul(s[i], p[i]), scale));
    }
    exponent
}

/// Work that is compiled for each instruction set. `run` and all that it calls for its speed must be inlined.
pub trait Kernel {
    type Output;
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// An instruction set that this processor has.
#[derive(Clone, Copy, Debug)]
pub enum Width {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(x86::Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(x86::Avx512),
}

impl Width {
    /// The widest one.
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = x86::Avx512::new() {
            return Self::Avx512(simd);
        } else if let Some(simd) = x86::Avx2::new() {
            return Self::Avx2(simd);
        }
        Self::Portable
    }

    /// Every one, for tests that compare them.
    #[cfg(test)]
    pub fn all() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        let wider = [x86::Avx2::new().map(Self::Avx2), x86::Avx512::new().map(Self::Avx512)];
        #[cfg(not(target_arch = "x86_64"))]
        let wider: [Option<Self>; 0] = [];
        std::iter::once(Self::Portable).chain(wider.into_iter().flatten()).collect()
    }

    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            Self::Portable => kernel.run(Portable),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => simd.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => simd.run(kernel),
        }
    }
}

/// Pairs of plain numbers: what every 64-bit processor has vectors for.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

impl Simd for Portable {
    type Integers = [i64; 2];
    type Floats = [f64; 2];
    const LANES: usize = 2;

    #[inline(always)]
    fn load_integers(self, from: &[i64]) -> [i64; 2] {
        [from[0], from[1]]
    }
    #[inline(always)]
    fn store_integers(self, to: &mut [i64], from: [i64; 2]) {
        to[..2].copy_from_slice(&from);
    }
    #[inline(always)]
    fn splat_integers(self, value: i64) -> [i64; 2] {
        [value; 2]
    }
    #[inline(always)]
    fn add_integers(self, a: [i64; 2], b: [i64; 2]) -> [i64; 2] {
        [a[0].wrapping_add(b[0]), a[1].wrapping_add(b[1])]
    }
    #[inline(always)]
    fn to_floats(self, from: [i64; 2]) -> [f64; 2] {
        [from[0] as f64, from[1] as f64]
    }
    #[inline(always)]
    fn load(self, from: &[f64]) -> [f64; 2] {
        [from[0], from[1]]
    }
    #[inline(always)]
    fn store(self, to: &mut [f64], from: [f64; 2]) {
        to[..2].copy_from_slice(&from);
    }
    #[inline(always)]
    fn splat(self, value: f64) -> [f64; 2] {
        [value; 2]
    }
    #[inline(always)]
    fn add(self, a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
        [a[0] + b[0], a[1] + b[1]]
    }
    #[inline(always)]
    fn sub(self, a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
        [a[0] - b[0], a[1] - b[1]]
    }
    #[inline(always)]
    fn mul(self, a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
        [a[0] * b[0], a[1] * b[1]]
    }
    #[inline(always)]
    fn div(self, a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
        [a[0] / b[0], a[1] / b[1]]
    }
    #[inline(always)]
    fn split(self, x: [f64; 2], down: i64) -> ([f64; 2], [f64; 2]) {
        let [(e0, m0), (e1, m1)] = [crate::logarithm::split(x[0], down), crate::logarithm::split(x[1], down)];
        ([e0 as f64, e1 as f64], [m0, m1])
    }
    #[inline(always)]
    fn at_most(self, bytes: &[u8; 64], limit: u8) -> u64 {
        bytes.iter().rev().fold(0, |bits, &byte| bits << 1 | u64::from(byte <= limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logarithm::log2_scaled;

    /// Integers to floats, and logarithms of these, four vectors at a time.
    struct Logarithms<'a>(&'a [i64]);

    impl Kernel for Logarithms<'_> {
        type Output = Vec<(u64, u64)>;
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> Self::Output {
            let mut out = vec![];
            for part in self.0.chunks_exact(S::LANES) {
                let floats = simd.to_floats(simd.load_integers(part));
                let [logarithms, ..] = log2(simd, [floats; 4], 58);
                let (mut a, mut b) = ([0.0; 8], [0.0; 8]);
                simd.store(&mut a, floats);
                simd.store(&mut b, logarithms);
                out.extend((0..S::LANES).map(|i| (a[i].to_bits(), b[i].to_bits())));
            }
            out
        }
    }

    #[test]
    fn conversions_and_logarithms_have_the_same_bits_on_every_width() {
        let mut state = 9_u64;
        let numbers: Vec<i64> = (0..200_000)
            .map(|i| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                match i % 4 {
                    0 => 1_i64 << (i / 4 % 63),
                    // just below, at and above the middle of two floats, on which a double rounding would show
                    1 => (1_i64 << 62) + ((state >> 40) as i64) * 512 + i % 3 - 1,
                    _ => ((state >> 1) >> (state % 62)).max(1) as i64,
                }
            })
            .collect();
        let plain: Vec<(u64, u64)> =
            numbers.iter().map(|&n| ((n as f64).to_bits(), log2_scaled(n as f64, 58).to_bits())).collect();
        for width in Width::all() {
            assert_eq!(width.run(Logarithms(&numbers)), plain, "{width:?}");
        }
    }

    struct AtMost<'a>(&'a [u8; 64], u8);

    impl Kernel for AtMost<'_> {
        type Output = u64;
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> u64 {
            simd.at_most(self.0, self.1)
        }
    }

    #[test]
    fn bytes_are_compared_alike_on_every_width() {
        let bytes: [u8; 64] = std::array::from_fn(|i| (i * 85 % 256) as u8);
        for limit in 0..=255 {
            let plain = (0..64).filter(|&i| bytes[i] <= limit).fold(0, |bits, i| bits | 1_u64 << i);
            for width in Width::all() {
                assert_eq!(width.run(AtMost(&bytes, limit)), plain, "{width:?} {limit}");
            }
        }
    }

    #[test]
    fn any_number_at_all_is_truncated_into_its_range() {
        let near: Vec<f64> = (0..70_000).flat_map(|i| [-0.6, -1e-9, 0.0, 0.5].map(|by| f64::from(i) + by)).collect();
        for &x in near.iter().chain(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e300, -1e300, 5e-324]) {
            for most in [0, 1, 255, 65_535, i32::MAX as u32] {
                assert_eq!(i64::from(truncate(x, most)), (x as i64).clamp(0, i64::from(most)), "{x} {most}");
            }
        }
    }
}
