//! How elements of each dtype lie in the 32-bit words that the tiles read: one number, two neighbours in k, or four.
use crate::product::Product;
use crate::results::Word;

/// What sums are made of.
pub(crate) trait Number: Word + Default + Send + Sync + 'static {
    /// self + x·y, rounded twice where it is rounded at all.
    #[must_use]
    fn plus_product(self, x: Self, y: Self) -> Self;
    #[must_use]
    fn plus(self, x: Self) -> Self;
    /// Times -128: what raising the other factor by 128 added, to be taken off.
    #[must_use]
    fn lowered(self) -> Self;
    fn bits(self) -> u32;
    fn product(elements: Vec<Self>) -> Product;
}

impl Number for f32 {
    #[inline(always)]
    fn plus_product(self, x: Self, y: Self) -> Self {
        self + x * y
    }
    #[inline(always)]
    fn plus(self, x: Self) -> Self {
        self + x
    }
    #[inline(always)]
    fn lowered(self) -> Self {
        self * -128.0
    }
    #[inline(always)]
    fn bits(self) -> u32 {
        self.to_bits()
    }
    fn product(elements: Vec<Self>) -> Product {
        Product::F32(elements)
    }
}

impl Number for i32 {
    #[inline(always)]
    fn plus_product(self, x: Self, y: Self) -> Self {
        self.wrapping_add(x.wrapping_mul(y))
    }
    #[inline(always)]
    fn plus(self, x: Self) -> Self {
        self.wrapping_add(x)
    }
    #[inline(always)]
    fn lowered(self) -> Self {
        self.wrapping_mul(-128)
    }
    #[inline(always)]
    fn bits(self) -> u32 {
        self as u32
    }
    fn product(elements: Vec<Self>) -> Product {
        Product::I32(elements)
    }
}

/// The words `word(0)..word(W)`, made such that the compiler makes vectors of them.
#[inline(always)]
pub(crate) fn side_by_side<const W: usize>(word: impl Fn(usize) -> u32) -> [u32; W] {
    let mut words = [0; W];
    // Twelve are a vector of eight and one of four.
    let (eights, rest) = words.split_at_mut(W / 8 * 8);
    for (at, out) in eights.iter_mut().enumerate() {
        *out = word(at);
    }
    for (at, out) in (W / 8 * 8..).zip(rest) {
        *out = word(at);
    }
    words
}

/// One way to put consecutive elements (in the direction of k) into a word.
pub(crate) trait Format {
    type Stored: Copy + Default + Send + Sync + 'static;
    /// What an element is summed as.
    type Number: Number;
    /// Elements of one word.
    const GROUP: usize;
    fn number(stored: Self::Stored) -> Self::Number;
    /// The word of the elements `at(0)..at(GROUP)`.
    fn word(at: impl Fn(usize) -> Self::Stored) -> u32;
    /// The words of elements that are one each.
    #[inline(always)]
    fn singly<const W: usize>(elements: [Self::Stored; W]) -> [u32; W] {
        side_by_side(|at| Self::word(|_| elements[at]))
    }
    /// Elements as words, where they are that already.
    fn words(_stored: &[Self::Stored]) -> Option<&[u32]> {
        None
    }
}

/// f32 as it is.
pub(crate) struct Single;
/// f16 widened to f32.
pub(crate) struct HalfWide;
/// bf16 widened to f32.
pub(crate) struct BrainWide;
/// Two bf16.
#[cfg_attr(not(any(test, target_arch = "x86_64")), expect(dead_code, reason = "only AVX-512 multiplies such words"))]
pub(crate) struct BrainPair;
/// Two i8 widened to i16.
pub(crate) struct ShortPair;
/// Four i8.
#[cfg_attr(not(any(test, target_arch = "x86_64")), expect(dead_code, reason = "only AVX-512 multiplies such words"))]
pub(crate) struct ByteQuad;
/// Four i8, each raised by 128 so that it is unsigned.
#[cfg_attr(not(any(test, target_arch = "x86_64")), expect(dead_code, reason = "only AVX-512 multiplies such words"))]
pub(crate) struct RaisedQuad;

impl Format for Single {
    type Stored = f32;
    type Number = f32;
    const GROUP: usize = 1;
    #[inline(always)]
    fn number(stored: f32) -> f32 {
        stored
    }
    #[inline(always)]
    fn word(at: impl Fn(usize) -> f32) -> u32 {
        at(0).to_bits()
    }
    #[allow(unsafe_code)] // numbers are read as their bits
    fn words(stored: &[f32]) -> Option<&[u32]> {
        // SAFETY: both have one size and alignment, and any f32 is a word.
        Some(unsafe { std::slice::from_raw_parts(stored.as_ptr().cast(), stored.len()) })
    }
}

impl Format for HalfWide {
    type Stored = u16;
    type Number = f32;
    const GROUP: usize = 1;
    #[inline(always)]
    fn number(stored: u16) -> f32 {
        half(stored)
    }
    #[inline(always)]
    fn word(at: impl Fn(usize) -> u16) -> u32 {
        half(at(0)).to_bits()
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    #[allow(unsafe_code)] // one call into the instruction that does sixteen at once
    fn singly<const W: usize>(elements: [u16; W]) -> [u32; W] {
        let widen = |elements: &[u16; 16]| {
            if std::is_x86_feature_detected!("avx512f") {
                // SAFETY: the unit is there.
                unsafe { crate::avx512::widen(elements) }
            } else {
                elements.map(|element| half(element).to_bits())
            }
        };
        let mut words = [0; W];
        let (sixteens, rest) = elements.as_chunks();
        for (words, elements) in words.chunks_mut(16).zip(sixteens) {
            words.copy_from_slice(&widen(elements));
        }
        if !rest.is_empty() {
            let mut sixteen = [0; 16];
            sixteen[..rest.len()].copy_from_slice(rest);
            words[W - rest.len()..].copy_from_slice(&widen(&sixteen)[..rest.len()]);
        }
        words
    }
}

impl Format for BrainWide {
    type Stored = u16;
    type Number = f32;
    const GROUP: usize = 1;
    #[inline(always)]
    fn number(stored: u16) -> f32 {
        brain(stored)
    }
    #[inline(always)]
    fn word(at: impl Fn(usize) -> u16) -> u32 {
        u32::from(at(0)) << 16
    }
}

impl Format for BrainPair {
    type Stored = u16;
    type Number = f32;
    const GROUP: usize = 2;
    #[inline(always)]
    fn number(stored: u16) -> f32 {
        brain(stored)
    }
    #[inline(always)]
    fn word(at: impl Fn(usize) -> u16) -> u32 {
        u32::from(at(0)) | u32::from(at(1)) << 16
    }
}

impl Format for ShortPair {
    type Stored = i8;
    type Number = i32;
    const GROUP: usize = 2;
    #[inline(always)]
    fn number(stored: i8) -> i32 {
        i32::from(stored)
    }
    #[inline(always)]
    fn word(at: impl Fn(usize) -> i8) -> u32 {
        u32::from(i16::from(at(0)) as u16) | u32::from(i16::from(at(1)) as u16) << 16
    }
}

impl Format for ByteQuad {
    type Stored = i8;
    type Number = i32;
    const GROUP: usize = 4;
    #[inline(always)]
    fn number(stored: i8) -> i32 {
        i32::from(stored)
    }
    #[inline(always)]
    fn word(at: impl Fn(usize) -> i8) -> u32 {
        u32::from(at(0) as u8)
            | u32::from(at(1) as u8) << 8
            | u32::from(at(2) as u8) << 16
            | u32::from(at(3) as u8) << 24
    }
}

impl Format for RaisedQuad {
    type Stored = i8;
    type Number = i32;
    const GROUP: usize = 4;
    #[inline(always)]
    fn number(stored: i8) -> i32 {
        i32::from(stored)
    }
    #[inline(always)]
    fn word(at: impl Fn(usize) -> i8) -> u32 {
        ByteQuad::word(at) ^ 0x8080_8080
    }
}

/// The number that the bits of an f16 stand for, exactly.
#[inline(always)]
pub(crate) fn half(bits: u16) -> f32 {
    /// 2⁻¹⁴, the smallest normal f16, is where the bits of a subnormal are put to be taken off again.
    const SMALLEST: u32 = 113 << 23;
    let magnitude = u32::from(bits & 0x7fff) << 13;
    let normal = magnitude + (112 << 23);
    let subnormal = (f32::from_bits(magnitude + SMALLEST) - f32::from_bits(SMALLEST)).to_bits();
    let endless = magnitude | 0x7f80_0000;
    let value = if magnitude < 0x400 << 13 {
        subnormal
    } else if magnitude >= 0x7c00 << 13 {
        endless
    } else {
        normal
    };
    f32::from_bits(value | u32::from(bits & 0x8000) << 16)
}

/// The number that the bits of a bf16 stand for, exactly.
#[inline(always)]
pub(crate) fn brain(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_f16_is_widened_to_the_number_it_stands_for() {
        for bits in 0..=u16::MAX {
            let (sign, exponent, fraction) = (bits >> 15, i32::from(bits >> 10 & 31), f64::from(bits & 1023) / 1024.0);
            let size = match exponent {
                0 => fraction * 2.0_f64.powi(-14),
                31 if fraction == 0.0 => f64::INFINITY,
                31 => f64::NAN,
                _ => (1.0 + fraction) * 2.0_f64.powi(exponent - 15),
            };
            let expected = if sign == 1 { -size } else { size };
            let found = f64::from(half(bits));
            assert!(found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()), "{bits:#x}");
        }
    }

    /// W at a time, as panels of every height and width take them.
    fn widened_singly<const W: usize>() {
        for first in (0..=u16::MAX - W as u16).step_by(W) {
            let halves: [u16; W] = std::array::from_fn(|at| first + at as u16);
            for (bits, word) in halves.into_iter().zip(HalfWide::singly(halves)) {
                let (expected, found) = (half(bits), f32::from_bits(word));
                assert!(found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()), "{bits:#x}");
            }
        }
    }

    #[test]
    fn f16_widened_many_at_once_are_those_widened_singly() {
        widened_singly::<6>();
        widened_singly::<12>();
        widened_singly::<16>();
        widened_singly::<32>();
    }

    #[test]
    fn words_hold_their_elements_in_the_order_of_k() {
        let bytes = [-128_i8, 127, -1, 3];
        assert_eq!(ByteQuad::word(|i| bytes[i]), 0x03ff_7f80);
        assert_eq!(RaisedQuad::word(|i| bytes[i]), 0x837f_ff00);
        assert_eq!(ShortPair::word(|i| bytes[i]), 0x007f_ff80);
        assert_eq!(BrainPair::word(|i| [0x3f80, 0xbf80][i]), 0xbf80_3f80);
    }
}
