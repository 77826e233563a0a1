//! Memory for factors, packed or copied: on cache lines, in large pages, used again.
#![allow(unsafe_code)] // one system call, and memory that several threads fill
use std::ops::Range;
use std::slice;

use crate::results::{give_back, piece};

/// Words of a cache line, on which every buffer begins.
const LINE: usize = 16;

/// Words that begin on a cache line; what they hold at first is any number. Threads fill parts of them before all are read.
pub(crate) struct Words {
    memory: Vec<u32>,
    start: *mut u32,
    length: usize,
}

// SAFETY: `start` points into the memory that goes along; what threads do with it is the promise of `part` and `read`.
unsafe impl Send for Words {}
// SAFETY: as above.
unsafe impl Sync for Words {}

impl Words {
    pub(crate) fn new(length: usize) -> Self {
        if length == 0 {
            let mut memory = Vec::new();
            return Self { start: memory.as_mut_ptr(), memory, length };
        }
        let mut memory = piece(length + LINE);
        if memory.len() < length + LINE {
            memory.resize(length + LINE, 0);
        }
        let start = memory.as_mut_ptr();
        let start = start.wrapping_add(start.align_offset(LINE * size_of::<u32>()).min(LINE));
        Self { memory, start, length }
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Some of the words, to be filled.
    ///
    /// # Safety
    /// Nobody else has these words at the same time.
    #[allow(clippy::mut_from_ref)] // that is what it is for
    pub(crate) unsafe fn part(&self, place: Range<usize>) -> &mut [u32] {
        assert!(place.start <= place.end && place.end <= self.length);
        // SAFETY: within the memory (asserted), whose words were all written once, and the caller's alone.
        unsafe { slice::from_raw_parts_mut(self.start.wrapping_add(place.start), place.len()) }
    }

    /// Some of the words, to be read.
    ///
    /// # Safety
    /// Nobody fills them at the same time.
    pub(crate) unsafe fn read(&self, place: Range<usize>) -> &[u32] {
        assert!(place.start <= place.end && place.end <= self.length);
        // SAFETY: within the memory (asserted), whose words were all written once, and nobody writes, says the caller.
        unsafe { slice::from_raw_parts(self.start.wrapping_add(place.start), place.len()) }
    }
}

/// Asks for pages of 2 MiB where that is worth it: panels are far apart, and small pages cost a walk for each.
#[cfg_attr(not(target_os = "linux"), allow(unused_variables))]
pub(crate) fn in_large_pages(start: *mut u8, length: usize) {
    /// Bytes below which nothing is asked.
    const WORTH: usize = 4 << 20;
    const PAGE: usize = 4_096;
    #[cfg(target_os = "linux")]
    if length >= WORTH {
        let skipped = start.align_offset(PAGE);
        // SAFETY: whole pages within the caller's memory; the advice changes nothing that can be read there, and its
        // failure leaves small pages.
        unsafe {
            libc::madvise(start.wrapping_add(skipped).cast(), (length - skipped) / PAGE * PAGE, libc::MADV_HUGEPAGE);
        }
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        give_back(std::mem::take(&mut self.memory));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_make_up_the_whole_and_cannot_leave_it() {
        let words = Words::new(1_000);
        assert_eq!(words.start.align_offset(LINE * size_of::<u32>()), 0);
        // SAFETY: the parts do not overlap, and are filled before all is read.
        let all = unsafe {
            words.part(0..400).fill(1);
            words.part(400..1_000).fill(2);
            words.read(0..1_000)
        };
        assert!(all.iter().enumerate().all(|(at, &word)| word == if at < 400 { 1 } else { 2 }));
        assert_eq!(words.len(), 1_000);
        // SAFETY: refused.
        let beyond = std::panic::catch_unwind(|| unsafe { words.part(999..1_001).len() });
        assert!(beyond.is_err());
    }
}
