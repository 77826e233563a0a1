//! The first sweep over a range of columns: steps 5 to 9.
use std::ops::Range;

use crate::dense::{Scene, Scratch, Task, blocks};
use crate::lanes::{Codes, LANES, Lanes};
use crate::level::Work;
use crate::plan::{Plan, Voter};
use crate::reciprocal::{WHOLE, decode};

/// The first sweep of one task.
pub struct First<'a> {
    pub task: &'a mut Task,
    pub scratch: &'a mut Scratch,
    pub scene: &'a Scene<'a>,
}

#[allow(clippy::inline_always)] // inlined code takes on the instruction set of the function it is in
impl Work for First<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Self { task, scratch, scene } = self;
        let plan = scene.plan;
        let weighted = plan.shares.len();
        for list in [&mut task.preranks, &mut task.ranks] {
            list.clear();
        }
        task.medians.clear();
        task.trust.clear();
        task.trust.resize(weighted, 0);
        scratch.weights.open((0..weighted).map(|at| scene.weights(at)), task.columns.start);
        scratch.tile.resize(scratch.tile.len().max(plan.rows.len()), Codes::default());
        for block in blocks(&task.columns) {
            lay_weights(scratch, scene, weighted, &block);
            for tile in 0..crate::dense::tiles(block.len()) {
                sweep::<V>(task, scratch, plan, tile);
            }
        }
    }
}

/// Lays out the weights of the plan's first `rows` rows, without the diagonal.
#[allow(clippy::inline_always)] // as above
#[inline(always)]
pub fn lay_weights(scratch: &mut Scratch, scene: &Scene<'_>, rows: usize, block: &Range<usize>) {
    for at in 0..rows {
        let uid = scene.uid(at);
        scratch.weights.lay(at, uid, scene.weights(at), block, &scene.market.rule);
        scratch.weights.clear_diagonal(at, uid, block);
    }
}

/// A·W of one voter, in codes.
#[allow(clippy::inline_always)] // as above
#[inline(always)]
pub fn scaled<V: Lanes>(weight: V, voter: &Voter) -> V {
    let one = V::splat(1);
    weight.times(V::same_factor(voter.stake)).plus_from(weight, V::splat(voter.unit_from), one)
}

#[allow(clippy::inline_always)] // as above
#[inline(always)]
fn sweep<V: Lanes>(task: &mut Task, scratch: &mut Scratch, plan: &Plan, tile: usize) {
    let entries = scratch.weights.tile(tile);
    let votes = plan.voters.len();
    let scores = &mut scratch.tile[..votes];
    let (mut low, mut high, mut preranks) = (V::splat(WHOLE), V::splat(0), V::sums());
    for (((entries, share), voter), score) in entries.iter().zip(&plan.shares).zip(&plan.voters).zip(scores.iter_mut())
    {
        let weight = V::widen(entries).share(V::same_shares(share));
        weight.store(score);
        low = low.min(weight);
        high = high.max(weight);
        preranks = scaled(weight, voter).add_to(preranks);
    }
    if plan.silent || votes == 0 {
        low = V::splat(0);
    }
    let median = median::<V>(scores, plan, low, high);
    let mut ranks = V::sums();
    for ((score, voter), trust) in scores.iter().zip(&plan.voters).zip(&mut task.trust) {
        let clipped = V::load(score).min(median);
        *trust += clipped.sum();
        ranks = scaled(clipped, voter).add_to(ranks);
    }
    for ((entries, share), trust) in entries.iter().zip(&plan.shares).zip(&mut task.trust).skip(votes) {
        *trust += V::widen(entries).share(V::same_shares(share)).min(median).sum();
    }
    // The products of a row that has all the stake are codes, and it is the only one that adds to these sums.
    let value = |sum: u64| if plan.sole { decode(sum as u32) } else { sum };
    task.preranks.extend(V::totals(preranks).map(value));
    task.ranks.extend(V::totals(ranks).map(value));
    let mut medians = Codes::default();
    median.store(&mut medians);
    task.medians.extend(medians);
}

/// Step 7: the smallest p between the lowest and the highest score with stake(score > p) < κ, which is the same as
/// stake(score ≤ p) > minority; the highest where there is none. All columns are halved at once, bit by bit.
///
/// Two halves of the voters are counted apart: where more than one has stake, no half can have all of it, and its sum
/// fits 32 bits.
#[allow(clippy::inline_always)] // as above
#[inline(always)]
fn median<V: Lanes>(scores: &[Codes], plan: &Plan, low: V, high: V) -> V {
    let (mut lows, mut highs) = (Codes::default(), Codes::default());
    low.store(&mut lows);
    high.store(&mut highs);
    let half = scores.len() / 2;
    let (scores, others) = scores.split_at(half);
    let (voters, other_voters) = plan.voters.split_at(half);
    let mut middles = Codes::default();
    while lows != highs {
        for lane in 0..LANES {
            middles[lane] = lows[lane] + (highs[lane] - lows[lane]) / 2;
        }
        let middle = V::load(&middles);
        let (mut above, mut other_above) = (V::splat(0), V::splat(0));
        for (score, voter) in scores.iter().zip(voters) {
            above = above.plus_above(V::load(score), middle, V::splat(voter.share));
        }
        for (score, voter) in others.iter().zip(other_voters) {
            other_above = other_above.plus_above(V::load(score), middle, V::splat(voter.share));
        }
        let above = V::totals(other_above.add_to(above.add_to(V::sums())));
        for lane in 0..LANES {
            if above[lane] < plan.majority {
                highs[lane] = middles[lane];
            } else if lows[lane] < highs[lane] {
                lows[lane] = middles[lane] + 1;
            }
        }
    }
    V::load(&highs)
}
