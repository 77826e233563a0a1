//! One kernel, several instruction sets: a kernel is written once over [`Simd`] and compiled for each of them. All give
//! the same bits, since every operation is a single correctly rounded one, none is fused, and no sum changes its order.
#![allow(unsafe_code)] // calls of functions with target features, after the processor was asked for them
#![allow(clippy::inline_always)] // what is not inlined is compiled without the instruction set

use crate::logarithm::{ODD, TWICE_LOG2_E};

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
        let mut all = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(x86::Avx2::new().map(Self::Avx2));
            all.extend(x86::Avx512::new().map(Self::Avx512));
        }
        all
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
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Kernel, Simd};
    use crate::logarithm::FOLD;
    use std::arch::x86_64::{
        __m256d, __m256i, __m512d, __m512i, _CMP_GT_OQ, _mm256_add_epi64, _mm256_add_pd, _mm256_and_pd,
        _mm256_blend_epi32, _mm256_blendv_pd, _mm256_castpd_si256, _mm256_castsi256_pd, _mm256_cmp_pd, _mm256_div_pd,
        _mm256_loadu_pd, _mm256_loadu_si256, _mm256_mul_pd, _mm256_or_pd, _mm256_or_si256, _mm256_set1_epi64x,
        _mm256_set1_pd, _mm256_srli_epi64, _mm256_storeu_pd, _mm256_storeu_si256, _mm256_sub_pd, _mm512_add_epi64,
        _mm512_add_pd, _mm512_and_si512, _mm512_castpd_si512, _mm512_castsi512_pd, _mm512_cmp_pd_mask,
        _mm512_cvtepi64_pd, _mm512_div_pd, _mm512_loadu_epi64, _mm512_loadu_pd, _mm512_mask_add_epi64,
        _mm512_mask_mul_pd, _mm512_mul_pd, _mm512_or_si512, _mm512_set1_epi64, _mm512_set1_pd, _mm512_srli_epi64,
        _mm512_storeu_epi64, _mm512_storeu_pd, _mm512_sub_epi64, _mm512_sub_pd,
    };

    /// The bits of a float that are its fraction.
    const FRACTION: i64 = 0x000f_ffff_ffff_ffff;
    /// The bits of 1.0.
    const ONE: i64 = 0x3ff0_0000_0000_0000;
    /// The bits of 2⁵²: whatever is or-ed into its low half is added to it.
    const TWO_52: i64 = 0x4330_0000_0000_0000;
    /// The bits of 2⁸⁴, in whose low half a unit is 2³².
    const TWO_84: i64 = 0x4530_0000_0000_0000;

    /// Proof that the processor has AVX2.
    #[derive(Clone, Copy, Debug)]
    pub struct Avx2(());

    impl Avx2 {
        pub fn new() -> Option<Self> {
            is_x86_feature_detected!("avx2").then_some(Self(()))
        }

        pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
            #[target_feature(enable = "avx2")]
            fn compiled<K: Kernel>(simd: Avx2, kernel: K) -> K::Output {
                kernel.run(simd)
            }
            // SAFETY: the processor has the feature, as `self` proves.
            unsafe { compiled(self, kernel) }
        }
    }

    impl Simd for Avx2 {
        type Integers = __m256i;
        type Floats = __m256d;
        const LANES: usize = 4;

        #[inline(always)]
        fn load_integers(self, from: &[i64]) -> __m256i {
            let from = &from[..4];
            // SAFETY: the slice has four numbers, and the processor the feature.
            unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
        }
        #[inline(always)]
        fn store_integers(self, to: &mut [i64], from: __m256i) {
            let to = &mut to[..4];
            // SAFETY: the slice has room for four numbers, and the processor the feature.
            unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), from) }
        }
        #[inline(always)]
        fn splat_integers(self, value: i64) -> __m256i {
            // SAFETY: the processor has the feature.
            unsafe { _mm256_set1_epi64x(value) }
        }
        #[inline(always)]
        fn add_integers(self, a: __m256i, b: __m256i) -> __m256i {
            // SAFETY: the processor has the feature.
            unsafe { _mm256_add_epi64(a, b) }
        }
        /// There is no such instruction: both halves become exact floats, and their sum is rounded once.
        #[inline(always)]
        fn to_floats(self, from: __m256i) -> __m256d {
            // SAFETY: the processor has the feature.
            unsafe {
                let low = _mm256_blend_epi32::<0b1010_1010>(from, _mm256_set1_epi64x(TWO_52));
                let high = _mm256_or_si256(_mm256_srli_epi64::<32>(from), _mm256_set1_epi64x(TWO_84));
                let both = _mm256_set1_pd(f64::from_bits(TWO_84 as u64) + f64::from_bits(TWO_52 as u64));
                _mm256_add_pd(_mm256_sub_pd(_mm256_castsi256_pd(high), both), _mm256_castsi256_pd(low))
            }
        }
        #[inline(always)]
        fn load(self, from: &[f64]) -> __m256d {
            let from = &from[..4];
            // SAFETY: the slice has four numbers, and the processor the feature.
            unsafe { _mm256_loadu_pd(from.as_ptr()) }
        }
        #[inline(always)]
        fn store(self, to: &mut [f64], from: __m256d) {
            let to = &mut to[..4];
            // SAFETY: the slice has room for four numbers, and the processor the feature.
            unsafe { _mm256_storeu_pd(to.as_mut_ptr(), from) }
        }
        #[inline(always)]
        fn splat(self, value: f64) -> __m256d {
            // SAFETY: the processor has the feature.
            unsafe { _mm256_set1_pd(value) }
        }
        #[inline(always)]
        fn add(self, a: __m256d, b: __m256d) -> __m256d {
            // SAFETY: the processor has the feature.
            unsafe { _mm256_add_pd(a, b) }
        }
        #[inline(always)]
        fn sub(self, a: __m256d, b: __m256d) -> __m256d {
            // SAFETY: the processor has the feature.
            unsafe { _mm256_sub_pd(a, b) }
        }
        #[inline(always)]
        fn mul(self, a: __m256d, b: __m256d) -> __m256d {
            // SAFETY: the processor has the feature.
            unsafe { _mm256_mul_pd(a, b) }
        }
        #[inline(always)]
        fn div(self, a: __m256d, b: __m256d) -> __m256d {
            // SAFETY: the processor has the feature.
            unsafe { _mm256_div_pd(a, b) }
        }
        #[inline(always)]
        fn split(self, x: __m256d, down: i64) -> (__m256d, __m256d) {
            // SAFETY: the processor has the feature.
            unsafe {
                let exponent = _mm256_srli_epi64::<52>(_mm256_castpd_si256(x));
                let exponent = _mm256_castsi256_pd(_mm256_or_si256(exponent, _mm256_set1_epi64x(TWO_52)));
                let fraction = _mm256_and_pd(x, _mm256_set1_pd(f64::from_bits(FRACTION as u64)));
                let m = _mm256_or_pd(fraction, _mm256_set1_pd(1.0));
                let fold = _mm256_cmp_pd::<_CMP_GT_OQ>(m, _mm256_set1_pd(FOLD));
                let m = _mm256_blendv_pd(m, _mm256_mul_pd(m, _mm256_set1_pd(0.5)), fold);
                // Integers far below 2⁵³: every sum is exact.
                let base = _mm256_set1_pd(f64::from_bits(TWO_52 as u64) + (1_023 + down) as f64);
                (_mm256_add_pd(_mm256_sub_pd(exponent, base), _mm256_and_pd(fold, _mm256_set1_pd(1.0))), m)
            }
        }
    }

    /// Proof that the processor has the parts of AVX-512 that every one with its integer conversions has.
    #[derive(Clone, Copy, Debug)]
    pub struct Avx512(());

    impl Avx512 {
        pub fn new() -> Option<Self> {
            let has = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl");
            has.then_some(Self(()))
        }

        pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
            #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
            fn compiled<K: Kernel>(simd: Avx512, kernel: K) -> K::Output {
                kernel.run(simd)
            }
            // SAFETY: the processor has the features, as `self` proves.
            unsafe { compiled(self, kernel) }
        }
    }

    impl Simd for Avx512 {
        type Integers = __m512i;
        type Floats = __m512d;
        const LANES: usize = 8;

        #[inline(always)]
        fn load_integers(self, from: &[i64]) -> __m512i {
            let from = &from[..8];
            // SAFETY: the slice has eight numbers, and the processor the features.
            unsafe { _mm512_loadu_epi64(from.as_ptr()) }
        }
        #[inline(always)]
        fn store_integers(self, to: &mut [i64], from: __m512i) {
            let to = &mut to[..8];
            // SAFETY: the slice has room for eight numbers, and the processor the features.
            unsafe { _mm512_storeu_epi64(to.as_mut_ptr(), from) }
        }
        #[inline(always)]
        fn splat_integers(self, value: i64) -> __m512i {
            // SAFETY: the processor has the features.
            unsafe { _mm512_set1_epi64(value) }
        }
        #[inline(always)]
        fn add_integers(self, a: __m512i, b: __m512i) -> __m512i {
            // SAFETY: the processor has the features.
            unsafe { _mm512_add_epi64(a, b) }
        }
        #[inline(always)]
        fn to_floats(self, from: __m512i) -> __m512d {
            // SAFETY: the processor has the features.
            unsafe { _mm512_cvtepi64_pd(from) }
        }
        #[inline(always)]
        fn load(self, from: &[f64]) -> __m512d {
            let from = &from[..8];
            // SAFETY: the slice has eight numbers, and the processor the features.
            unsafe { _mm512_loadu_pd(from.as_ptr()) }
        }
        #[inline(always)]
        fn store(self, to: &mut [f64], from: __m512d) {
            let to = &mut to[..8];
            // SAFETY: the slice has room for eight numbers, and the processor the features.
            unsafe { _mm512_storeu_pd(to.as_mut_ptr(), from) }
        }
        #[inline(always)]
        fn splat(self, value: f64) -> __m512d {
            // SAFETY: the processor has the features.
            unsafe { _mm512_set1_pd(value) }
        }
        #[inline(always)]
        fn add(self, a: __m512d, b: __m512d) -> __m512d {
            // SAFETY: the processor has the features.
            unsafe { _mm512_add_pd(a, b) }
        }
        #[inline(always)]
        fn sub(self, a: __m512d, b: __m512d) -> __m512d {
            // SAFETY: the processor has the features.
            unsafe { _mm512_sub_pd(a, b) }
        }
        #[inline(always)]
        fn mul(self, a: __m512d, b: __m512d) -> __m512d {
            // SAFETY: the processor has the features.
            unsafe { _mm512_mul_pd(a, b) }
        }
        #[inline(always)]
        fn div(self, a: __m512d, b: __m512d) -> __m512d {
            // SAFETY: the processor has the features.
            unsafe { _mm512_div_pd(a, b) }
        }
        #[inline(always)]
        fn split(self, x: __m512d, down: i64) -> (__m512d, __m512d) {
            // SAFETY: the processor has the features.
            unsafe {
                let bits = _mm512_castpd_si512(x);
                let exponent = _mm512_sub_epi64(_mm512_srli_epi64::<52>(bits), _mm512_set1_epi64(1_023 + down));
                let fraction = _mm512_and_si512(bits, _mm512_set1_epi64(FRACTION));
                let m = _mm512_castsi512_pd(_mm512_or_si512(fraction, _mm512_set1_epi64(ONE)));
                let fold = _mm512_cmp_pd_mask::<_CMP_GT_OQ>(m, _mm512_set1_pd(FOLD));
                let exponent = _mm512_mask_add_epi64(exponent, fold, exponent, _mm512_set1_epi64(1));
                (_mm512_cvtepi64_pd(exponent), _mm512_mask_mul_pd(m, fold, m, _mm512_set1_pd(0.5)))
            }
        }
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
}
