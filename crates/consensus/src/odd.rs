//! Steps 10 to 13 and 16 of a single column in 64-bit numbers: for the few columns of the dense way in which a sum is
//! exactly 1 and a number a unit below it, which 32 bits cannot tell from 1. At most a few columns of any epoch are so.
use crate::dense::{Scene, Scratch, Task};
use crate::fixed::{Divisor, ONE, mul, to_u16};
use crate::lanes::LANES;
use crate::plan::NOWHERE;
use crate::reciprocal::decode;
use crate::second::Tile;

/// A column of a tile whose lane is 0 in all that the second sweep left of it.
pub struct Odd<'a> {
    pub scene: &'a Scene<'a>,
    pub lane: usize,
}

impl Odd<'_> {
    /// Adds the column's dividends and bonds to the task.
    pub fn average(self, task: &mut Task, scratch: &mut Scratch, tile: &Tile) {
        let (plan, lane) = (self.scene.plan, self.lane);
        self.mix(scratch, tile);
        let sum: u64 = scratch.column.iter().map(|&(_, value)| value).sum();
        let largest = scratch.column.iter().map(|&(_, value)| value).max().unwrap_or(0);
        let sum = Divisor::new(sum);
        let top = Divisor::new(if sum.by() == 0 { 0 } else { sum.ratio(largest) });
        for &(at, value) in &scratch.column {
            let at = usize::from(at);
            let ema = sum.ratio(value);
            task.dividends[at] += mul(tile.incentive[lane], ema);
            if plan.slots[at] != NOWHERE {
                let slot = plan.slots[at] as usize;
                let place = tile.in_task * plan.stored + slot;
                task.bonds[place][lane] = to_u16(top.ratio(ema));
                task.kept[place] |= 1 << lane;
                task.counts[slot] += 1;
            }
        }
    }

    /// Steps 11 and 12 before the last division: rows of the plan and their E above 0.
    fn mix(&self, scratch: &mut Scratch, tile: &Tile) {
        let Self { scene, lane } = *self;
        let plan = scene.plan;
        let weights = scratch.weights.tile(tile.in_block);
        let bonds = scratch.bonds.tile(tile.in_block);
        let median = decode(tile.medians[lane]);
        let old_sum = Divisor::new(bonds.iter().map(|bonds| u64::from(bonds[lane])).sum());
        let new_sum = Divisor::new(tile.ranks[lane]);
        scratch.column.clear();
        for (at, bonds) in bonds.iter().enumerate() {
            let mut value = 0;
            if at < plan.voters.len() && weights[at][lane] != 0 {
                let weight = decode(plan.shares[at].code(u32::from(weights[at][lane])));
                let new = mul(scene.active_stake[scene.uid(at)], weight.min(median));
                if new != 0 {
                    value += mul(ONE - plan.old, new_sum.ratio(new));
                }
            }
            if bonds[lane] != 0 {
                value += mul(plan.old, old_sum.quotient(u64::from(bonds[lane]) << 32));
            }
            if value != 0 {
                scratch.column.push((at as u16, value));
            }
        }
    }
}

const _: () = assert!(LANES == 16, "a row's columns are the bits of a u16");
