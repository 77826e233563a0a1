//! Step 7: the stake-weighted median of a column, as the smallest score p with stake(score ≤ p) > minority, or the
//! largest score where there is none.
use std::cmp::Ordering;

use crate::fixed::normalise;

/// Rounds of partitioning after which the rest is sorted instead, so that no arrangement of rows costs n² steps.
const ROUNDS_MAX: u32 = 32;

/// One scoring row of a column: its score and its share of the active stake.
pub type Vote = (u64, u64);

/// The rows with active stake, their shares once more divided by the sum.
#[derive(Debug, Default)]
pub struct Electorate {
    /// Share of each uid, 0 where it has no active stake.
    pub share: Vec<u64>,
    /// Rows with a share.
    pub rows: usize,
    /// Σ share, often a few units below 1.
    pub total: u64,
    /// κ, in I32F32.
    pub majority: u64,
    /// total − κ; negative where κ exceeds the total.
    pub minority: i64,
}

impl Electorate {
    /// Of the stake A of step 4, at κ = kappa / 65535.
    pub fn elect(&mut self, active_stake: &[u64], kappa: u16) {
        self.share.clear();
        self.share.extend_from_slice(active_stake);
        normalise(&mut self.share);
        self.rows = self.share.iter().filter(|&&share| share != 0).count();
        self.total = self.share.iter().sum();
        self.majority = (u64::from(kappa) << 32) / 65_535;
        self.minority = self.total as i64 - self.majority as i64;
    }

    /// The median of a column of which `votes` are the rows with a score above 0; all others score 0.
    pub fn median(&self, votes: &mut [Vote]) -> u64 {
        let voting: u64 = votes.iter().map(|&(_, stake)| stake).sum();
        let silent = self.total - voting;
        if votes.is_empty() || (self.rows > votes.len() && silent as i64 > self.minority) {
            return 0;
        }
        select(votes, silent as i64, self.minority)
    }
}

fn select(votes: &mut [Vote], below: i64, minority: i64) -> u64 {
    let (mut votes, mut below) = (votes, below);
    for _ in 0..ROUNDS_MAX {
        let pivot = middle(votes);
        let (lower, equal, stakes) = partition(votes, pivot);
        if lower > 0 && below + stakes.0 > minority {
            votes = &mut votes[..lower];
            continue;
        }
        below += stakes.0 + stakes.1;
        if below > minority || lower + equal == votes.len() {
            return pivot;
        }
        votes = &mut votes[lower + equal..];
    }
    sorted(votes, below, minority)
}

/// The median of the first, middle and last score: good pivots for ordered rows as well as for random ones.
fn middle(votes: &[Vote]) -> u64 {
    let (a, b, c) = (votes[0].0, votes[votes.len() / 2].0, votes[votes.len() - 1].0);
    a.max(b).min(a.min(b).max(c))
}

/// Orders `votes` as below, equal to and above `pivot`; gives the first two counts and their stakes.
fn partition(votes: &mut [Vote], pivot: u64) -> (usize, usize, (i64, i64)) {
    let (mut lower, mut next, mut upper) = (0, 0, votes.len());
    let (mut below, mut at) = (0, 0);
    while next < upper {
        let (score, stake) = votes[next];
        match score.cmp(&pivot) {
            Ordering::Less => {
                below += stake as i64;
                votes.swap(lower, next);
                lower += 1;
                next += 1;
            }
            Ordering::Equal => {
                at += stake as i64;
                next += 1;
            }
            Ordering::Greater => {
                upper -= 1;
                votes.swap(next, upper);
            }
        }
    }
    (lower, upper - lower, (below, at))
}

fn sorted(votes: &mut [Vote], mut below: i64, minority: i64) -> u64 {
    votes.sort_unstable();
    let mut last = 0;
    for &mut (score, stake) in votes {
        below += stake as i64;
        last = score;
        if below > minority {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The partitioning of the definition, word for word, over every row including those that score 0.
    fn defined(rows: &[Vote], total: i64, minority: i64) -> u64 {
        let (mut part, mut lo, mut hi) = (rows.to_vec(), 0_i64, total);
        loop {
            if part.is_empty() {
                return 0;
            }
            let pivot = part[part.len() / 2].0;
            let lower: Vec<Vote> = part.iter().copied().filter(|&(score, _)| score < pivot).collect();
            let upper: Vec<Vote> = part.iter().copied().filter(|&(score, _)| score > pivot).collect();
            let stake = |votes: &[Vote]| votes.iter().map(|&(_, stake)| stake as i64).sum::<i64>();
            let (below, above) = (stake(&lower), stake(&upper));
            if lo + below <= minority && minority < hi - above {
                return pivot;
            } else if minority < lo + below && !lower.is_empty() {
                hi = lo + below;
                part = lower;
            } else if hi - above <= minority && !upper.is_empty() {
                lo = hi - above;
                part = upper;
            } else {
                return pivot;
            }
        }
    }

    fn next(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *state >> 33
    }

    #[test]
    fn selection_equals_the_partitioning_of_the_definition() {
        let mut state = 7;
        for case in 0..20_000_u32 {
            let rows: Vec<Vote> = (0..next(&mut state) % 24)
                .map(|_| (next(&mut state) % (1 + u64::from(case % 9)), 1 + next(&mut state) % 5))
                .collect();
            let total: u64 = rows.iter().map(|row| row.1).sum();
            let minority = total as i64 - (next(&mut state) % (total + 3)) as i64;
            let electorate = Electorate { share: Vec::new(), rows: rows.len(), total, majority: 0, minority };
            let mut votes: Vec<Vote> = rows.iter().copied().filter(|row| row.0 > 0).collect();
            assert_eq!(electorate.median(&mut votes), defined(&rows, total as i64, minority), "{rows:?} {minority}");
            let mut whole = rows.clone();
            if !whole.is_empty() {
                assert_eq!(sorted(&mut whole, 0, minority), defined(&rows, total as i64, minority));
            }
        }
    }
}
