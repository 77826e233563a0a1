//! Factors in memory of this crate: copied once, then read by any number of products on any thread, and never changed.
#![allow(unsafe_code)] // words are read as the numbers that were copied into them
use std::marker::PhantomData;
use std::slice;

use crate::error::Error;
use crate::memory::Words;
use crate::product::Factors;
use crate::shape::ELEMENTS_MAX;
use crate::share::share;

/// Bytes that a thread copies at a time.
const CHUNK: usize = 1 << 18;

/// What factors are made of.
pub trait Element: Copy + Send + Sync {}
impl Element for f32 {}
impl Element for u16 {}
impl Element for i8 {}

/// A copy of some numbers, which begins on a cache line.
pub struct Numbers<T> {
    words: Words,
    length: usize,
    elements: PhantomData<T>,
}

impl<T: Element> Numbers<T> {
    /// Copies on up to `threads` threads. More than a product may have are refused before memory is asked for.
    pub fn new(values: &[T], threads: usize) -> Result<Self, Error> {
        if values.len() > ELEMENTS_MAX {
            return Err(Error::Shape(format!("a factor has {ELEMENTS_MAX} elements at most")));
        }
        let words = Words::new(size_of_val(values).div_ceil(size_of::<u32>()));
        let chunk = CHUNK / size_of::<T>();
        share(values.len().div_ceil(chunk), threads, &|index| {
            let from = &values[index * chunk..values.len().min((index + 1) * chunk)];
            let at = index * CHUNK / size_of::<u32>();
            // SAFETY: chunks do not overlap.
            let place = unsafe { words.part(at..at + size_of_val(from).div_ceil(size_of::<u32>())) };
            // SAFETY: the place has room for these bytes (its length), is another's memory than `values`, and any bytes
            // are words.
            unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), place.as_mut_ptr().cast::<T>(), from.len()) };
        });
        Ok(Self { words, length: values.len(), elements: PhantomData })
    }

    pub fn as_slice(&self) -> &[T] {
        // SAFETY: nobody fills them any more.
        let words = unsafe { self.words.read(0..self.words.len()) };
        // SAFETY: so many elements of this type, whose alignment is a word's at most, were copied here.
        unsafe { slice::from_raw_parts(words.as_ptr().cast::<T>(), self.length) }
    }
}

/// A factor of one dtype: f16 and bf16 by their bits.
pub enum Held {
    F32(Numbers<f32>),
    F16(Numbers<u16>),
    Bf16(Numbers<u16>),
    Int8(Numbers<i8>),
}

impl Held {
    /// Bytes of its numbers.
    pub fn bytes(&self) -> usize {
        match self {
            Self::F32(numbers) => size_of_val(numbers.as_slice()),
            Self::F16(numbers) | Self::Bf16(numbers) => size_of_val(numbers.as_slice()),
            Self::Int8(numbers) => size_of_val(numbers.as_slice()),
        }
    }

    fn dtype(&self) -> &'static str {
        match self {
            Self::F32(_) => "f32",
            Self::F16(_) => "f16",
            Self::Bf16(_) => "bf16",
            Self::Int8(_) => "int8",
        }
    }

    /// Copies of both factors.
    pub fn both(factors: &Factors, threads: usize) -> Result<(Self, Self), Error> {
        Ok(match *factors {
            Factors::F32(a, b) => (Self::F32(Numbers::new(a, threads)?), Self::F32(Numbers::new(b, threads)?)),
            Factors::F16(a, b) => (Self::F16(Numbers::new(a, threads)?), Self::F16(Numbers::new(b, threads)?)),
            Factors::Bf16(a, b) => (Self::Bf16(Numbers::new(a, threads)?), Self::Bf16(Numbers::new(b, threads)?)),
            Factors::Int8(a, b) => (Self::Int8(Numbers::new(a, threads)?), Self::Int8(Numbers::new(b, threads)?)),
        })
    }

    /// The factors of a product; those of two dtypes are refused.
    pub fn factors<'a>(a: &'a Self, b: &'a Self) -> Result<Factors<'a>, Error> {
        match (a, b) {
            (Self::F32(a), Self::F32(b)) => Ok(Factors::F32(a.as_slice(), b.as_slice())),
            (Self::F16(a), Self::F16(b)) => Ok(Factors::F16(a.as_slice(), b.as_slice())),
            (Self::Bf16(a), Self::Bf16(b)) => Ok(Factors::Bf16(a.as_slice(), b.as_slice())),
            (Self::Int8(a), Self::Int8(b)) => Ok(Factors::Int8(a.as_slice(), b.as_slice())),
            _ => Err(Error::Shape(format!("a factor of {} cannot be multiplied by one of {}", a.dtype(), b.dtype()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied<T: Element + PartialEq + std::fmt::Debug>(make: impl Fn(usize) -> T) {
        for length in [0, 1, 3, 4_099, CHUNK - 1, CHUNK + 5] {
            let values: Vec<T> = (0..length).map(&make).collect();
            for threads in [1, 3] {
                assert_eq!(Numbers::new(&values, threads).unwrap().as_slice(), values, "{length} on {threads}");
            }
        }
    }

    #[test]
    fn numbers_of_every_type_and_length_are_copied() {
        copied(|at| at as f32 - 0.5);
        copied(|at| (at * 40_503 % 65_536) as u16);
        copied(|at| (at % 251) as u8 as i8);
    }

    #[test]
    fn factors_are_of_one_dtype() {
        let (one, other) = (Numbers::new(&[1_u16], 1).unwrap(), Numbers::new(&[2_u16], 1).unwrap());
        let (half, brain) = (Held::F16(one), Held::Bf16(other));
        assert_eq!(Held::factors(&half, &brain).err().unwrap().code(), "TENSOR_SHAPE");
        assert!(matches!(Held::factors(&brain, &brain), Ok(Factors::Bf16(&[2], &[2]))));
    }

    #[test]
    fn more_than_any_product_has_is_refused() {
        let many = vec![0_i8; ELEMENTS_MAX + 1];
        assert_eq!(Numbers::new(&many, 1).err().unwrap().code(), "TENSOR_SHAPE");
    }
}
