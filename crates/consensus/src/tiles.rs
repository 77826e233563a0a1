//! Sparse rows laid out as tiles: sixteen columns of every row, one row after the other.
use std::ops::Range;

use crate::lanes::{Entries, LANES};
use crate::market::Rule;
use crate::rows::Row;

/// Columns laid out at a time: four cache lines of a row's values, in tiles that stay in a core's own cache.
pub const BLOCK: usize = 128;
/// Tiles of a block.
pub const TILES: usize = BLOCK / LANES;

/// One block of columns of some rows.
#[derive(Debug, Default)]
pub struct Block {
    /// Entry (row, tile) at tile · rows + row.
    entries: Vec<Entries>,
    rows: usize,
    /// Where each row's entries of the next block start.
    next: Vec<u32>,
}

impl Block {
    /// Starts at column `start` with these rows.
    pub fn open<'a>(&mut self, rows: impl Iterator<Item = Row<'a>>, start: usize) {
        self.next.clear();
        self.next.extend(rows.map(|row| {
            if row.uids.get(start).is_some_and(|&uid| usize::from(uid) == start) {
                return start as u32;
            }
            row.uids.partition_point(|&uid| usize::from(uid) < start) as u32
        }));
        self.rows = self.next.len();
        self.entries.resize(self.rows * TILES, Entries::default());
    }

    /// Lays out the columns of `block`, which follows the block before it, of row `uid`, the `at`-th of the rows.
    #[allow(clippy::inline_always)] // inlined code takes on the instruction set of the function it is in
    #[inline(always)]
    pub fn lay(&mut self, at: usize, uid: usize, row: Row<'_>, block: &Range<usize>, rule: &Rule) {
        let from = self.next[at] as usize;
        let uids = &row.uids[from..];
        // Of a full row the uids need not be read.
        let whole = block.len() == BLOCK
            && uids.len() >= BLOCK
            && (row.uids.len() == rule.columns()
                || usize::from(uids[0]) == block.start && usize::from(uids[BLOCK - 1]) == block.end - 1);
        if whole {
            let (entries, _) = row.values[from..from + BLOCK].as_chunks::<LANES>();
            for (tile, entries) in entries.iter().enumerate() {
                self.entries[tile * self.rows + at] = *entries;
            }
            self.next[at] = (from + BLOCK) as u32;
        } else {
            for tile in 0..TILES {
                self.entries[tile * self.rows + at] = Entries::default();
            }
            let mut taken = 0;
            for (&uid, &value) in uids.iter().zip(&row.values[from..]) {
                let uid = usize::from(uid);
                if uid >= block.end {
                    break;
                }
                let column = uid - block.start;
                self.entries[column / LANES * self.rows + at][column % LANES] = value;
                taken += 1;
            }
            self.next[at] = (from + taken) as u32;
        }
        if rule.removes(uid) {
            for tile in 0..TILES {
                let (updated, registered) = rule.ranks(uid, block.start + tile * LANES);
                let entries = &mut self.entries[tile * self.rows + at];
                for (entry, &registered) in entries.iter_mut().zip(registered) {
                    *entry = if updated <= registered { 0 } else { *entry };
                }
            }
        }
    }

    /// Removes what row `uid`, the `at`-th of the rows, gives itself.
    #[inline]
    pub fn clear_diagonal(&mut self, at: usize, uid: usize, block: &Range<usize>) {
        if block.contains(&uid) {
            let column = uid - block.start;
            self.entries[column / LANES * self.rows + at][column % LANES] = 0;
        }
    }

    /// All rows of one tile.
    #[inline]
    pub fn tile(&self, tile: usize) -> &[Entries] {
        &self.entries[tile * self.rows..(tile + 1) * self.rows]
    }
}
