//! What of an input does not depend on stakes: its rows, checked, the registration rule as a comparison of ranks, and the
//! sums of step 5. Made once for an epoch, or once for many variants of it.
use rayon::prelude::*;

use crate::error::Error;
use crate::input::Input;
use crate::lanes::Lanes;
use crate::level::{Level, Work};
use crate::rows::{Row, Rows};
use crate::tiles::BLOCK;

/// Entries below which threads cost more than they save.
pub const PARALLEL_ENTRIES_MIN: usize = 20_000;

/// A row of weights and what is usable of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rating<'a> {
    pub row: Row<'a>,
    /// Σ of the usable weights; 0 without any, or without a permit.
    pub sum: u32,
    /// One usable weight above 0, and no other.
    pub alone: bool,
}

/// An input's rows and its registration rule.
#[derive(Clone, Debug, Default)]
pub struct Market<'a> {
    pub ratings: Vec<Rating<'a>>,
    pub bonds: Vec<Row<'a>>,
    /// Entries of both.
    pub entries: usize,
    pub rule: Rule,
}

/// The registration rule of step 5 in 16 bits: entry (i, j) is removed where `last_update[i] ≤ block_at_registration[j]`,
/// which is where i has counted no more registrations than the rank of j's among all.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    /// Rank of each uid's registration among the different ones, and 0 for the columns of a block beyond the last.
    registered: Vec<u16>,
    /// Different registrations before each uid's last update.
    updated: Vec<u16>,
    /// Different registrations.
    all: u16,
}

impl Rule {
    fn of(input: &Input<'_>) -> Self {
        let mut blocks = input.block_at_registration.to_vec();
        blocks.sort_unstable();
        blocks.dedup();
        let before = |block: u64| blocks.partition_point(|&other| other < block) as u16;
        let mut registered: Vec<u16> = input.block_at_registration.iter().map(|&block| before(block)).collect();
        registered.resize(registered.len() + BLOCK, 0);
        Self {
            registered,
            updated: input.last_update.iter().map(|&block| before(block)).collect(),
            all: blocks.len() as u16,
        }
    }

    /// Columns of the matrix.
    #[inline]
    pub fn columns(&self) -> usize {
        self.updated.len()
    }

    /// Whether row i may lose an entry at all.
    #[inline]
    pub fn removes(&self, i: usize) -> bool {
        self.updated[i] != self.all
    }

    /// Whether entry (i, j) is removed.
    #[inline]
    pub fn stale(&self, i: usize, j: usize) -> bool {
        self.updated[i] <= self.registered[j]
    }

    /// The rank of row i's update, and of the registrations from column `start` on: stale where it is not above.
    #[inline]
    pub fn ranks(&self, i: usize, start: usize) -> (u16, &[u16]) {
        (self.updated[i], &self.registered[start..])
    }
}

impl<'a> Market<'a> {
    /// Checks all that the definition refuses, and prepares the rest.
    pub fn of(input: &Input<'a>, level: Level) -> Result<Self, Error> {
        input.check_lists()?;
        let n = input.stake.len();
        let rule = Rule::of(input);
        let ratings = each_row(input.weights, |i, row| {
            checked("weights", row, i, n, level)?;
            Ok(rate(row, i, input.validator_permit[i] == 1, &rule, level))
        })?;
        let bonds = each_row(input.bonds, |i, row| checked("bonds", row, i, n, level).map(|()| row))?;
        input.check_values()?;
        Ok(Self { ratings, bonds, entries: input.weights.uids.len() + input.bonds.uids.len(), rule })
    }

    /// Refuses a row of weights of uid i that no input may hold.
    pub fn check(&self, i: usize, row: Row<'_>, level: Level) -> Result<(), Error> {
        if row.uids.len() != row.values.len() {
            return Err(Error::Length { list: "weights", found: row.values.len(), expected: row.uids.len() });
        }
        checked("weights", row, i, self.bonds.len(), level)
    }

    /// Another row of weights, checked, for uid i.
    pub fn replace(&mut self, i: usize, row: Row<'a>, permit: bool, level: Level) {
        self.entries = self.entries + row.uids.len() - self.ratings[i].row.uids.len();
        self.ratings[i] = rate(row, i, permit, &self.rule, level);
    }
}

/// What `prepare` makes of each row. Of several bad rows the first is named, however many threads look.
fn each_row<'a, T: Send>(
    rows: Rows<'a>,
    prepare: impl Fn(usize, Row<'a>) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Error> {
    let n = rows.offsets.len() - 1;
    let prepare = |i| prepare(i, rows.row(i));
    let prepared: Vec<Result<T, Error>> = if rows.uids.len() < PARALLEL_ENTRIES_MIN {
        (0..n).map(prepare).collect()
    } else {
        (0..n).into_par_iter().map(prepare).collect()
    };
    prepared.into_iter().collect()
}

fn checked(list: &'static str, row: Row<'_>, i: usize, n: usize, level: Level) -> Result<(), Error> {
    if !level.run(Increasing(row.uids)) {
        return Err(Error::Row { list, row: i, why: "its uids do not strictly increase" });
    }
    match row.uids.last() {
        Some(&uid) if usize::from(uid) >= n => Err(Error::Row { list, row: i, why: "a uid is not below n" }),
        _ => Ok(()),
    }
}

/// The sums of step 5 over what is left of a row.
fn rate<'a>(row: Row<'a>, i: usize, permit: bool, rule: &Rule, level: Level) -> Rating<'a> {
    if !permit {
        return Rating { row, sum: 0, alone: false };
    }
    let (sum, largest) = if rule.removes(i) {
        let mut found = (0, 0);
        for (&uid, &value) in row.uids.iter().zip(row.values) {
            let j = usize::from(uid);
            let value = if j == i || rule.stale(i, j) { 0 } else { u32::from(value) };
            found = (found.0 + value, value.max(found.1));
        }
        found
    } else {
        // The diagonal cuts the row in two; a full row holds every uid at its own place.
        let own = if row.uids.get(i) == Some(&(i as u16)) { Ok(i) } else { row.uids.binary_search(&(i as u16)) };
        let (before, after) = match own {
            Ok(at) => (&row.values[..at], &row.values[at + 1..]),
            Err(at) => row.values.split_at(at),
        };
        let (before, after) = (level.run(SumAndLargest(before)), level.run(SumAndLargest(after)));
        (before.0 + after.0, before.1.max(after.1))
    };
    Rating { row, sum, alone: sum != 0 && sum == largest }
}

struct Increasing<'a>(&'a [u16]);

#[allow(clippy::inline_always)] // inlined code takes on the instruction set of the function it is in
impl Work for Increasing<'_> {
    type Output = bool;
    #[inline(always)]
    fn run<V: Lanes>(self) -> bool {
        let following = self.0.get(1..).unwrap_or(&[]);
        let mut broken = 0_u16;
        for (&uid, &next) in self.0.iter().zip(following) {
            broken |= u16::from(uid >= next);
        }
        broken == 0
    }
}

struct SumAndLargest<'a>(&'a [u16]);

#[allow(clippy::inline_always)] // as above
impl Work for SumAndLargest<'_> {
    type Output = (u32, u32);
    #[inline(always)]
    fn run<V: Lanes>(self) -> (u32, u32) {
        let (mut sum, mut largest) = (0, 0);
        for &value in self.0 {
            sum += u32::from(value);
            largest = value.max(largest);
        }
        (sum, u32::from(largest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_say_what_the_blocks_say() {
        let (updated, registered) = ([0_u64, 5, 6, 9, 10, 3], [5_u64, 5, 0, 9, 7, 3]);
        let rule = Rule::of(&Input { last_update: &updated, block_at_registration: &registered, ..Input::default() });
        for (i, &update) in updated.iter().enumerate() {
            for (j, &registration) in registered.iter().enumerate() {
                assert_eq!(rule.stale(i, j), update <= registration, "{i} {j}");
            }
            assert_eq!(rule.removes(i), registered.iter().any(|&registration| update <= registration), "{i}");
        }
    }
}
