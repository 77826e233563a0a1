//! The loops around a tile, cut so that a left panel stays in the first cache and a band of right panels in the second.
//! k is cut at the same places for every part of a product, so an element has the same bits in whatever part it lies.
#![allow(unsafe_code)] // tiles write through a pointer, since parts of one product are written by several threads
use std::ops::Range;

use crate::matmul::Into;
use crate::pack::Layout;
use crate::tile::{Kernel, Order, Tile};

/// Words of k that one pass goes through at most: twelve rows of them are 18 KiB.
const DEPTH: usize = 384;
/// Words of the right panels that are gone through again and again: 512 KiB.
const BAND: usize = 1 << 17;

/// A packed factor.
#[derive(Clone, Copy)]
pub(crate) struct Panels<'a> {
    pub words: &'a [u32],
    pub layout: Layout,
}

impl<'a> Panels<'a> {
    /// The words of a panel that belong to a part of k, and the panel's width.
    fn part(&self, panel: usize, k: &Range<usize>) -> (&'a [u32], usize) {
        let (start, width) = (self.layout.start(panel), self.layout.width(panel));
        (&self.words[start + k.start * width..][..k.len() * width], width)
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

/// Multiplies some panels of both factors. `starts` has what each row's sums begin with, or is empty. `go_on` is told the
/// multiply-adds done since it was asked last, and answers whether to continue.
///
/// # Safety
/// This CPU has the kernel's unit; the rows and columns of `target` that these panels stand for may be written, by nobody
/// else, and were written before where `into` is `Add`.
pub(crate) unsafe fn multiply<K: Kernel>(
    (left, right): (Panels, Panels),
    (rows, columns): (Range<usize>, Range<usize>),
    starts: &[K::Sum],
    target: Target<K::Sum>,
    into: Into,
    go_on: impl Fn(usize) -> bool,
) {
    let words = left.layout.words;
    let depth = if K::ORDER == Order::Straight { words.div_ceil(words.div_ceil(DEPTH).max(1)) } else { words }.max(1);
    let band = (BAND / (depth * right.layout.full)).max(1);
    for k in (0..words).step_by(depth) {
        let k = k..words.min(k + depth);
        for first in columns.clone().step_by(band) {
            let panels = first..columns.end.min(first + band);
            for row in rows.clone() {
                let (left_words, height) = left.part(row, &k);
                let top = row * left.layout.full;
                let count = height.min(left.layout.lines - top);
                let mut start = [K::Sum::default(); 16];
                let begins = if k.start == 0 && !starts.is_empty() {
                    start[..count].copy_from_slice(&starts[top..][..count]);
                    &start[..]
                } else {
                    &[]
                };
                let mut width_done = 0;
                for column in panels.clone() {
                    let (right_words, width) = right.part(column, &k);
                    let side = column * right.layout.full;
                    let tile = Tile {
                        left: left_words,
                        right: right_words,
                        words: k.len(),
                        height,
                        vectors: width / K::LANES,
                        start: begins,
                        // SAFETY: within the part of the target that the caller gave.
                        c: unsafe { target.c.add(top * target.stride + side) },
                        stride: target.stride,
                        rows: count,
                        columns: width.min(right.layout.lines - side),
                        add: into == Into::Add || k.start > 0,
                    };
                    // SAFETY: the unit is there and the part may be written, says the caller.
                    unsafe { K::tile(&tile) };
                    width_done += tile.columns;
                }
                if !go_on(count * width_done * k.len()) {
                    return;
                }
            }
        }
    }
}
