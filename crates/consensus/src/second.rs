//! The second sweep over a range of columns: steps 10 to 13 and the bonds of 16.
use std::marker::PhantomData;

use crate::dense::{Scene, Scratch, Task, blocks, tiles};
use crate::first::{lay_weights, scaled};
use crate::fixed::{ONE, ratio};
use crate::lanes::{Codes, Entries, LANES, Lanes};
use crate::level::Work;
use crate::odd::Odd;
use crate::plan::{NOWHERE, Plan};
use crate::reciprocal::{Ratio, Share, WHOLE};
use crate::tiles::TILES;

/// u16(x) = (x · 65535) >> 32.
const U16_ONE: u32 = 65_535;

/// The second sweep of one task; `incentive` is that of its columns.
pub struct Second<'a> {
    pub task: &'a mut Task,
    pub scratch: &'a mut Scratch,
    pub scene: &'a Scene<'a>,
    pub incentive: &'a [u64],
}

/// What one tile knows of its columns.
pub struct Tile {
    /// Place of the tile in its block and in its task.
    pub in_block: usize,
    pub in_task: usize,
    pub ranks: [u64; LANES],
    pub medians: Codes,
    pub incentive: [u64; LANES],
}

#[allow(clippy::inline_always)] // inlined code takes on the instruction set of the function it is in
impl Work for Second<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Self { task, scratch, scene, incentive } = self;
        let plan = scene.plan;
        let (rows, votes) = (plan.rows.len(), plan.voters.len());
        let start = task.columns.start;
        task.dividends.clear();
        task.dividends.resize(rows, 0);
        task.counts.clear();
        task.counts.resize(plan.stored, 0);
        let places = tiles(task.columns.len()) * plan.stored;
        task.bonds.resize(places, Entries::default());
        task.kept.resize(places, 0);
        scratch.tile.resize(scratch.tile.len().max(rows), Codes::default());
        scratch.weights.open((0..votes).map(|at| scene.weights(at)), start);
        scratch.bonds.open((0..rows).map(|at| scene.bonds(at)), start);
        for block in blocks(&task.columns) {
            lay_weights(scratch, scene, votes, &block);
            for at in 0..rows {
                scratch.bonds.lay(at, scene.uid(at), scene.bonds(at), &block, &scene.market.rule);
            }
            for in_block in 0..tiles(block.len()) {
                let in_task = (block.start - start) / LANES + in_block;
                debug_assert!(in_block < TILES);
                let column = in_task * LANES;
                let mut tile =
                    Tile { in_block, in_task, ranks: [0; LANES], medians: [0; LANES], incentive: [0; LANES] };
                tile.ranks.copy_from_slice(&task.ranks[column..column + LANES]);
                tile.medians.copy_from_slice(&task.medians[column..column + LANES]);
                for (to, from) in tile.incentive.iter_mut().zip(&incentive[column..]) {
                    *to = *from;
                }
                sweep::<V>(task, scratch, scene, &tile);
            }
        }
    }
}

#[allow(clippy::inline_always)] // as above
#[inline(always)]
fn sweep<V: Lanes>(task: &mut Task, scratch: &mut Scratch, scene: &Scene<'_>, tile: &Tile) {
    let plan = scene.plan;
    // Of a row with all the stake the rank is a product, so a code, and equal to the one that divides by it.
    let new_sums = tile.ranks.map(|rank| Ratio::by(if plan.sole { rank.min(ONE - 1) } else { rank }));
    let (sums, largest) = match (plan.old, ONE - plan.old) {
        (0, _) => mix(scratch, plan, tile, &new_sums, &NewAlone::<V>(PhantomData)),
        (_, 0) => mix(scratch, plan, tile, &new_sums, &OldAlone::<V>(PhantomData)),
        (old, new) => {
            let (new, old) = (V::same_factor(new as u32), V::same_factor(old as u32));
            mix(scratch, plan, tile, &new_sums, &Both::<V> { new, old, whole: V::splat(WHOLE), one: V::splat(1) })
        }
    };
    // Columns of which some number has no code of its own.
    let mut odd = [false; LANES];
    for lane in 0..LANES {
        let full_rank = tile.ranks[lane] == ONE && !plan.sole;
        let full_sum = sums[lane] == ONE && largest[lane] == WHOLE;
        odd[lane] = full_rank || full_sum || tile.incentive[lane] == ONE;
        if odd[lane] {
            scratch.tile[..plan.rows.len()].iter_mut().for_each(|codes| codes[lane] = 0);
        }
    }
    pay::<V>(task, scratch, plan, tile, (&sums, &largest));
    for lane in (0..LANES).filter(|&lane| odd[lane]) {
        Odd { scene, lane }.average(task, scratch, tile);
    }
}

/// The moving average of step 12. Its weights are the same for the whole epoch.
trait Average<V: Lanes> {
    fn of(&self, new: V, old: V) -> V;
}

/// All weight on the new bonds.
struct NewAlone<V>(PhantomData<V>);

/// All weight on the old bonds.
struct OldAlone<V>(PhantomData<V>);

/// A part of each.
struct Both<V: Lanes> {
    new: V::Factor,
    old: V::Factor,
    whole: V,
    one: V,
}

#[allow(clippy::inline_always)] // as above
impl<V: Lanes> Average<V> for NewAlone<V> {
    #[inline(always)]
    fn of(&self, new: V, _: V) -> V {
        new
    }
}

#[allow(clippy::inline_always)] // as above
impl<V: Lanes> Average<V> for OldAlone<V> {
    #[inline(always)]
    fn of(&self, _: V, old: V) -> V {
        old
    }
}

#[allow(clippy::inline_always)] // as above
impl<V: Lanes> Average<V> for Both<V> {
    /// A product with the code of 1 is one unit short. Two of them make one, alone in its column, whose size does not
    /// matter: it stays a unit short, and in range.
    #[inline(always)]
    fn of(&self, new: V, old: V) -> V {
        new.times(self.new).plus(old.times(self.old)).plus_from(new.max(old), self.whole, self.one)
    }
}

/// Steps 10 to 12 before the last division: leaves E in the tile, gives its sum and its largest value per column.
#[allow(clippy::inline_always)] // as above
#[inline(always)]
fn mix<V: Lanes>(
    scratch: &mut Scratch,
    plan: &Plan,
    tile: &Tile,
    new_sums: &[Ratio; LANES],
    average: &impl Average<V>,
) -> ([u64; LANES], Codes) {
    let votes = plan.voters.len();
    let weights = scratch.weights.tile(tile.in_block);
    let bonds = scratch.bonds.tile(tile.in_block);
    let out = &mut scratch.tile[..plan.rows.len()];
    let old_shares = V::shares(&old_shares::<V>(bonds));
    let new_sums = V::ratios(new_sums);
    let median = V::load(&tile.medians);
    let (mut sums, mut largest) = (V::sums(), V::splat(0));
    let (voting, other) = out.split_at_mut(votes);
    let rows = weights.iter().zip(bonds).zip(&plan.shares).zip(&plan.voters);
    for ((((weights, bonds), share), voter), out) in rows.zip(voting) {
        let clipped = V::widen(weights).share(V::same_shares(share)).min(median);
        let new = scaled(clipped, voter).ratio(new_sums);
        let value = average.of(new, V::widen(bonds).share(old_shares));
        value.store(out);
        sums = value.add_to(sums);
        largest = largest.max(value);
    }
    for (bonds, out) in bonds[votes..].iter().zip(other) {
        let value = average.of(V::splat(0), V::widen(bonds).share(old_shares));
        value.store(out);
        sums = value.add_to(sums);
        largest = largest.max(value);
    }
    let mut codes = Codes::default();
    largest.store(&mut codes);
    (V::totals(sums), codes)
}

/// Divisors of the old bonds of each column.
#[allow(clippy::inline_always)] // as above
#[inline(always)]
fn old_shares<V: Lanes>(bonds: &[Entries]) -> [Share; LANES] {
    // Up to 4,096 entries of 16 bits.
    let (mut sums, mut largest) = (V::splat(0), V::splat(0));
    for bonds in bonds {
        let bonds = V::widen(bonds);
        sums = sums.plus(bonds);
        largest = largest.max(bonds);
    }
    let (mut sum, mut top) = (Codes::default(), Codes::default());
    sums.store(&mut sum);
    largest.store(&mut top);
    std::array::from_fn(|lane| Share::of(sum[lane], sum[lane] == top[lane]))
}

/// The last division of step 12, step 13 before its own, and the values of 16.
#[allow(clippy::inline_always)] // as above
#[inline(always)]
fn pay<V: Lanes>(
    task: &mut Task,
    scratch: &Scratch,
    plan: &Plan,
    tile: &Tile,
    (sums, largest): (&[u64; LANES], &Codes),
) {
    // Division keeps the order, so the largest stays the largest.
    let tops: [u64; LANES] = std::array::from_fn(|lane| match sums[lane] {
        0 => 0,
        sum => ratio(u64::from(largest[lane]), sum).min(ONE - 1),
    });
    let sums = V::ratios(&sums.map(Ratio::by));
    let tops = V::ratios(&tops.map(Ratio::by));
    let (whole, one, to_u16) = (V::splat(WHOLE), V::splat(1), V::same_factor(U16_ONE));
    let incentive = tile.incentive.map(|incentive| incentive.min(ONE - 1) as u32);
    let units = V::load(&incentive.map(|incentive| incentive.min(1)));
    let incentive = V::load(&incentive).factor();
    let from = tile.in_task * plan.stored;
    let bonds = &mut task.bonds[from..from + plan.stored];
    let kept = &mut task.kept[from..from + plan.stored];
    let rows = scratch.tile.iter().zip(&mut task.dividends).zip(&plan.slots);
    for ((codes, dividend), &slot) in rows {
        let ema = V::load(codes).ratio(sums);
        *dividend += ema.times(incentive).plus_from(ema, whole, units).sum();
        if slot != NOWHERE {
            let slot = slot as usize;
            let scaled = ema.ratio(tops);
            scaled.times(to_u16).plus_from(scaled, whole, one).narrow(&mut bonds[slot]);
            let positive = ema.positive();
            kept[slot] = positive;
            task.counts[slot] += positive.count_ones();
        }
    }
}
