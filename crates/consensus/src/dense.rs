//! Steps 5 to 12 over tiles of sixteen columns, for matrices that are mostly full. Two sweeps: the first gives the median
//! and the rank of every column, the second, when all ranks are known, the bonds and the dividends. Reading the weights
//! twice costs less than keeping what the first sweep made of them.
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::first::First;
use crate::lanes::{Codes, Entries, LANES};
use crate::level::Level;
use crate::market::Market;
use crate::plan::Plan;
use crate::reciprocal::{WHOLE, decode};
use crate::rows::Row;
use crate::second::Second;
use crate::tiles::{BLOCK, Block};

/// Ranges of columns per thread, so that a disturbed thread does not keep the others waiting.
const TASKS_PER_THREAD: usize = 4;

/// Buffers of one thread while it sweeps.
#[derive(Debug, Default)]
pub struct Scratch {
    pub weights: Block,
    pub bonds: Block,
    /// Codes of the tile in work, by row.
    pub tile: Vec<Codes>,
    /// One column, for the arithmetic that lanes cannot do.
    pub column: Vec<(u16, u64)>,
}

/// A range of columns and what the sweeps found in it.
#[derive(Debug, Default)]
pub struct Task {
    pub columns: Range<usize>,
    /// Σ A·W before and after the clip, and the median, per column, the last tile filled up with zeros.
    pub preranks: Vec<u64>,
    pub ranks: Vec<u64>,
    pub medians: Vec<u32>,
    /// Σ of the clipped weights' codes in this range, per row of the plan that has weights.
    pub trust: Vec<u64>,
    /// Σ incentive·E in this range, per row of the plan.
    pub dividends: Vec<u64>,
    /// Stored bonds: of tile t and the row with place s at t · stored + s; bit c of `kept` says that column c has one.
    pub bonds: Vec<Entries>,
    pub kept: Vec<u16>,
    /// Bonds in this range, per place.
    pub counts: Vec<u32>,
}

/// What the sweeps read.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    pub market: &'a Market<'a>,
    pub plan: &'a Plan,
    /// A of step 4, per uid.
    pub active_stake: &'a [u64],
    pub level: Level,
}

impl<'a> Scene<'a> {
    /// The uid of the `at`-th row of the plan.
    #[inline]
    pub fn uid(&self, at: usize) -> usize {
        usize::from(self.plan.rows[at])
    }

    #[inline]
    pub fn weights(&self, at: usize) -> Row<'a> {
        self.market.ratings[self.uid(at)].row
    }

    #[inline]
    pub fn bonds(&self, at: usize) -> Row<'a> {
        self.market.bonds[self.uid(at)]
    }
}

/// Blocks of a range of columns.
pub fn blocks(columns: &Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
    let end = columns.end;
    columns.clone().step_by(BLOCK).map(move |start| start..end.min(start + BLOCK))
}

/// The tasks of one epoch and the buffers that they leave for the next.
#[derive(Debug, Default)]
pub struct Dense {
    pub tasks: Vec<Task>,
    scratches: Mutex<Vec<Scratch>>,
}

impl Dense {
    /// The first sweep over all columns.
    pub fn score(&mut self, scene: &Scene<'_>, threads: usize) {
        self.divide(scene.active_stake.len(), threads);
        self.each(threads, |task, scratch| scene.level.run(First { task, scratch, scene }));
    }

    /// The second sweep: `incentive` is that of all columns.
    pub fn pay(&mut self, scene: &Scene<'_>, incentive: &[u64], threads: usize) {
        self.each(threads, |task, scratch| {
            let incentive = &incentive[task.columns.clone()];
            scene.level.run(Second { task, scratch, scene, incentive });
        });
    }

    fn divide(&mut self, n: usize, threads: usize) {
        let blocks = n.div_ceil(BLOCK);
        let parts = if threads == 1 { 1 } else { (threads * TASKS_PER_THREAD).min(blocks.max(1)) };
        self.tasks.resize_with(parts, Task::default);
        for (part, task) in self.tasks.iter_mut().enumerate() {
            let edge = |part: usize| (part * blocks / parts * BLOCK).min(n);
            task.columns = edge(part)..edge(part + 1);
        }
    }

    fn each(&mut self, threads: usize, work: impl Fn(&mut Task, &mut Scratch) + Send + Sync) {
        let scratches = &self.scratches;
        let take = || scratches.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        let give = |scratch| scratches.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
        let run = |task: &mut Task| {
            let mut scratch = take();
            work(task, &mut scratch);
            give(scratch);
        };
        if threads == 1 {
            self.tasks.iter_mut().for_each(run);
        } else {
            self.tasks.par_iter_mut().with_max_len(1).for_each(run);
        }
    }

    /// A result per column.
    pub fn columns<T>(&self, part: impl Fn(&Task) -> &Vec<T>, value: impl Fn(&T) -> u64) -> Vec<u64> {
        let of = |task: &Task| part(task).iter().take(task.columns.len()).map(&value).collect::<Vec<u64>>();
        self.tasks.iter().flat_map(of).collect()
    }

    /// Σ of the clipped weights per uid: of a row with a single weight it is one code, of any other the sum itself.
    pub fn trust(&self, scene: &Scene<'_>) -> Vec<u64> {
        let mut trust = self.rows(scene, |task| &task.trust);
        for (uid, trust) in trust.iter_mut().enumerate() {
            if scene.market.ratings[uid].alone && *trust == u64::from(WHOLE) {
                *trust = decode(WHOLE);
            }
        }
        trust
    }

    /// Σ incentive·E per uid.
    pub fn dividends(&self, scene: &Scene<'_>) -> Vec<u64> {
        self.rows(scene, |task| &task.dividends)
    }

    fn rows(&self, scene: &Scene<'_>, part: impl Fn(&Task) -> &Vec<u64>) -> Vec<u64> {
        let mut sums = vec![0; scene.active_stake.len()];
        for task in &self.tasks {
            for (&row, value) in scene.plan.rows.iter().zip(part(task)) {
                sums[usize::from(row)] += value;
            }
        }
        sums
    }
}

/// Tiles that `columns` columns fill.
pub const fn tiles(columns: usize) -> usize {
    columns.div_ceil(LANES)
}
