//! One epoch: the steps of `consensus-scoring.md` in order. Steps 5 to 13 have two ways, one for full matrices
//! (`dense.rs`) and one for empty ones (`sparse.rs`), which give the same bits.
use crate::dense::{Dense, Scene};
use crate::error::Error;
use crate::fixed::{ONE, normalise, ratio, to_u16};
use crate::input::{Input, MILLION};
use crate::level::Level;
use crate::market::{Market, PARALLEL_ENTRIES_MIN};
use crate::median::Electorate;
use crate::output::Output;
use crate::plan::Plan;
use crate::reciprocal::decode;
use crate::rows::OwnedRows;
use crate::sparse::{Shared, Sparse};
use crate::store::{self, Keeping};

/// Of the places in the rows that count, one in so many must be filled to make tiles the faster way.
const DENSE_FROM: usize = 8;

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

/// How far an epoch is computed; what lies beyond is left empty in its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Up to step 9: rank, trust, consensus, incentive, validator trust, and who is active and permitted.
    Scores,
    /// Dividends, emissions and pruning scores too.
    Rewards,
    /// Everything.
    Bonds,
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

/// What steps 5 to 13 and 16 give.
#[derive(Default)]
struct Found {
    preranks: Vec<u64>,
    ranks: Vec<u64>,
    consensus: Vec<u64>,
    trust: Vec<u64>,
    incentive: Vec<u64>,
    dividends: Vec<u64>,
    bonds: OwnedRows,
}

impl Found {
    /// The outputs of steps 5 to 9.
    fn scores(&self) -> Output {
        let trust = self.ranks.iter().zip(&self.preranks);
        let trust = trust.map(|(&rank, &all)| if all == 0 { 0 } else { ratio(rank, all) });
        Output {
            rank: u16s(&self.incentive),
            trust: trust.map(to_u16).collect(),
            consensus: u16s(&self.consensus),
            incentive: u16s(&self.incentive),
            validator_trust: u16s(&self.trust),
            ..Output::default()
        }
    }
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
        Ok(self.score(input, &market, threads, Depth::Bonds))
    }

    /// Scores a checked input. `market` is made of it, or of an input that differs in no more than what `Market` does
    /// not hold.
    pub(crate) fn score(&mut self, input: &Input<'_>, market: &Market<'_>, threads: usize, depth: Depth) -> Output {
        let active: Vec<bool> =
            input.last_update.iter().map(|&update| update + u64::from(input.activity_cutoff) >= input.block).collect();
        let stakes = stakes(input, &active);
        let new_permit = permits(&stakes.share, usize::from(input.max_allowed_validators));
        self.electorate.elect(&stakes.active, input.kappa);
        self.plan.old = (input.bonds_moving_average << 32) / MILLION;
        let storing = (depth >= Depth::Bonds).then_some(&new_permit[..]);
        self.plan.draw(market, &stakes.active, &self.electorate, storing);
        let keeping = Keeping::of(input, market, &new_permit);
        let dense = match self.way {
            Way::Suited => market.entries * DENSE_FROM >= self.plan.rows.len() * stakes.share.len(),
            way => way == Way::Dense,
        };
        let found = if dense {
            self.by_tiles(market, &stakes, &keeping, threads, depth)
        } else {
            self.by_lists(market, &stakes, &keeping, threads, depth)
        };
        let mut output = found.scores();
        if depth >= Depth::Rewards {
            let shares = Shares::of(&found.incentive, &found.dividends, &stakes);
            let emit = |share: &[u64]| share.iter().map(|&share| emission(share, input.emission)).collect();
            output.dividends = u16s(&found.dividends);
            output.pruning_scores = pruning(&shares.combined);
            output.emission = emit(&shares.combined);
            output.server_emission = emit(&shares.server);
            output.validator_emission = emit(&shares.validator);
        }
        output.active = active.into_iter().map(u8::from).collect();
        output.validator_permit = new_permit.iter().map(|&permit| u8::from(permit)).collect();
        output.bonds = found.bonds;
        output
    }

    fn by_tiles(
        &mut self,
        market: &Market<'_>,
        stakes: &Stakes,
        keeping: &Keeping<'_>,
        threads: usize,
        depth: Depth,
    ) -> Found {
        let scene = Scene { market, plan: &self.plan, active_stake: &stakes.active, level: self.level };
        self.dense.score(&scene, threads);
        let ranks = self.dense.columns(|task| &task.ranks, |&sum| sum);
        let mut found = Found {
            preranks: self.dense.columns(|task| &task.preranks, |&sum| sum),
            consensus: self.dense.columns(|task| &task.medians, |&code| decode(code)),
            trust: self.dense.trust(&scene),
            incentive: normalised(&ranks),
            ranks,
            ..Found::default()
        };
        if depth >= Depth::Rewards {
            self.dense.pay(&scene, &found.incentive, threads);
            found.dividends = normalised(&self.dense.dividends(&scene));
        }
        if depth >= Depth::Bonds {
            found.bonds = store::dense(&self.dense, &self.plan, keeping, threads);
        }
        found
    }

    fn by_lists(
        &mut self,
        market: &Market<'_>,
        stakes: &Stakes,
        keeping: &Keeping<'_>,
        threads: usize,
        depth: Depth,
    ) -> Found {
        let shared = Shared { market, active_stake: &stakes.active, electorate: &self.electorate, old: self.plan.old };
        self.sparse.score(&shared, threads);
        let ranks = self.sparse.columns(|task| &task.ranks);
        let mut found = Found {
            preranks: self.sparse.columns(|task| &task.preranks),
            consensus: self.sparse.columns(|task| &task.consensus),
            trust: self.sparse.rows(stakes.active.len(), |task| &task.validator_trust),
            incentive: normalised(&ranks),
            ranks,
            ..Found::default()
        };
        if depth >= Depth::Rewards {
            found.dividends = normalised(&self.sparse.pay(&found.incentive, threads));
        }
        if depth >= Depth::Bonds {
            found.bonds = store::sparse(&self.sparse, keeping, threads);
        }
        found
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
