//! Kernels of AVX2 with fused multiply-add: tiles of six rows and two vectors of eight columns, 12 of the 16 registers.
use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_add_ps, _mm256_castps_si256, _mm256_castsi256_ps, _mm256_fmadd_ps,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_mul_ps, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_storeu_si256,
};

use crate::format::ShortPair;
use crate::tile::{Order, kernel, tile_function};

macro_rules! avx2_tile {
    ($name:ident, $sum:ty, $order:expr, plus: $plus:expr, step: $step:expr) => {
        tile_function! {
            #[target_feature(enable = "avx2,fma")]
            fn $name(sum: $sum, vector: __m256i, lanes: 8, step of rows: 2, order: $order),
            zero: _mm256_setzero_si256(),
            // SAFETY: `tile_function!` loads and stores whole vectors where it has them, at any alignment.
            load: |from: *const u32| unsafe { _mm256_loadu_si256(from.cast()) },
            // SAFETY: as for `load`.
            store: |to: *mut u32, vector| unsafe { _mm256_storeu_si256(to.cast(), vector) },
            // SAFETY: as for `load`.
            right of u32: |from: *const u32| unsafe { _mm256_loadu_si256(from.cast()) },
            splat: |word: u32| _mm256_set1_epi32(word as i32),
            plus: $plus,
            step: $step,
        }
    };
}

macro_rules! floats {
    ($function:ident) => {
        |x, y| _mm256_castps_si256($function(_mm256_castsi256_ps(x), _mm256_castsi256_ps(y)))
    };
}

avx2_tile!(
    fused_tile, f32, Order::Straight,
    plus: floats!(_mm256_add_ps),
    step: |sum, left, right| {
        let (sum, left, right) = (_mm256_castsi256_ps(sum), _mm256_castsi256_ps(left), _mm256_castsi256_ps(right));
        _mm256_castps_si256(_mm256_fmadd_ps(left, right, sum))
    }
);
avx2_tile!(
    exact_tile, f32, Order::Sixteen,
    plus: floats!(_mm256_add_ps),
    step: |sum, left, right| {
        let product = _mm256_mul_ps(_mm256_castsi256_ps(left), _mm256_castsi256_ps(right));
        _mm256_castps_si256(_mm256_add_ps(_mm256_castsi256_ps(sum), product))
    }
);
avx2_tile!(
    short_tile, i32, Order::Straight,
    plus: |x, y| _mm256_add_epi32(x, y),
    step: |sum, left, right| _mm256_add_epi32(sum, _mm256_madd_epi16(left, right))
);

kernel!(/** Fused multiply-adds of numbers widened to f32. Needs AVX2 and FMA. */
    Fused<F>, F, F, f32, fused_tile, rows: 2, lanes: 8, Order::Straight);
kernel!(/** The exact order of numbers widened to f32. Needs AVX2 and FMA. */
    Exact<F>, F, F, f32, exact_tile, rows: 2, lanes: 8, Order::Sixteen);
kernel!(/** Pairs of int8 as i16. Needs AVX2 and FMA. */
    Short, ShortPair, ShortPair, i32, short_tile, rows: 2, lanes: 8, Order::Straight);
