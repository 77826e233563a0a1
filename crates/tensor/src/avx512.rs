//! Kernels of AVX-512: tiles of twelve rows and two vectors of sixteen columns, 24 of the 32 registers. One multiply
//! each cycle on most cores: 16 multiply-adds of f32, 32 of bf16, 64 of int8.
use std::arch::x86_64::{
    __m256i, __m512bh, __m512i, _mm_storeu_si128, _mm256_loadu_si256, _mm256_storeu_si256, _mm512_add_epi32,
    _mm512_add_ps, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_castsi512_si128, _mm512_castsi512_si256,
    _mm512_cvtph_ps, _mm512_dpbf16_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_loadu_si512, _mm512_madd_epi16,
    _mm512_mask_storeu_epi32, _mm512_mul_ps, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_shuffle_i32x4,
    _mm512_storeu_si512, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};
use std::mem::transmute;

use crate::format::{BrainPair, ByteQuad, HalfWide, RaisedQuad, ShortPair};
use crate::tile::{Kernel, Order, Tile, kernel, tile_function};

macro_rules! avx512_tile {
    ($(#[$attribute:meta])* $name:ident, $sum:ty, $order:expr, plus: $plus:expr, step: $step:expr) => {
        avx512_tile!(
            $(#[$attribute])*
            $name, $sum, $order,
            // SAFETY: `tile_function!` loads whole vectors where it has them, at any alignment.
            right of u32: |from: *const u32| unsafe { _mm512_loadu_si512(from.cast()) },
            plus: $plus,
            step: $step
        );
    };
    ($(#[$attribute:meta])* $name:ident, $sum:ty, $order:expr, right of $right:ty: $load_right:expr, plus: $plus:expr, step: $step:expr) => {
        tile_function! {
            $(#[$attribute])*
            fn $name(sum: $sum, vector: __m512i, lanes: 16, step of rows: 4, order: $order),
            zero: _mm512_setzero_si512(),
            // SAFETY: `tile_function!` loads and stores whole vectors where it has them, at any alignment.
            load: |from: *const u32| unsafe { _mm512_loadu_si512(from.cast()) },
            // SAFETY: as for `load`.
            store: |to: *mut u32, vector| unsafe { _mm512_storeu_si512(to.cast(), vector) },
            right of $right: $load_right,
            splat: |word: u32| _mm512_set1_epi32(word as i32),
            plus: $plus,
            step: $step,
        }
    };
}

macro_rules! floats {
    ($function:ident) => {
        |x, y| _mm512_castps_si512($function(_mm512_castsi512_ps(x), _mm512_castsi512_ps(y)))
    };
}

macro_rules! fused {
    () => {
        |sum, left, right| {
            let (sum, left, right) = (_mm512_castsi512_ps(sum), _mm512_castsi512_ps(left), _mm512_castsi512_ps(right));
            _mm512_castps_si512(_mm512_fmadd_ps(left, right, sum))
        }
    };
}

avx512_tile!(
    #[target_feature(enable = "avx512f")]
    fused_tile, f32, Order::Straight,
    plus: floats!(_mm512_add_ps),
    step: fused!()
);
avx512_tile!(
    #[target_feature(enable = "avx512f")]
    exact_tile, f32, Order::Sixteen,
    plus: floats!(_mm512_add_ps),
    step: |sum, left, right| {
        let product = _mm512_mul_ps(_mm512_castsi512_ps(left), _mm512_castsi512_ps(right));
        _mm512_castps_si512(_mm512_add_ps(_mm512_castsi512_ps(sum), product))
    }
);
avx512_tile!(
    #[target_feature(enable = "avx512f,avx512bf16")]
    brain_tile, f32, Order::Straight,
    plus: floats!(_mm512_add_ps),
    // SAFETY: a vector of 32 bf16 is any 512 bits.
    step: |sum, left: __m512i, right: __m512i| unsafe {
        let (left, right) = (transmute::<__m512i, __m512bh>(left), transmute::<__m512i, __m512bh>(right));
        _mm512_castps_si512(_mm512_dpbf16_ps(_mm512_castsi512_ps(sum), left, right))
    }
);
avx512_tile!(
    #[target_feature(enable = "avx512f,avx512vnni")]
    byte_tile, i32, Order::Straight,
    plus: |x, y| _mm512_add_epi32(x, y),
    // The right factor is the unsigned one, so that the left word can be spread by the instruction itself.
    step: |sum, left, right| _mm512_dpbusd_epi32(sum, right, left)
);
avx512_tile!(
    #[target_feature(enable = "avx512f,avx512bw")]
    short_tile, i32, Order::Straight,
    plus: |x, y| _mm512_add_epi32(x, y),
    step: |sum, left, right| _mm512_add_epi32(sum, _mm512_madd_epi16(left, right))
);

avx512_tile!(
    #[target_feature(enable = "avx512f")]
    half_tile, f32, Order::Straight,
    // SAFETY: as for other loads; sixteen f16 are half a vector.
    right of u16: |from: *const u16| _mm512_castps_si512(_mm512_cvtph_ps(unsafe { _mm256_loadu_si256(from.cast()) })),
    plus: floats!(_mm512_add_ps),
    step: fused!()
);

kernel!(/** Fused multiply-adds of numbers widened to f32. Needs AVX-512 F. */
    Fused<F>, F, F, f32, fused_tile, rows: 4, lanes: 16, Order::Straight);
kernel!(/** The exact order of numbers widened to f32. Needs AVX-512 F. */
    Exact<F>, F, F, f32, exact_tile, rows: 4, lanes: 16, Order::Sixteen);
kernel!(/** Pairs of bf16, summed in f32; subnormal numbers count as zero. Needs AVX-512 F and BF16. */
    Brain, BrainPair, BrainPair, f32, brain_tile, rows: 4, lanes: 16, Order::Straight);
kernel!(/** Fours of int8. Needs AVX-512 F and VNNI. */
    Byte, ByteQuad, RaisedQuad, i32, byte_tile, rows: 4, lanes: 16, Order::Straight, raised: true);
kernel!(/** Pairs of int8 as i16, where there is no VNNI. Needs AVX-512 F and BW. */
    Short, ShortPair, ShortPair, i32, short_tile, rows: 4, lanes: 16, Order::Straight);

/// f16 widened to f32: once where the right factor is packed, otherwise as it is read. Needs AVX-512 F.
pub(crate) struct Half;

impl Kernel for Half {
    type Left = HalfWide;
    type Right = HalfWide;
    type Sum = f32;
    type Lying = u16;
    const ROWS: usize = 12;
    const LANES: usize = 16;
    const ORDER: Order = Order::Straight;
    fn lying(right: &[u16]) -> Option<&[u16]> {
        Some(right)
    }
    unsafe fn tile(tile: &Tile<f32>) {
        // SAFETY: the caller's promise, passed on.
        unsafe { fused_tile(tile) }
    }
    unsafe fn tile_as_it_lies(tile: &Tile<f32, u16>) {
        // SAFETY: the caller's promise, passed on.
        unsafe { half_tile(tile) }
    }
}

/// The bits of the f32 that are as large as these f16.
#[target_feature(enable = "avx512f")]
#[inline]
pub(crate) fn widen(halves: &[u16; 16]) -> [u32; 16] {
    // SAFETY: both are as many bits as the vectors they become.
    unsafe { transmute(_mm512_cvtph_ps(transmute::<[u16; 16], __m256i>(*halves))) }
}

/// Writes column c of `block`, its first L words (4, 8, 12 or 16), at `to + places[c]`, for each place.
///
/// # Safety
/// This CPU has AVX-512 F, and L words at each place may be written.
#[target_feature(enable = "avx512f")]
#[inline]
pub(crate) unsafe fn transpose<const L: usize>(block: &[[u32; 16]; 16], places: &[usize; 16], to: *mut u32) {
    let zero = _mm512_setzero_si512();
    let (mut rows, mut pairs, mut fours, mut out) = ([zero; 16], [zero; 16], [zero; 16], [zero; 16]);
    for (row, words) in rows.iter_mut().zip(block) {
        // SAFETY: each row of the block is 16 words.
        *row = unsafe { _mm512_loadu_si512(words.as_ptr().cast()) };
    }
    for i in 0..8 {
        pairs[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
        pairs[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
    }
    for i in (0..16).step_by(4) {
        fours[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
        fours[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
        fours[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
        fours[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
    }
    for c in 0..4 {
        let even = _mm512_shuffle_i32x4::<0x88>(fours[c], fours[4 + c]);
        let even_high = _mm512_shuffle_i32x4::<0x88>(fours[8 + c], fours[12 + c]);
        let odd = _mm512_shuffle_i32x4::<0xdd>(fours[c], fours[4 + c]);
        let odd_high = _mm512_shuffle_i32x4::<0xdd>(fours[8 + c], fours[12 + c]);
        out[c] = _mm512_shuffle_i32x4::<0x88>(even, even_high);
        out[4 + c] = _mm512_shuffle_i32x4::<0x88>(odd, odd_high);
        out[8 + c] = _mm512_shuffle_i32x4::<0xdd>(even, even_high);
        out[12 + c] = _mm512_shuffle_i32x4::<0xdd>(odd, odd_high);
    }
    for (&words, &place) in out.iter().zip(places) {
        // SAFETY: L words at this place may be written, says the caller; no more are.
        unsafe {
            let to = to.add(place);
            match L {
                4 => _mm_storeu_si128(to.cast(), _mm512_castsi512_si128(words)),
                8 => _mm256_storeu_si256(to.cast(), _mm512_castsi512_si256(words)),
                12 => _mm512_mask_storeu_epi32(to.cast(), 0xfff, words),
                _ => _mm512_storeu_si512(to.cast(), words),
            }
        }
    }
}
