//! Step 16: which row each uid stores, and the rows themselves.
use std::ops::Range;

use rayon::prelude::*;

use crate::dense::Dense;
use crate::input::Input;
use crate::lanes::{Entries, LANES};
use crate::market::Market;
use crate::plan::{NOWHERE, Plan};
use crate::rows::{OwnedRows, Row};
use crate::sparse::Sparse;

/// Rows copied at a time out of tiles: their places in a tile are neighbours, and their ends stay in a core's own cache.
const GROUP: usize = 32;
/// Ranges of rows per thread that copies out of tiles, so that a disturbed one does not keep the others waiting.
const PARTS_PER_THREAD: usize = 4;
/// The lanes, counted.
const NUMBERS: Entries = {
    let mut numbers = [0; LANES];
    let mut lane = 0;
    while lane < LANES {
        numbers[lane] = lane as u16;
        lane += 1;
    }
    numbers
};

/// Who stores what.
pub struct Keeping<'a> {
    pub new_permit: &'a [bool],
    old_permit: &'a [u8],
    old: &'a [Row<'a>],
}

impl<'a> Keeping<'a> {
    pub fn of(input: &Input<'a>, market: &'a Market<'a>, new_permit: &'a [bool]) -> Self {
        Self { new_permit, old_permit: input.validator_permit, old: &market.bonds }
    }

    /// Whether uid i neither had nor gets a permit: its row stays as it was.
    fn untouched(&self, i: usize) -> bool {
        !self.new_permit[i] && self.old_permit[i] == 0
    }

    /// Offsets of all rows, of which those with the new permit have `counts` entries.
    fn offsets(&self, counts: &[u32]) -> Vec<u32> {
        let mut total = 0;
        let mut offsets = Vec::with_capacity(counts.len() + 1);
        offsets.push(0);
        for (i, &count) in counts.iter().enumerate() {
            total += match (self.new_permit[i], self.untouched(i)) {
                (true, _) => count,
                (false, true) => self.old[i].uids.len() as u32,
                (false, false) => 0,
            };
            offsets.push(total);
        }
        offsets
    }
}

/// Rows of a range of uids, to be all.
struct Part<'a> {
    range: Range<usize>,
    /// Where each row's next entry goes, from the start of the part.
    next: Vec<usize>,
    uids: &'a mut [u16],
    values: &'a mut [u16],
}

impl Part<'_> {
    fn copy_untouched(&mut self, keeping: &Keeping<'_>) {
        for i in self.range.clone().filter(|&i| keeping.untouched(i)) {
            let (row, at) = (keeping.old[i], self.next[i - self.range.start]);
            self.uids[at..at + row.uids.len()].copy_from_slice(row.uids);
            self.values[at..at + row.uids.len()].copy_from_slice(row.values);
        }
    }

    #[inline]
    fn push(&mut self, i: usize, uid: u16, bond: u16) {
        let next = &mut self.next[i - self.range.start];
        self.uids[*next] = uid;
        self.values[*next] = bond;
        *next += 1;
    }

    /// Sixteen columns from `uid` on of row i, of which those in `kept` have an entry.
    #[inline]
    fn push_tile(&mut self, i: usize, uid: u16, bonds: &Entries, kept: u16) {
        if kept == u16::MAX {
            let next = &mut self.next[i - self.range.start];
            self.uids[*next..*next + LANES].copy_from_slice(&NUMBERS.map(|lane| uid + lane));
            self.values[*next..*next + LANES].copy_from_slice(bonds);
            *next += LANES;
            return;
        }
        let mut kept = kept;
        while kept != 0 {
            let lane = kept.trailing_zeros();
            self.push(i, uid + lane as u16, bonds[lane as usize]);
            kept &= kept - 1;
        }
    }
}

/// Fills rows of these offsets part by part, side by side if there are several.
fn fill(offsets: Vec<u32>, parts: usize, write: impl Fn(Part<'_>) + Send + Sync) -> OwnedRows {
    let n = offsets.len() - 1;
    let total = offsets[n] as usize;
    let mut rows = OwnedRows { offsets, uids: vec![0; total], values: vec![0; total] };
    let mut all = Vec::with_capacity(parts);
    let (mut uids, mut values) = (rows.uids.as_mut_slice(), rows.values.as_mut_slice());
    for part in 0..parts {
        let range = part * n / parts..(part + 1) * n / parts;
        let base = rows.offsets[range.start];
        let len = (rows.offsets[range.end] - base) as usize;
        let (these_uids, other_uids) = uids.split_at_mut(len);
        let (these_values, other_values) = values.split_at_mut(len);
        (uids, values) = (other_uids, other_values);
        let next = range.clone().map(|i| (rows.offsets[i] - base) as usize).collect();
        all.push(Part { range, next, uids: these_uids, values: these_values });
    }
    if parts == 1 {
        all.into_iter().for_each(write);
    } else {
        all.into_par_iter().with_max_len(1).for_each(write);
    }
    rows
}

/// The rows out of lists by column.
pub fn sparse(sparse: &Sparse, keeping: &Keeping<'_>, threads: usize) -> OwnedRows {
    let mut counts = vec![0_u32; keeping.new_permit.len()];
    for task in &sparse.tasks {
        task.count(&mut counts);
    }
    fill(keeping.offsets(&counts), threads, |mut part| {
        part.copy_untouched(keeping);
        let range = part.range.clone();
        for task in &sparse.tasks {
            task.bonds(&range, |row, uid, bond| {
                if keeping.new_permit[row] {
                    part.push(row, uid, bond);
                }
            });
        }
    })
}

/// The rows out of tiles.
pub fn dense(dense: &Dense, plan: &Plan, keeping: &Keeping<'_>, threads: usize) -> OwnedRows {
    let mut counts = vec![0_u32; keeping.new_permit.len()];
    let mut places = Vec::with_capacity(plan.stored);
    for (&row, &slot) in plan.rows.iter().zip(&plan.slots) {
        if slot != NOWHERE {
            counts[usize::from(row)] = dense.tasks.iter().map(|task| task.counts[slot as usize]).sum();
            places.push((usize::from(row), slot as usize));
        }
    }
    let parts = if threads == 1 { 1 } else { threads * PARTS_PER_THREAD };
    fill(keeping.offsets(&counts), parts, |mut part| {
        part.copy_untouched(keeping);
        let range = part.range.clone();
        let mine: Vec<(usize, usize)> = places.iter().copied().filter(|(row, _)| range.contains(row)).collect();
        for group in mine.chunks(GROUP) {
            for task in &dense.tasks {
                for start in task.columns.clone().step_by(LANES) {
                    let tile = (start - task.columns.start) / LANES * plan.stored;
                    for &(row, slot) in group {
                        part.push_tile(row, start as u16, &task.bonds[tile + slot], task.kept[tile + slot]);
                    }
                }
            }
        }
    })
}
