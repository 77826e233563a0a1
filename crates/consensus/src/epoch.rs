//! One epoch: the steps of `consensus-scoring.md` in order, with the columns of 5 to 12 in `columns.rs`.
use rayon::prelude::*;

use crate::columns::{Shared, Task, stale};
use crate::error::Error;
use crate::fixed::{Divisor, ONE, normalise, ratio, to_u16};
use crate::input::Input;
use crate::median::Electorate;
use crate::output::{Output, OwnedRows};

/// Entries below which threads cost more than they save.
const PARALLEL_ENTRIES_MIN: usize = 20_000;
/// Ranges of columns per thread, so that an uneven matrix still keeps all busy.
const TASKS_PER_THREAD: usize = 4;
const MILLION: u64 = 1_000_000;

/// Buffers that one epoch leaves for the next.
#[derive(Debug, Default)]
pub struct Workspace {
    tasks: Vec<Task>,
    row_sums: Vec<Divisor>,
    electorate: Electorate,
}

/// Scores one epoch with fresh buffers.
///
/// # Errors
/// What the definition refuses, see [`Error`].
pub fn epoch(input: &Input<'_>) -> Result<Output, Error> {
    Workspace::default().epoch(input)
}

/// Vectors of the steps before the columns.
struct Stakes {
    /// S of step 2.
    share: Vec<u64>,
    /// A of step 4.
    active: Vec<u64>,
}

impl Workspace {
    /// Scores one epoch. The result depends on nothing but `input`: not on the threads, nor on epochs before.
    ///
    /// # Errors
    /// What the definition refuses, see [`Error`].
    pub fn epoch(&mut self, input: &Input<'_>) -> Result<Output, Error> {
        input.check()?;
        let n = input.stake.len();
        let active: Vec<bool> =
            input.last_update.iter().map(|&update| update + u64::from(input.activity_cutoff) >= input.block).collect();
        let stakes = stakes(input, &active);
        let new_permit = permits(&stakes.share, usize::from(input.max_allowed_validators));
        elect(&mut self.electorate, &stakes.active, input.kappa);
        sum_rows(&mut self.row_sums, input);
        let old = (input.bonds_moving_average << 32) / MILLION;
        let shared = Shared {
            input: *input,
            active_stake: &stakes.active,
            row_sums: &self.row_sums,
            electorate: &self.electorate,
            old,
            new: ONE - old,
        };
        let entries = input.weights.uids.len() + input.bonds.uids.len();
        let threads = if entries < PARALLEL_ENTRIES_MIN { 1 } else { rayon::current_num_threads() };
        divide(&mut self.tasks, n, threads);
        each(&mut self.tasks, threads, |task| task.score(&shared));

        let ranks = concat(&self.tasks, |task| &task.ranks);
        let preranks = concat(&self.tasks, |task| &task.preranks);
        let mut incentive = ranks.clone();
        normalise(&mut incentive);
        each(&mut self.tasks, threads, |task| task.pay(&incentive));
        let mut dividends = add(&self.tasks, n, |task| &task.dividends);
        normalise(&mut dividends);

        let shares = Shares::of(&incentive, &dividends, &stakes);
        let trust = ranks.iter().zip(&preranks).map(|(&rank, &all)| if all == 0 { 0 } else { ratio(rank, all) });
        let emit = |share: &[u64]| share.iter().map(|&share| emission(share, input.emission)).collect();
        Ok(Output {
            rank: u16s(&incentive),
            trust: trust.map(to_u16).collect(),
            consensus: u16s(&concat(&self.tasks, |task| &task.consensus)),
            incentive: u16s(&incentive),
            dividends: u16s(&dividends),
            validator_trust: u16s(&add(&self.tasks, n, |task| &task.validator_trust)),
            pruning_scores: pruning(&shares.combined),
            emission: emit(&shares.combined),
            server_emission: emit(&shares.server),
            validator_emission: emit(&shares.validator),
            active: active.into_iter().map(u8::from).collect(),
            bonds: store(&self.tasks, input, &new_permit, threads),
            validator_permit: new_permit.into_iter().map(u8::from).collect(),
        })
    }
}

fn u16s(values: &[u64]) -> Vec<u16> {
    values.iter().copied().map(to_u16).collect()
}

/// Steps 2 and 4.
fn stakes(input: &Input<'_>, active: &[bool]) -> Stakes {
    let sum: u128 = input.stake.iter().map(|&stake| u128::from(stake)).sum();
    // I64F64 quotient, then I32F32: two truncations make one.
    let share: Vec<u64> = match sum {
        0 => vec![0; input.stake.len()],
        _ => input.stake.iter().map(|&stake| ((u128::from(stake) << 32) / sum) as u64).collect(),
    };
    let counts = active.iter().zip(input.validator_permit).map(|(&active, &permit)| active && permit == 1);
    let mut active: Vec<u64> =
        share.iter().zip(counts).map(|(&share, counts)| if counts { share } else { 0 }).collect();
    normalise(&mut active);
    Stakes { share, active }
}

/// Step 3: the k largest shares, the higher uid first among equals.
fn permits(share: &[u64], k: usize) -> Vec<bool> {
    let mut order: Vec<usize> = (0..share.len()).collect();
    order.sort_by_key(|&uid| share[uid]);
    let mut permit = vec![false; share.len()];
    for &uid in order.iter().rev().take(k) {
        permit[uid] = true;
    }
    permit
}

/// The electorate of step 7.
fn elect(electorate: &mut Electorate, active_stake: &[u64], kappa: u16) {
    electorate.share.clear();
    electorate.share.extend_from_slice(active_stake);
    normalise(&mut electorate.share);
    electorate.rows = electorate.share.iter().filter(|&&share| share != 0).count();
    electorate.total = electorate.share.iter().sum();
    electorate.minority = electorate.total as i64 - ((u64::from(kappa) << 32) / 65_535) as i64;
}

/// The sums of step 5, over what is left of each row.
fn sum_rows(sums: &mut Vec<Divisor>, input: &Input<'_>) {
    sums.clear();
    sums.extend(input.validator_permit.iter().enumerate().map(|(i, &permit)| {
        if permit == 0 {
            return Divisor::default();
        }
        let (uids, values) = input.weights.row(i);
        let kept = uids.iter().zip(values).filter(|&(&uid, _)| {
            let j = usize::from(uid);
            j != i && !stale(input, i, j)
        });
        Divisor::new(kept.map(|(_, &value)| u64::from(value)).sum())
    }));
}

/// Splits n columns into ranges of equal size.
fn divide(tasks: &mut Vec<Task>, n: usize, threads: usize) {
    let parts = if threads == 1 { 1 } else { (threads * TASKS_PER_THREAD).min(n.max(1)) };
    tasks.resize_with(parts, Task::default);
    for (part, task) in tasks.iter_mut().enumerate() {
        task.columns = part * n / parts..(part + 1) * n / parts;
    }
}

fn each(tasks: &mut [Task], threads: usize, work: impl Fn(&mut Task) + Send + Sync) {
    if threads == 1 {
        tasks.iter_mut().for_each(work);
    } else {
        tasks.par_iter_mut().with_max_len(1).for_each(work);
    }
}

/// A per-column result of all tasks, in the order of columns.
fn concat(tasks: &[Task], part: impl Fn(&Task) -> &Vec<u64>) -> Vec<u64> {
    tasks.iter().flat_map(|task| part(task).iter().copied()).collect()
}

/// A per-row result, added up over all tasks.
fn add(tasks: &[Task], n: usize, part: impl Fn(&Task) -> &Vec<u64>) -> Vec<u64> {
    let mut sums = vec![0; n];
    for task in tasks {
        for (sum, value) in sums.iter_mut().zip(part(task)) {
            *sum += value;
        }
    }
    sums
}

/// The shares of step 14.
struct Shares {
    server: Vec<u64>,
    validator: Vec<u64>,
    combined: Vec<u64>,
}

impl Shares {
    fn of(incentive: &[u64], dividends: &[u64], stakes: &Stakes) -> Self {
        let combined: Vec<u64> = incentive.iter().zip(dividends).map(|(a, b)| a + b).collect();
        let sum: u64 = combined.iter().sum();
        if sum == 0 {
            let idle = if stakes.active.iter().all(|&stake| stake == 0) { &stakes.share } else { &stakes.active };
            return Self { server: vec![0; combined.len()], validator: idle.clone(), combined: idle.clone() };
        }
        let divided = |values: &[u64]| values.iter().map(|&value| ratio(value, sum)).collect();
        Self { server: divided(incentive), validator: divided(dividends), combined: divided(&combined) }
    }
}

/// Step 15: a share of the emission in I96F32, truncated to rao.
fn emission(share: u64, emission: u64) -> u64 {
    ((u128::from(share) * u128::from(emission)) >> 32) as u64
}

/// The combined share as a fraction of the largest, rounded half away from zero.
fn pruning(combined: &[u64]) -> Vec<u16> {
    let largest = combined.iter().copied().max().unwrap_or(0);
    if largest == 0 {
        return u16s(combined);
    }
    let half = ONE >> 1;
    combined.iter().map(|&share| ((ratio(share * 65_535, largest) + half) >> 32) as u16).collect()
}

/// Step 16: which row each uid stores.
fn store(tasks: &[Task], input: &Input<'_>, new_permit: &[bool], threads: usize) -> OwnedRows {
    let n = new_permit.len();
    let mut counts = vec![0_u32; n];
    for task in tasks {
        task.count(&mut counts);
    }
    let mut offsets = Vec::with_capacity(n + 1);
    let mut total = 0_u32;
    offsets.push(0);
    for (i, &count) in counts.iter().enumerate() {
        total += match (new_permit[i], input.validator_permit[i] == 1) {
            (true, _) => count,
            (false, true) => 0,
            (false, false) => input.bonds.offsets[i + 1] - input.bonds.offsets[i],
        };
        offsets.push(total);
    }
    let mut rows = OwnedRows { offsets, uids: vec![0; total as usize], values: vec![0; total as usize] };
    let mut parts = Vec::with_capacity(threads);
    let (mut uids, mut values) = (rows.uids.as_mut_slice(), rows.values.as_mut_slice());
    for part in 0..threads {
        let range = part * n / threads..(part + 1) * n / threads;
        let len = (rows.offsets[range.end] - rows.offsets[range.start]) as usize;
        let (these_uids, other_uids) = uids.split_at_mut(len);
        let (these_values, other_values) = values.split_at_mut(len);
        (uids, values) = (other_uids, other_values);
        parts.push((range, these_uids, these_values));
    }
    let offsets = &rows.offsets;
    let fill = |(range, uids, values): (std::ops::Range<usize>, &mut [u16], &mut [u16])| {
        let base = offsets[range.start];
        let mut next: Vec<usize> = range.clone().map(|i| (offsets[i] - base) as usize).collect();
        for i in range.clone().filter(|&i| !new_permit[i] && input.validator_permit[i] == 0) {
            let (kept_uids, kept_values) = input.bonds.row(i);
            let at = next[i - range.start];
            uids[at..at + kept_uids.len()].copy_from_slice(kept_uids);
            values[at..at + kept_values.len()].copy_from_slice(kept_values);
        }
        for task in tasks {
            task.bonds(&range, |row, uid, bond| {
                if new_permit[row] {
                    let at = &mut next[row - range.start];
                    uids[*at] = uid;
                    values[*at] = bond;
                    *at += 1;
                }
            });
        }
    };
    if threads == 1 {
        parts.into_iter().for_each(fill);
    } else {
        parts.into_par_iter().for_each(fill);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_one_pays_the_whole_emission() {
        assert_eq!(emission(ONE, (1 << 63) - 1), (1 << 63) - 1);
    }

    #[test]
    fn of_equal_shares_the_higher_uid_wins_the_permit() {
        assert_eq!(permits(&[5, 7, 5, 5], 2), [false, true, false, true]);
        assert_eq!(permits(&[5, 7], 3), [true, true]);
        assert_eq!(permits(&[5, 7], 0), [false, false]);
    }

    #[test]
    fn an_empty_market_is_scored() {
        let output = epoch(&Input { weights: rows(&[0]), bonds: rows(&[0]), ..Input::default() });
        assert_eq!(output.map(|output| output.bonds.offsets), Ok(vec![0]));
    }

    fn rows(offsets: &[u32]) -> crate::Rows<'_> {
        crate::Rows { offsets, uids: &[], values: &[] }
    }

    #[test]
    fn half_a_unit_rounds_up() {
        assert_eq!(pruning(&[131_070, 1])[1], 1);
        assert_eq!(pruning(&[131_071, 1])[1], 0);
    }
}
