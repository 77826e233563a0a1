//! Steps 5 to 12 by lists of entries, for matrices that are mostly empty. A column needs nothing of its neighbours but
//! the sums of the weight rows, so ranges of columns run in parallel; what they add up per row (trust, dividends) is
//! exact, whatever the order.
use std::ops::Range;

use rayon::prelude::*;

use crate::fixed::{Divisor, ONE, mul, to_u16};
use crate::market::Market;
use crate::median::{Electorate, Vote};
use crate::rows::Row;

/// Columns gathered at a time: two cache lines of each row's values, and lists that stay in a core's own cache.
const BLOCK: usize = 64;
/// Entries between the lists of two columns: a cache line and a half.
const PADDING: usize = 48;

/// Ranges of columns per thread, so that an uneven matrix still keeps all busy.
const TASKS_PER_THREAD: usize = 4;

/// What every column reads.
#[derive(Clone, Copy)]
pub struct Shared<'a> {
    pub market: &'a Market<'a>,
    /// A of step 4.
    pub active_stake: &'a [u64],
    pub electorate: &'a Electorate,
    /// Weight of the old bonds, I32F32.
    pub old: u64,
}

/// Columns of a block as lists of (row, value), rows increasing.
#[derive(Debug)]
struct Lists {
    lens: [usize; BLOCK],
    rows: Vec<u16>,
    values: Vec<u16>,
    capacity: usize,
}

impl Default for Lists {
    fn default() -> Self {
        Self { lens: [0; BLOCK], rows: Vec::new(), values: Vec::new(), capacity: 0 }
    }
}

impl Lists {
    fn clear(&mut self, capacity: usize) {
        // Lists a power of two apart would all fall in the same few sets of the cache.
        self.capacity = capacity + PADDING;
        self.lens = [0; BLOCK];
        self.rows.resize(BLOCK * self.capacity, 0);
        self.values.resize(BLOCK * self.capacity, 0);
    }

    #[inline]
    fn push(&mut self, column: usize, row: usize, value: u16) {
        let at = column * self.capacity + self.lens[column];
        self.rows[at] = row as u16;
        self.values[at] = value;
        self.lens[column] += 1;
    }

    fn column(&self, column: usize) -> (&[u16], &[u16]) {
        let range = column * self.capacity..column * self.capacity + self.lens[column];
        (&self.rows[range.clone()], &self.values[range])
    }
}

/// The entries of a row of n columns in those of `block`.
fn within<'a>(Row { uids, values }: Row<'a>, n: usize, block: &Range<usize>) -> (&'a [u16], &'a [u16]) {
    if uids.len() == n {
        // A full row holds every uid at its own place.
        return (&uids[block.clone()], &values[block.clone()]);
    }
    let from = uids.partition_point(|&uid| usize::from(uid) < block.start);
    let to = from + uids[from..].partition_point(|&uid| usize::from(uid) < block.end);
    (&uids[from..to], &values[from..to])
}

/// Results of a range of columns and the buffers that made them, kept from epoch to epoch.
#[derive(Debug, Default)]
pub struct Task {
    pub columns: Range<usize>,
    /// Σ A·W over rows before and after the clip, and the median, per column of the range.
    pub preranks: Vec<u64>,
    pub ranks: Vec<u64>,
    pub consensus: Vec<u64>,
    /// Sum of the clipped weights of this range, per row.
    pub validator_trust: Vec<u64>,
    /// Sum of incentive·E of this range, per row.
    pub dividends: Vec<u64>,
    /// E by column: column c of the range holds entries `starts[c]..starts[c + 1]`. A value e in 1..=2^32 is kept as
    /// e - 1 to fit 32 bits; step 12 keeps nothing else.
    starts: Vec<usize>,
    rows: Vec<u16>,
    ema_less_one: Vec<u32>,
    /// Stored form of E: u16 of its share of the column's maximum.
    bonds: Vec<u16>,
    weights: Lists,
    old_bonds: Lists,
    votes: Vec<Vote>,
    scaled: Vec<u64>,
    column: Vec<(u16, u64)>,
}

impl Task {
    /// Steps 5 to 12 for the columns of this task.
    fn score(&mut self, shared: &Shared<'_>, row_sums: &[Divisor]) {
        let n = row_sums.len();
        for list in [&mut self.preranks, &mut self.ranks, &mut self.consensus] {
            list.clear();
        }
        self.validator_trust.clear();
        self.validator_trust.resize(n, 0);
        self.starts.clear();
        self.starts.push(0);
        self.rows.clear();
        self.ema_less_one.clear();
        self.bonds.clear();
        for start in self.columns.clone().step_by(BLOCK) {
            let block = start..self.columns.end.min(start + BLOCK);
            self.gather_weights(shared, &block);
            self.gather_bonds(shared, &block);
            for column in 0..block.len() {
                self.clip(shared, row_sums, column);
                self.average(shared, column);
            }
        }
    }

    /// Step 5: weights of rows with a permit, without the diagonal and stale entries; not yet divided by their row's sum.
    fn gather_weights(&mut self, shared: &Shared<'_>, block: &Range<usize>) {
        let Market { ratings, rule, .. } = shared.market;
        self.weights.clear(ratings.len());
        for (i, rating) in ratings.iter().enumerate().filter(|&(_, rating)| rating.sum != 0) {
            let (uids, values) = within(rating.row, ratings.len(), block);
            for (&uid, &value) in uids.iter().zip(values) {
                let j = usize::from(uid);
                if value != 0 && j != i && !rule.stale(i, j) {
                    self.weights.push(j - block.start, i, value);
                }
            }
        }
    }

    /// Step 10: stored bonds of every row but stale entries; not yet divided by the sum of their column.
    fn gather_bonds(&mut self, shared: &Shared<'_>, block: &Range<usize>) {
        let Market { bonds, rule, .. } = shared.market;
        self.old_bonds.clear(bonds.len());
        for (i, &row) in bonds.iter().enumerate() {
            let (uids, values) = within(row, bonds.len(), block);
            for (&uid, &value) in uids.iter().zip(values) {
                let j = usize::from(uid);
                if value != 0 && !rule.stale(i, j) {
                    self.old_bonds.push(j - block.start, i, value);
                }
            }
        }
    }

    /// The division of step 5, steps 6 to 9 and the product of 11: leaves A·W of the clipped weights in `scaled`.
    fn clip(&mut self, shared: &Shared<'_>, row_sums: &[Divisor], column: usize) {
        let (rows, weights) = self.weights.column(column);
        let share = &shared.electorate.share;
        self.votes.clear();
        self.scaled.clear();
        let mut prerank = 0;
        for (&row, &weight) in rows.iter().zip(weights) {
            let i = usize::from(row);
            let weight = row_sums[i].quotient(u64::from(weight) << 32);
            self.scaled.push(weight);
            prerank += mul(shared.active_stake[i], weight);
            if share[i] != 0 {
                self.votes.push((weight, share[i]));
            }
        }
        let consensus = shared.electorate.median(&mut self.votes);
        let mut rank = 0;
        for (&row, weight) in rows.iter().zip(&mut self.scaled) {
            let i = usize::from(row);
            let clipped = (*weight).min(consensus);
            self.validator_trust[i] += clipped;
            *weight = mul(shared.active_stake[i], clipped);
            rank += *weight;
        }
        self.preranks.push(prerank);
        self.consensus.push(consensus);
        self.ranks.push(rank);
    }

    /// Steps 10 to 12 and the values of 16: the moving average of new and old bonds, normalised.
    fn average(&mut self, shared: &Shared<'_>, column: usize) {
        // The sum of A·W over the column is its rank.
        let new_sum = Divisor::new(*self.ranks.last().unwrap_or(&0));
        let ((new_rows, _), new) = (self.weights.column(column), &self.scaled);
        let (old_rows, old) = self.old_bonds.column(column);
        let old_sum = Divisor::new(old.iter().map(|&bond| u64::from(bond)).sum());
        self.column.clear();
        let (mut a, mut b, mut sum, mut largest) = (0, 0, 0, 0);
        while a < new.len() || b < old.len() {
            let new_row = new_rows.get(a).copied().unwrap_or(u16::MAX);
            let old_row = old_rows.get(b).copied().unwrap_or(u16::MAX);
            let row = new_row.min(old_row);
            let mut value = 0;
            if new_row == row {
                if new[a] != 0 {
                    value += mul(ONE - shared.old, new_sum.ratio(new[a]));
                }
                a += 1;
            }
            if old_row == row {
                value += mul(shared.old, old_sum.quotient(u64::from(old[b]) << 32));
                b += 1;
            }
            if value != 0 {
                self.column.push((row, value));
                sum += value;
                largest = value.max(largest);
            }
        }
        // Division keeps the order, so the largest stays the largest.
        let sum = Divisor::new(sum);
        let top = Divisor::new(if sum.by() == 0 { 0 } else { sum.ratio(largest) });
        for &(row, value) in &self.column {
            let ema = sum.ratio(value);
            self.rows.push(row);
            self.ema_less_one.push((ema - 1) as u32);
            self.bonds.push(to_u16(top.ratio(ema)));
        }
        self.starts.push(self.rows.len());
    }

    /// Step 13 before its division: the dividends that the columns of this task pay, `incentive` being of all columns.
    fn pay(&mut self, incentive: &[u64]) {
        self.dividends.clear();
        self.dividends.resize(self.validator_trust.len(), 0);
        for (column, &incentive) in incentive[self.columns.clone()].iter().enumerate() {
            if incentive == 0 {
                continue;
            }
            let range = self.starts[column]..self.starts[column + 1];
            for (&row, &ema) in self.rows[range.clone()].iter().zip(&self.ema_less_one[range]) {
                self.dividends[usize::from(row)] += mul(incentive, u64::from(ema) + 1);
            }
        }
    }

    /// Adds to `counts` how many bonds each row has in the columns of this task.
    pub fn count(&self, counts: &mut [u32]) {
        for &row in &self.rows {
            counts[usize::from(row)] += 1;
        }
    }

    /// Calls `store(row, uid, bond)` for every bond of rows in `range`, column by column.
    pub fn bonds(&self, range: &Range<usize>, mut store: impl FnMut(usize, u16, u16)) {
        for (column, span) in self.starts.windows(2).enumerate() {
            let uid = (self.columns.start + column) as u16;
            let rows = &self.rows[span[0]..span[1]];
            let from = rows.partition_point(|&row| usize::from(row) < range.start);
            for (&row, &bond) in rows[from..].iter().zip(&self.bonds[span[0] + from..]) {
                if usize::from(row) >= range.end {
                    break;
                }
                store(usize::from(row), uid, bond);
            }
        }
    }
}

/// The tasks of one epoch and the buffers that they leave for the next.
#[derive(Debug, Default)]
pub struct Sparse {
    pub tasks: Vec<Task>,
    row_sums: Vec<Divisor>,
}

impl Sparse {
    /// Steps 5 to 12 over all columns.
    pub fn score(&mut self, shared: &Shared<'_>, threads: usize) {
        self.divide(shared.active_stake.len(), threads);
        self.row_sums.clear();
        self.row_sums.extend(shared.market.ratings.iter().map(|rating| Divisor::new(u64::from(rating.sum))));
        let row_sums = &self.row_sums;
        each(&mut self.tasks, threads, |task| task.score(shared, row_sums));
    }

    /// Step 13 before its division: dividends per uid.
    pub fn pay(&mut self, incentive: &[u64], threads: usize) -> Vec<u64> {
        each(&mut self.tasks, threads, |task| task.pay(incentive));
        self.rows(incentive.len(), |task| &task.dividends)
    }

    /// A result per column.
    pub fn columns(&self, part: impl Fn(&Task) -> &Vec<u64>) -> Vec<u64> {
        self.tasks.iter().flat_map(|task| part(task).iter().copied()).collect()
    }

    /// A result per row, added up over all tasks.
    pub fn rows(&self, n: usize, part: impl Fn(&Task) -> &Vec<u64>) -> Vec<u64> {
        let mut sums = vec![0; n];
        for task in &self.tasks {
            for (sum, value) in sums.iter_mut().zip(part(task)) {
                *sum += value;
            }
        }
        sums
    }

    /// Splits n columns into ranges of equal size.
    fn divide(&mut self, n: usize, threads: usize) {
        let parts = if threads == 1 { 1 } else { (threads * TASKS_PER_THREAD).min(n.max(1)) };
        self.tasks.resize_with(parts, Task::default);
        for (part, task) in self.tasks.iter_mut().enumerate() {
            task.columns = part * n / parts..(part + 1) * n / parts;
        }
    }
}

fn each(tasks: &mut [Task], threads: usize, work: impl Fn(&mut Task) + Send + Sync) {
    if threads == 1 {
        tasks.iter_mut().for_each(work);
    } else {
        tasks.par_iter_mut().with_max_len(1).for_each(work);
    }
}
