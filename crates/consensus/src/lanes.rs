//! Sixteen neighbouring columns side by side, one 32-bit code each (see `reciprocal.rs`). The sweeps of `dense.rs` are
//! written once over this trait; `avx512.rs` has the other implementation.
use crate::reciprocal::{Ratio, Share};

/// Columns side by side.
pub const LANES: usize = 16;
/// Codes of as many columns.
pub type Codes = [u32; LANES];
/// Weights or bonds of as many columns.
pub type Entries = [u16; LANES];

/// One vector of codes. Every operation is lane by lane, and the same to the last bit in every implementation.
pub trait Lanes: Copy {
    /// Factors prepared for `times`.
    type Factor: Copy;
    /// Divisors prepared for `share`.
    type Shares: Copy;
    /// Divisors prepared for `ratio`.
    type Ratios: Copy;
    /// 64-bit sums.
    type Sums: Copy;

    fn splat(code: u32) -> Self;
    fn load(from: &Codes) -> Self;
    fn store(self, to: &mut Codes);
    /// Entries as 32-bit numbers.
    fn widen(from: &Entries) -> Self;
    /// The low halves.
    fn narrow(self, to: &mut Entries);

    fn plus(self, other: Self) -> Self;
    fn min(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    /// self + (number ≥ least ? more : 0)
    fn plus_from(self, number: Self, least: Self, more: Self) -> Self;
    /// self + (number > limit ? more : 0)
    fn plus_above(self, number: Self, limit: Self, more: Self) -> Self;
    /// Bit l is set where lane l is above 0.
    fn positive(self) -> u16;
    /// Σ of the lanes.
    fn sum(self) -> u64;

    fn sums() -> Self::Sums;
    fn add_to(self, sums: Self::Sums) -> Self::Sums;
    fn totals(sums: Self::Sums) -> [u64; LANES];

    fn factor(self) -> Self::Factor;
    /// One factor for all lanes.
    fn same_factor(factor: u32) -> Self::Factor;
    /// (self · factor) >> 32
    fn times(self, factor: Self::Factor) -> Self;

    fn same_shares(share: &Share) -> Self::Shares;
    fn shares(shares: &[Share; LANES]) -> Self::Shares;
    /// `Share::code`
    fn share(self, of: Self::Shares) -> Self;

    fn ratios(ratios: &[Ratio; LANES]) -> Self::Ratios;
    /// `Ratio::code`
    fn ratio(self, by: Self::Ratios) -> Self;
}

/// Lanes in an array: the definition of the operations, which the compiler makes vectors of where it can.
#[derive(Clone, Copy, Debug)]
pub struct Plain(Codes);

#[allow(clippy::inline_always)] // inlined code takes on the instruction set of the function it is in
#[inline(always)]
fn each(lane: impl Fn(usize) -> u32) -> Plain {
    let mut codes = [0; LANES];
    for (at, code) in codes.iter_mut().enumerate() {
        *code = lane(at);
    }
    Plain(codes)
}

#[allow(clippy::inline_always)] // as above
impl Lanes for Plain {
    type Factor = Codes;
    type Shares = [Share; LANES];
    type Ratios = [Ratio; LANES];
    type Sums = [u64; LANES];

    #[inline(always)]
    fn splat(code: u32) -> Self {
        Self([code; LANES])
    }
    #[inline(always)]
    fn load(from: &Codes) -> Self {
        Self(*from)
    }
    #[inline(always)]
    fn store(self, to: &mut Codes) {
        *to = self.0;
    }
    #[inline(always)]
    fn widen(from: &Entries) -> Self {
        each(|at| u32::from(from[at]))
    }
    #[inline(always)]
    fn narrow(self, to: &mut Entries) {
        for (entry, code) in to.iter_mut().zip(self.0) {
            *entry = code as u16;
        }
    }
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        each(|at| self.0[at].wrapping_add(other.0[at]))
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        each(|at| self.0[at].min(other.0[at]))
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        each(|at| self.0[at].max(other.0[at]))
    }
    #[inline(always)]
    fn plus_from(self, number: Self, least: Self, more: Self) -> Self {
        each(|at| self.0[at].wrapping_add(if number.0[at] >= least.0[at] { more.0[at] } else { 0 }))
    }
    #[inline(always)]
    fn plus_above(self, number: Self, limit: Self, more: Self) -> Self {
        each(|at| self.0[at].wrapping_add(if number.0[at] > limit.0[at] { more.0[at] } else { 0 }))
    }
    #[inline(always)]
    fn positive(self) -> u16 {
        let mut bits = 0;
        for (at, code) in self.0.iter().enumerate() {
            bits |= u16::from(*code > 0) << at;
        }
        bits
    }
    #[inline(always)]
    fn sum(self) -> u64 {
        self.0.iter().map(|&code| u64::from(code)).sum()
    }
    #[inline(always)]
    fn sums() -> Self::Sums {
        [0; LANES]
    }
    #[inline(always)]
    fn add_to(self, mut sums: Self::Sums) -> Self::Sums {
        for (sum, code) in sums.iter_mut().zip(self.0) {
            *sum += u64::from(code);
        }
        sums
    }
    #[inline(always)]
    fn totals(sums: Self::Sums) -> [u64; LANES] {
        sums
    }
    #[inline(always)]
    fn factor(self) -> Codes {
        self.0
    }
    #[inline(always)]
    fn same_factor(factor: u32) -> Codes {
        [factor; LANES]
    }
    #[inline(always)]
    fn times(self, factor: Codes) -> Self {
        each(|at| ((u64::from(self.0[at]) * u64::from(factor[at])) >> 32) as u32)
    }
    #[inline(always)]
    fn same_shares(share: &Share) -> Self::Shares {
        [*share; LANES]
    }
    #[inline(always)]
    fn shares(shares: &[Share; LANES]) -> Self::Shares {
        *shares
    }
    #[inline(always)]
    fn share(self, of: Self::Shares) -> Self {
        each(|at| of[at].code(self.0[at]))
    }
    #[inline(always)]
    fn ratios(ratios: &[Ratio; LANES]) -> Self::Ratios {
        *ratios
    }
    #[inline(always)]
    fn ratio(self, by: Self::Ratios) -> Self {
        each(|at| by[at].code(self.0[at]))
    }
}
