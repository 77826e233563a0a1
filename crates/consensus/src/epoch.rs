//! One epoch: the steps of `consensus-scoring.md` in order. Steps 5 to 13 have two ways, one for full matrices
//! (`dense.rs`) and one for empty ones (`sparse.rs`), which give the same bits.
use crate::dense::{Dense, Scene};
use crate::error::Error;
use crate::fixed::{ONE, normalise, ratio, to_u16};
use crate::input::Input;
use crate::level::Level;
use crate::market::Market;
use crate::median::Electorate;
use crate::output::{Output, OwnedRows};
use crate::plan::Plan;
use crate::reciprocal::decode;
use crate::sparse::{Shared, Sparse};
use crate::store::{self, Keeping};

/// Entries below which threads cost more than they save.
const PARALLEL_ENTRIES_MIN: usize = 20_000;
/// Of the places in the rows that count, one in so many must be filled to make tiles the faster way.
const DENSE_FROM: usize = 8;
const MILLION: u64 = 1_000_000;

/// How steps 5 to 13 go over the matrix. No result depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// What the number of entries suggests.
    Suited,
    /// Tiles of sixteen columns.
    Dense,
    /// Lists of entries.
    Sparse,
}

/// Buffers that one epoch leaves for the next, and how it is computed.
#[derive(Debug)]
pub struct Workspace {
    dense: Dense,
    sparse: Sparse,
    plan: Plan,
    electorate: Electorate,
    level: Level,
    way: Way,
}

impl Default for Workspace {
    fn default() -> Self {
        Self::with(Level::best(), Way::Suited)
    }
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

/// What steps 5 to 9 give.
struct Scored {
    preranks: Vec<u64>,
    ranks: Vec<u64>,
    consensus: Vec<u64>,
    trust: Vec<u64>,
}

impl Workspace {
    /// A workspace that computes in a given way: for tests and measurements.
    pub fn with(level: Level, way: Way) -> Self {
        Self {
            dense: Dense::default(),
            sparse: Sparse::default(),
            plan: Plan::default(),
            electorate: Electorate::default(),
            level,
            way,
        }
    }

    /// Scores one epoch. The result depends on nothing but `input`: not on the threads, nor on epochs before.
    ///
    /// # Errors
    /// What the definition refuses, see [`Error`].
    pub fn epoch(&mut self, input: &Input<'_>) -> Result<Output, Error> {
        let market = Market::of(input, self.level)?;
        let threads = if market.entries < PARALLEL_ENTRIES_MIN { 1 } else { rayon::current_num_threads() };
        Ok(self.score(input, &market, threads))
    }

    /// Scores a checked input. `market` is made of it, or of an input that differs in no more than what `Market` does
    /// not hold.
    pub(crate) fn score(&mut self, input: &Input<'_>, market: &Market<'_>, threads: usize) -> Output {
        let active: Vec<bool> =
            input.last_update.iter().map(|&update| update + u64::from(input.activity_cutoff) >= input.block).collect();
        let stakes = stakes(input, &active);
        let new_permit = permits(&stakes.share, usize::from(input.max_allowed_validators));
        self.electorate.elect(&stakes.active, input.kappa);
        self.plan.old = (input.bonds_moving_average << 32) / MILLION;
        self.plan.draw(market, &stakes.active, &self.electorate, Some(&new_permit));
        let keeping = Keeping::of(input, market, &new_permit);
        let dense = match self.way {
            Way::Suited => market.entries * DENSE_FROM >= self.plan.rows.len() * stakes.share.len(),
            way => way == Way::Dense,
        };
        let (scored, incentive, dividends, bonds) = if dense {
            self.by_tiles(market, &stakes, &keeping, threads)
        } else {
            self.by_lists(market, &stakes, &keeping, threads)
        };
        let shares = Shares::of(&incentive, &dividends, &stakes);
        let Scored { ranks, preranks, .. } = &scored;
        let trust = ranks.iter().zip(preranks).map(|(&rank, &all)| if all == 0 { 0 } else { ratio(rank, all) });
        let emit = |share: &[u64]| share.iter().map(|&share| emission(share, input.emission)).collect();
        Output {
            rank: u16s(&incentive),
            trust: trust.map(to_u16).collect(),
            consensus: u16s(&scored.consensus),
            incentive: u16s(&incentive),
            dividends: u16s(&dividends),
            validator_trust: u16s(&scored.trust),
            pruning_scores: pruning(&shares.combined),
            emission: emit(&shares.combined),
            server_emission: emit(&shares.server),
            validator_emission: emit(&shares.validator),
            active: active.into_iter().map(u8::from).collect(),
            bonds,
            validator_permit: new_permit.into_iter().map(u8::from).collect(),
        }
    }

    fn by_tiles(
        &mut self,
        market: &Market<'_>,
        stakes: &Stakes,
        keeping: &Keeping<'_>,
        threads: usize,
    ) -> (Scored, Vec<u64>, Vec<u64>, OwnedRows) {
        let scene = Scene { market, plan: &self.plan, active_stake: &stakes.active, level: self.level };
        self.dense.score(&scene, threads);
        let scored = Scored {
            preranks: self.dense.columns(|task| &task.preranks, |&sum| sum),
            ranks: self.dense.columns(|task| &task.ranks, |&sum| sum),
            consensus: self.dense.columns(|task| &task.medians, |&code| decode(code)),
            trust: self.dense.trust(&scene),
        };
        let incentive = normalised(&scored.ranks);
        self.dense.pay(&scene, &incentive, threads);
        let mut dividends = self.dense.dividends(&scene);
        normalise(&mut dividends);
        let bonds = store::dense(&self.dense, &self.plan, keeping, threads);
        (scored, incentive, dividends, bonds)
    }

    fn by_lists(
        &mut self,
        market: &Market<'_>,
        stakes: &Stakes,
        keeping: &Keeping<'_>,
        threads: usize,
    ) -> (Scored, Vec<u64>, Vec<u64>, OwnedRows) {
        let shared = Shared { market, active_stake: &stakes.active, electorate: &self.electorate, old: self.plan.old };
        self.sparse.score(&shared, threads);
        let scored = Scored {
            preranks: self.sparse.columns(|task| &task.preranks),
            ranks: self.sparse.columns(|task| &task.ranks),
            consensus: self.sparse.columns(|task| &task.consensus),
            trust: self.sparse.rows(stakes.active.len(), |task| &task.validator_trust),
        };
        let incentive = normalised(&scored.ranks);
        let mut dividends = self.sparse.pay(&incentive, threads);
        normalise(&mut dividends);
        let bonds = store::sparse(&self.sparse, keeping, threads);
        (scored, incentive, dividends, bonds)
    }
}

fn normalised(values: &[u64]) -> Vec<u64> {
    let mut values = values.to_vec();
    normalise(&mut values);
    values
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
