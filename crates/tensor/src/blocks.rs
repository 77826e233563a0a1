//! The loops around a tile, cut so that a left panel stays in the first cache and a band of right panels in the second.
//! k is cut at the same places for every part of a product, so an element has the same bits in whatever part it lies.
#![allow(unsafe_code)] // tiles write through a pointer, since parts of one product are written by several threads
use std::ops::Range;

use crate::pack::Layout;
use crate::tile::{Kernel, Tile};

/// Words of the right panels that are gone through again and again: 256 KiB.
const BAND: usize = 1 << 16;

/// A factor, packed or as the caller has it.
#[derive(Clone, Copy)]
pub(crate) struct Panels<'a, E = u32> {
    /// Packed words, or elements as they lie.
    pub words: &'a [E],
    pub layout: Layout,
    /// The panel that the words begin with.
    pub first: usize,
    /// Where the factor is not packed: from the words of one k to those of the next.
    pub stride: Option<usize>,
}

impl<'a, E> Panels<'a, E> {
    /// The words of a panel, how many there are for each word of k, and how far apart they are.
    fn panel(&self, panel: usize) -> (&'a [E], usize, usize) {
        let width = self.layout.width(panel);
        match self.stride {
            None => (&self.words[self.layout.start(panel) - self.layout.start(self.first)..], width, width),
            Some(stride) => (&self.words[panel * self.layout.full..], width, stride),
        }
    }
}

/// Where a product goes: row-major, `stride` from one row to the next.
#[derive(Clone, Copy)]
pub(crate) struct Target<S> {
    pub c: *mut S,
    pub stride: usize,
}

impl<S> Target<S> {
    /// The place `elements` further on.
    pub(crate) fn at(self, elements: usize) -> *mut S {
        self.c.wrapping_add(elements)
    }
}

// SAFETY: a target is only a place; who writes where is the promise of `multiply`'s callers.
unsafe impl<S: Send> Send for Target<S> {}
// SAFETY: as above.
unsafe impl<S: Send> Sync for Target<S> {}

/// Multiplies some panels of both factors by `tile`, one of the kernel's. `starts` has the bits of what each row's sums begin with, or is empty; `add` adds
/// to what is there. `go_on` is told the multiply-adds done since it was asked last, and answers whether to continue.
///
/// # Safety
/// This CPU has the kernel's unit; the rows and columns of `target` that these panels stand for may be written, by nobody
/// else.
pub(crate) unsafe fn multiply<K: Kernel, E>(
    tile: unsafe fn(&Tile<K::Sum, E>),
    (left, right): (Panels, Panels<E>),
    (rows, columns): (Range<usize>, Range<usize>),
    starts: &[u32],
    add: bool,
    target: Target<K::Sum>,
    go_on: impl Fn(usize) -> bool,
) {
    let words = left.layout.words;
    let band = (BAND / (words.max(1) * right.layout.full)).max(1);
    for first in columns.clone().step_by(band) {
        let panels = first..columns.end.min(first + band);
        for row in rows.clone() {
            let (left_words, height, _) = left.panel(row);
            let top = row * left.layout.full;
            let count = height.min(left.layout.lines - top);
            let mut start = [0; 16];
            let begins = if starts.is_empty() {
                &[]
            } else {
                start[..count].copy_from_slice(&starts[top - rows.start * left.layout.full..][..count]);
                &start[..]
            };
            let mut width_done = 0;
            for column in panels.clone() {
                let (right_words, width, right_stride) = right.panel(column);
                let side = column * right.layout.full;
                let work = Tile {
                    left: left_words,
                    right: right_words,
                    right_stride,
                    words,
                    height,
                    vectors: width / K::LANES,
                    start: begins,
                    // SAFETY: within the part of the target that the caller gave.
                    c: unsafe { target.c.add(top * target.stride + side) },
                    stride: target.stride,
                    rows: count,
                    columns: width.min(right.layout.lines - side),
                    add,
                };
                // SAFETY: the unit is there and the part may be written, says the caller.
                unsafe { tile(&work) };
                width_done += work.columns;
            }
            if !go_on(count * width_done * words) {
                return;
            }
        }
    }
}
