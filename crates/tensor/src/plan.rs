//! How a product is cut: k into slices, C into blocks.
use std::ops::Range;

use crate::format::Format;
use crate::pack::Layout;
use crate::shape::Shape;
use crate::tile::{Kernel, Order};

/// Words of k of a slice at most: twelve rows of them are 24 KiB, half of the first cache.
const DEPTH: usize = 512;
/// Packed words of a block's rows, which stay in the second cache beside a band of columns: 256 KiB.
const BLOCK: usize = 1 << 16;
/// Blocks for each thread, so that a late one does not hold up the others for long.
const BLOCKS: usize = 4;
/// Multiply-adds for which another thread is woken.
const WORK_PER_THREAD: u64 = 1 << 20;
/// Packing may take this many times the words that the factors have elements; tiny matrices are multiplied unpacked.
const PACKED_MAX: usize = 3;

/// How one product of a batch is cut; the others are cut alike.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub shape: Shape,
    /// Words of k.
    words: usize,
    /// Elements of a word.
    group: usize,
    /// Words of all slices but the last.
    depth: usize,
    rows: usize,
    columns: usize,
    /// Packed words of a block's rows at most.
    block: usize,
}

impl Plan {
    /// k is cut at the same places for any number of threads, so that an element has the same bits.
    pub(crate) fn new<K: Kernel>(shape: Shape) -> Self {
        let group = <K::Left as Format>::GROUP;
        let words = shape.k.div_ceil(group);
        let depth = if K::ORDER == Order::Straight { words.div_ceil(words.div_ceil(DEPTH).max(1)) } else { words };
        // Where k is not cut, higher blocks spare the other factor's way to the cores: 17 % at 2,048 on two of them.
        let block = if K::ORDER == Order::Straight { BLOCK } else { 2 * BLOCK };
        Self { shape, words, group, depth: depth.max(1), rows: K::ROWS, columns: 2 * K::LANES, block }
    }

    pub(crate) fn slices(&self) -> usize {
        self.words.div_ceil(self.depth)
    }

    /// The elements of k of a slice.
    pub(crate) fn elements(&self, slice: usize) -> Range<usize> {
        let at = |slice: usize| (slice * self.depth * self.group).min(self.shape.k);
        at(slice)..at(slice + 1)
    }

    fn slice_words(&self, slice: usize) -> usize {
        self.depth.min(self.words - slice * self.depth)
    }

    /// Of the rows of the left factor in one slice.
    pub(crate) fn left(&self, slice: usize) -> Layout {
        Layout { lines: self.shape.m, words: self.slice_words(slice), full: self.rows, step: self.rows / 3 }
    }

    /// Of the columns of the right factor in one slice.
    pub(crate) fn right(&self, slice: usize) -> Layout {
        Layout { lines: self.shape.n, words: self.slice_words(slice), full: self.columns, step: self.columns / 2 }
    }

    /// Whether the matrices are large enough for tiles.
    pub(crate) fn pays(&self) -> bool {
        let Shape { m, k, n, .. } = self.shape;
        let words = |lines: usize, step: usize| lines.next_multiple_of(step) * self.words;
        words(m, self.rows / 3) + words(n, self.columns / 2) <= PACKED_MAX * (m * k + k * n)
    }

    /// Threads that one product is worth.
    pub(crate) fn threads(&self, threads: usize) -> usize {
        let work = self.shape.work() / self.shape.batch.max(1) as u64;
        threads.min(usize::try_from(work / WORK_PER_THREAD).unwrap_or(usize::MAX)).max(1)
    }

    /// Whether each thread had better do products of its own.
    pub(crate) fn one_each(&self, threads: usize) -> bool {
        threads > 1 && self.shape.batch >= threads * BLOCKS
    }

    /// Blocks of rows that one thread packs and multiplies, of all columns where there are rows enough.
    pub(crate) fn rows(&self, threads: usize) -> Grid {
        let (left, right) = (self.left(0), self.right(0));
        let most = (self.block / (self.depth * left.full)).max(1);
        let (mut rows, mut columns) = (left.panels().div_ceil(most), 1);
        if threads > 1 {
            rows = rows.max(threads * BLOCKS).next_multiple_of(threads).min(left.panels());
            columns = (threads * BLOCKS).div_ceil(rows).min(right.panels());
        }
        Grid { panels: (left.panels(), right.panels()), rows, columns }
    }

    /// Blocks about as high as wide, for factors that all threads read from the caches.
    pub(crate) fn squares(&self, threads: usize) -> Grid {
        let (left, right) = (self.left(0), self.right(0));
        let (mut rows, mut columns) = (1, 1);
        while threads > 1 && rows * columns < threads * BLOCKS {
            let (high, wide) = (left.lines / rows, right.lines / columns);
            if wide >= high && wide >= 2 * right.full {
                columns *= 2;
            } else if high >= 2 * left.full {
                rows *= 2;
            } else {
                break;
            }
        }
        Grid { panels: (left.panels(), right.panels()), rows, columns }
    }
}

/// Blocks of C.
#[derive(Clone, Copy)]
pub(crate) struct Grid {
    panels: (usize, usize),
    rows: usize,
    columns: usize,
}

impl Grid {
    pub(crate) fn blocks(self) -> usize {
        self.rows * self.columns
    }

    /// The panels of rows and those of columns of a block.
    pub(crate) fn block(self, block: usize) -> (Range<usize>, Range<usize>) {
        let cut = |panels: usize, pieces: usize, piece: usize| panels * piece / pieces..panels * (piece + 1) / pieces;
        (cut(self.panels.0, self.rows, block / self.columns), cut(self.panels.1, self.columns, block % self.columns))
    }
}
