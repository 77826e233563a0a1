//! The vectors of AVX2 and of AVX-512.
use super::{Kernel, Simd};
use crate::logarithm::FOLD;
use std::arch::x86_64::{
    __m256d, __m256i, __m512d, __m512i, _CMP_GT_OQ, _mm256_add_epi64, _mm256_add_pd, _mm256_and_pd, _mm256_blend_epi32,
    _mm256_blendv_pd, _mm256_castpd_si256, _mm256_castsi256_pd, _mm256_cmp_pd, _mm256_cmpeq_epi8, _mm256_div_pd,
    _mm256_loadu_pd, _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_mul_pd, _mm256_or_pd,
    _mm256_or_si256, _mm256_set1_epi8, _mm256_set1_epi64x, _mm256_set1_pd, _mm256_srli_epi64, _mm256_storeu_pd,
    _mm256_storeu_si256, _mm256_sub_pd, _mm512_add_epi64, _mm512_add_pd, _mm512_and_si512, _mm512_castpd_si512,
    _mm512_castsi512_pd, _mm512_cmp_pd_mask, _mm512_cmple_epu8_mask, _mm512_cvtepi64_pd, _mm512_div_pd,
    _mm512_loadu_epi8, _mm512_loadu_epi64, _mm512_loadu_pd, _mm512_mask_add_epi64, _mm512_mask_mul_pd, _mm512_mul_pd,
    _mm512_or_si512, _mm512_set1_epi8, _mm512_set1_epi64, _mm512_set1_pd, _mm512_srli_epi64, _mm512_storeu_epi64,
    _mm512_storeu_pd, _mm512_sub_epi64, _mm512_sub_pd,
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
    /// There is no unsigned comparison: what is at most `limit` is the smaller one of both.
    #[inline(always)]
    fn at_most(self, bytes: &[u8; 64], limit: u8) -> u64 {
        let [low, high] = [0, 32].map(|at| {
            let half = &bytes[at..at + 32];
            // SAFETY: the slice has 32 bytes, and the processor the feature.
            unsafe {
                let half = _mm256_loadu_si256(half.as_ptr().cast());
                let smaller = _mm256_min_epu8(half, _mm256_set1_epi8(limit as i8));
                _mm256_movemask_epi8(_mm256_cmpeq_epi8(smaller, half)) as u32
            }
        });
        u64::from(low) | u64::from(high) << 32
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
    #[inline(always)]
    fn at_most(self, bytes: &[u8; 64], limit: u8) -> u64 {
        // SAFETY: the array has 64 bytes, and the processor the features.
        unsafe { _mm512_cmple_epu8_mask(_mm512_loadu_epi8(bytes.as_ptr().cast()), _mm512_set1_epi8(limit as i8)) }
    }
}
