//! Memory of products and factors, used again once their owner is done with it: in fresh memory the system gives each page at
//! its first write, which costs a short product a third of its time.
#![allow(unsafe_code)] // one memory serves both types of sums
use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::sync::{Mutex, PoisonError};

use crate::memory::in_large_pages;
use crate::product::Product;

/// Elements below which memory is neither kept nor looked for: the system's allocator has such pieces at hand.
const WORTH: usize = 1 << 12;
/// Elements kept at most, all together: 96 MiB. V8 lets about 64 MiB go at a time.
const KEPT_MAX: usize = 24 << 20;

/// Memory whose elements nobody reads, the longest unused first.
static FREE: Mutex<Kept> = Mutex::new(Kept { pieces: VecDeque::new(), elements: 0 });

struct Kept {
    pieces: VecDeque<Vec<u32>>,
    /// Sum of the capacities.
    elements: usize,
}

impl Kept {
    /// A piece of `length` elements at least, twice as many at most; the warmest one.
    fn take(&mut self, length: usize) -> Option<Vec<u32>> {
        let fits = |piece: &Vec<u32>| (length..=2 * length).contains(&piece.capacity());
        let piece = self.pieces.iter().rposition(fits).and_then(|index| self.pieces.remove(index))?;
        self.elements -= piece.capacity();
        Some(piece)
    }

    /// Keeps a piece; gives those that have no room beside it, to be freed without the lock.
    fn keep(&mut self, piece: Vec<u32>) -> Vec<Vec<u32>> {
        self.elements += piece.capacity();
        self.pieces.push_back(piece);
        let mut left = Vec::new();
        while self.elements > KEPT_MAX {
            let Some(piece) = self.pieces.pop_front() else { break };
            self.elements -= piece.capacity();
            left.push(piece);
        }
        left
    }
}

/// What a vector's memory may be used for as well as for another such type: any 32 bits are one.
pub(crate) trait Word: Copy {}
impl Word for u32 {}
impl Word for f32 {}
impl Word for i32 {}

/// Memory for so many words; those that it begins with, its elements, are of any earlier owner.
pub(crate) fn piece(length: usize) -> Vec<u32> {
    let kept = if length < WORTH { None } else { FREE.lock().unwrap_or_else(PoisonError::into_inner).take(length) };
    kept.unwrap_or_else(|| {
        let mut fresh = Vec::<u32>::with_capacity(length);
        in_large_pages(fresh.as_mut_ptr().cast(), length * size_of::<u32>());
        fresh
    })
}

/// Keeps memory that nobody reads any more.
pub(crate) fn give_back(piece: Vec<u32>) {
    if piece.capacity() >= WORTH {
        drop(FREE.lock().unwrap_or_else(PoisonError::into_inner).keep(piece));
    }
}

/// An empty vector with room for so many sums; what lies there is of any earlier owner, and is to be overwritten.
pub(crate) fn room<S: Word>(length: usize) -> Vec<S> {
    let mut room = alike(piece(length));
    room.clear();
    room
}

/// Keeps the memory of a product that nobody reads any more, for later ones.
pub fn keep(product: Product) {
    give_back(match product {
        Product::F32(sums) => alike(sums),
        Product::I32(sums) => alike(sums),
    });
}

/// The same memory and elements as other words.
fn alike<T: Word, U: Word>(memory: Vec<T>) -> Vec<U> {
    const { assert!(size_of::<T>() == size_of::<U>() && align_of::<T>() == align_of::<U>()) };
    let mut memory = ManuallyDrop::new(memory);
    // SAFETY: allocated by a vector for as many elements of the same size and alignment (asserted), which no longer owns
    // it; the elements are 32 bits each, and any bits are a word of the other type (`Word`).
    unsafe { Vec::from_raw_parts(memory.as_mut_ptr().cast(), memory.len(), memory.capacity()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_for_products_of_about_its_size_only() {
        let mut kept = Kept { pieces: VecDeque::new(), elements: 0 };
        let piece = Vec::with_capacity(10_000);
        let (place, room) = (piece.as_ptr(), piece.capacity());
        assert!(kept.keep(piece).is_empty());
        assert!(kept.take(room + 1).is_none(), "too small");
        assert!(kept.take(room / 2 - 1).is_none(), "wasteful");
        let again = kept.take(room / 2 + 1).unwrap();
        assert_eq!(again.as_ptr(), place);
        assert_eq!((kept.elements, kept.take(room)), (0, None));
    }

    #[test]
    fn no_more_is_kept_than_the_bound_and_the_longest_unused_goes_first() {
        let mut kept = Kept { pieces: VecDeque::new(), elements: 0 };
        let first = Vec::with_capacity(KEPT_MAX / 2);
        let place = first.as_ptr();
        assert!(kept.keep(first).is_empty());
        assert!(kept.keep(Vec::with_capacity(KEPT_MAX / 4)).is_empty());
        let left = kept.keep(Vec::with_capacity(KEPT_MAX / 2));
        assert_eq!(left.iter().map(Vec::as_ptr).collect::<Vec<_>>(), [place]);
        assert!(kept.elements <= KEPT_MAX);
        assert_eq!(kept.keep(Vec::with_capacity(KEPT_MAX + 1)).len(), 3, "larger than all that may be kept");
        assert_eq!(kept.elements, 0);
    }

    #[test]
    fn a_kept_product_leaves_its_memory_but_no_elements() {
        let mut sums = vec![7_i32; 3 * WORTH];
        sums.shrink_to_fit();
        keep(Product::I32(sums));
        let again = room::<f32>(3 * WORTH);
        assert!(again.is_empty() && again.capacity() >= 3 * WORTH);
    }
}
