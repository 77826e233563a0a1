//! Memory for packed factors, used again: fresh pages of the system cost more than packing into them.
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Buffers kept for later: the two factors of one product.
const KEPT: usize = 2;
/// Words of a buffer that is worth keeping, at most: 24 MiB.
const KEPT_WORDS_MAX: usize = 6 << 20;
/// Words of a cache line, on which every buffer begins.
const LINE: usize = 16;

static FREE: Mutex<Vec<Vec<u32>>> = Mutex::new(Vec::new());

/// Words that begin on a cache line; what they hold at first is any number.
pub(crate) struct Words {
    memory: Vec<u32>,
    start: usize,
    length: usize,
}

impl Words {
    pub(crate) fn new(length: usize) -> Self {
        let mut memory = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        if memory.capacity() < length + LINE {
            memory = Vec::with_capacity(length + LINE);
            in_large_pages(memory.as_mut_ptr().cast(), memory.capacity() * size_of::<u32>());
        }
        if memory.len() < length + LINE {
            memory.resize(length + LINE, 0);
        }
        let start = memory.as_ptr().align_offset(LINE * size_of::<u32>()).min(LINE);
        Self { memory, start, length }
    }
}

/// Asks for pages of 2 MiB where that is worth it: panels are far apart, and small pages cost a walk for each.
#[allow(unsafe_code)] // one system call
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
        if self.memory.capacity() <= KEPT_WORDS_MAX {
            let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
            if free.len() < KEPT {
                free.push(std::mem::take(&mut self.memory));
            }
        }
    }
}

impl Deref for Words {
    type Target = [u32];
    fn deref(&self) -> &[u32] {
        &self.memory[self.start..][..self.length]
    }
}

impl DerefMut for Words {
    fn deref_mut(&mut self) -> &mut [u32] {
        &mut self.memory[self.start..][..self.length]
    }
}
