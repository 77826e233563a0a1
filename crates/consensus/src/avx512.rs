//! The sixteen lanes of `lanes.rs` in one AVX-512 register. Products of 32 by 32 bits come in two halves, of the even and
//! of the odd lanes.
//!
//! SAFETY, of every block here: the intrinsics need AVX-512 F, BW, DQ and VL (`available` asks for what `Level` enables).
//! `Vector` is private to this crate, and only `Level::run` names it, in code that runs after the processor was asked for
//! them. Loads and stores are unaligned and stay inside the arrays that they are given.
#![allow(unsafe_code)]
#![allow(clippy::undocumented_unsafe_blocks)] // what is said above holds for each of them
#![allow(clippy::inline_always)] // inlined code takes on the instruction set of the function it is in
use std::arch::x86_64::{
    __m512i, _mm256_loadu_si256, _mm256_storeu_si256, _mm512_add_epi32, _mm512_add_epi64, _mm512_and_si512,
    _mm512_cmpge_epu32_mask, _mm512_cmpgt_epu32_mask, _mm512_cmplt_epu32_mask, _mm512_cvtepi32_epi16,
    _mm512_cvtepu16_epi32, _mm512_loadu_si512, _mm512_mask_add_epi32, _mm512_mask_blend_epi32, _mm512_mask_mov_epi32,
    _mm512_max_epu32, _mm512_min_epu32, _mm512_mul_epu32, _mm512_reduce_add_epi64, _mm512_set1_epi32,
    _mm512_set1_epi64, _mm512_setzero_si512, _mm512_slli_epi64, _mm512_sllv_epi32, _mm512_srli_epi64,
    _mm512_srlv_epi64, _mm512_storeu_si512, _mm512_sub_epi64, _mm512_test_epi32_mask,
};

use crate::lanes::{Codes, Entries, LANES, Lanes};
use crate::reciprocal::{Ratio, Share, WHOLE};

/// Whether this processor has what `Vector` needs.
pub fn available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("popcnt")
}

#[derive(Clone, Copy)]
pub struct Vector(__m512i);

/// Factors or sums of the even lanes and of the odd ones.
#[derive(Clone, Copy)]
pub struct Halves {
    even: __m512i,
    odd: __m512i,
}

#[derive(Clone, Copy)]
pub struct Shares {
    high: Halves,
    low: Halves,
    shift: Halves,
}

#[derive(Clone, Copy)]
pub struct Ratios {
    shift: __m512i,
    inverse: Halves,
    by: Halves,
}

/// Odd lanes: the upper half of each 64 bits.
const ODD: u16 = 0xaaaa;

#[inline(always)]
fn odd(lanes: __m512i) -> __m512i {
    unsafe { _mm512_srli_epi64::<32>(lanes) }
}

#[inline(always)]
fn halves(codes: &Codes) -> Halves {
    let all = Vector::load(codes).0;
    unsafe { Halves { even: _mm512_and_si512(all, _mm512_set1_epi64(0xffff_ffff)), odd: odd(all) } }
}

#[inline(always)]
fn same(code: u32) -> Halves {
    let all = unsafe { _mm512_set1_epi64(i64::from(code)) };
    Halves { even: all, odd: all }
}

/// The upper 32 bits of 64-bit numbers, back in their lanes.
#[inline(always)]
fn upper(even: __m512i, odd: __m512i) -> __m512i {
    unsafe { _mm512_mask_blend_epi32(ODD, _mm512_srli_epi64::<32>(even), odd) }
}

/// `Share::code` of the lower halves of 64 bits.
#[inline(always)]
fn quotients(entries: __m512i, high: __m512i, low: __m512i, shift: __m512i) -> __m512i {
    unsafe {
        let low = _mm512_srli_epi64::<32>(_mm512_mul_epu32(entries, low));
        _mm512_srlv_epi64(_mm512_add_epi64(_mm512_mul_epu32(entries, high), low), shift)
    }
}

impl Lanes for Vector {
    type Factor = Halves;
    type Shares = Shares;
    type Ratios = Ratios;
    type Sums = Halves;

    #[inline(always)]
    fn splat(code: u32) -> Self {
        unsafe { Self(_mm512_set1_epi32(code as i32)) }
    }
    #[inline(always)]
    fn load(from: &Codes) -> Self {
        unsafe { Self(_mm512_loadu_si512(from.as_ptr().cast())) }
    }
    #[inline(always)]
    fn store(self, to: &mut Codes) {
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), self.0) }
    }
    #[inline(always)]
    fn widen(from: &Entries) -> Self {
        unsafe { Self(_mm512_cvtepu16_epi32(_mm256_loadu_si256(from.as_ptr().cast()))) }
    }
    #[inline(always)]
    fn narrow(self, to: &mut Entries) {
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), _mm512_cvtepi32_epi16(self.0)) }
    }
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        unsafe { Self(_mm512_add_epi32(self.0, other.0)) }
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        unsafe { Self(_mm512_min_epu32(self.0, other.0)) }
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        unsafe { Self(_mm512_max_epu32(self.0, other.0)) }
    }
    #[inline(always)]
    fn plus_from(self, number: Self, least: Self, more: Self) -> Self {
        unsafe {
            let reached = _mm512_cmpge_epu32_mask(number.0, least.0);
            Self(_mm512_mask_add_epi32(self.0, reached, self.0, more.0))
        }
    }
    #[inline(always)]
    fn plus_above(self, number: Self, limit: Self, more: Self) -> Self {
        unsafe {
            let above = _mm512_cmpgt_epu32_mask(number.0, limit.0);
            Self(_mm512_mask_add_epi32(self.0, above, self.0, more.0))
        }
    }
    #[inline(always)]
    fn positive(self) -> u16 {
        unsafe { _mm512_test_epi32_mask(self.0, self.0) }
    }
    #[inline(always)]
    fn sum(self) -> u64 {
        let both = self.add_to(Self::sums());
        unsafe { _mm512_reduce_add_epi64(_mm512_add_epi64(both.even, both.odd)) as u64 }
    }
    #[inline(always)]
    fn sums() -> Halves {
        let zero = unsafe { _mm512_setzero_si512() };
        Halves { even: zero, odd: zero }
    }
    #[inline(always)]
    fn add_to(self, sums: Halves) -> Halves {
        unsafe {
            let even = _mm512_and_si512(self.0, _mm512_set1_epi64(0xffff_ffff));
            Halves { even: _mm512_add_epi64(sums.even, even), odd: _mm512_add_epi64(sums.odd, odd(self.0)) }
        }
    }
    #[inline(always)]
    fn totals(sums: Halves) -> [u64; LANES] {
        let (mut even, mut odd) = ([0_u64; LANES / 2], [0_u64; LANES / 2]);
        unsafe {
            _mm512_storeu_si512(even.as_mut_ptr().cast(), sums.even);
            _mm512_storeu_si512(odd.as_mut_ptr().cast(), sums.odd);
        }
        std::array::from_fn(|lane| if lane % 2 == 0 { even[lane / 2] } else { odd[lane / 2] })
    }
    #[inline(always)]
    fn factor(self) -> Halves {
        Halves { even: self.0, odd: odd(self.0) }
    }
    #[inline(always)]
    fn same_factor(factor: u32) -> Halves {
        same(factor)
    }
    #[inline(always)]
    fn times(self, factor: Halves) -> Self {
        unsafe { Self(upper(_mm512_mul_epu32(self.0, factor.even), _mm512_mul_epu32(odd(self.0), factor.odd))) }
    }
    #[inline(always)]
    fn same_shares(share: &Share) -> Shares {
        Shares { high: same(share.high), low: same(share.low), shift: same(share.shift) }
    }
    #[inline(always)]
    fn shares(shares: &[Share; LANES]) -> Shares {
        Shares {
            high: halves(&shares.map(|share| share.high)),
            low: halves(&shares.map(|share| share.low)),
            shift: halves(&shares.map(|share| share.shift)),
        }
    }
    #[inline(always)]
    fn share(self, of: Shares) -> Self {
        let evens = quotients(self.0, of.high.even, of.low.even, of.shift.even);
        let odds = quotients(odd(self.0), of.high.odd, of.low.odd, of.shift.odd);
        unsafe { Self(_mm512_mask_blend_epi32(ODD, evens, _mm512_slli_epi64::<32>(odds))) }
    }
    #[inline(always)]
    fn ratios(ratios: &[Ratio; LANES]) -> Ratios {
        Ratios {
            shift: Self::load(&ratios.map(|ratio| ratio.shift)).0,
            inverse: halves(&ratios.map(|ratio| ratio.inverse)),
            by: halves(&ratios.map(|ratio| ratio.by)),
        }
    }
    #[inline(always)]
    fn ratio(self, by: Ratios) -> Self {
        let number = unsafe { Self(_mm512_sllv_epi32(self.0, by.shift)) };
        let near = number.plus(number.times(by.inverse)).min(Self::splat(WHOLE - 1));
        let next = near.plus(Self::splat(1));
        unsafe {
            let one = _mm512_set1_epi64(1);
            let even = _mm512_sub_epi64(_mm512_mul_epu32(next.0, by.by.even), one);
            let odd = _mm512_sub_epi64(_mm512_mul_epu32(odd(next.0), by.by.odd), one);
            let short = _mm512_cmplt_epu32_mask(upper(even, odd), number.0);
            Self(_mm512_mask_mov_epi32(near.0, short, next.0))
        }
    }
}
