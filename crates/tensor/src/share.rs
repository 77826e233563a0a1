//! Tasks shared out among threads: this one, and those of the rayon pool that come in time.
#![allow(unsafe_code)] // helpers are handed a task by pointer, since they may come too late for it
use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::helpers::summon;

/// Pieces of many tasks for each thread, so that a late one does not hold up the others for long.
const PIECES: usize = 16;

/// What the threads of one call share. `task` is only used by who has claimed a piece.
///
/// The pieces of each stage are cut into as many runs of neighbours as there are threads. A thread does its own run first,
/// and then what is left of others': so it meets the same places of memory stage after stage, and call after call, which lie
/// in its caches and no other's.
pub(crate) struct Call {
    /// Of each run of each stage.
    runs: Box<[Run]>,
    threads: usize,
    /// Threads that have come; the caller is the first.
    came: AtomicUsize,
    done: AtomicUsize,
    task: *const (dyn Fn(usize, usize) + Sync),
    /// What a task panicked with.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// Neighbouring pieces of one stage.
struct Run {
    next: AtomicUsize,
    end: usize,
    start: usize,
}

impl Run {
    fn claim(&self) -> Option<usize> {
        // Who sees that a run was closed sees that those of later stages were (`Call::end`).
        let piece = self.next.fetch_add(1, Ordering::Acquire);
        (piece < self.end).then_some(piece)
    }

    /// Leaves nothing to be claimed; gives how many were.
    fn close(&self) -> usize {
        self.next.swap(self.end, Ordering::Release).min(self.end) - self.start
    }
}

// SAFETY: the task may be called by several threads at once (it is `Sync`), and `call` does not return, so that the
// task stays alive, before every claimed piece was done.
unsafe impl Send for Call {}
// SAFETY: as above.
unsafe impl Sync for Call {}

/// Counts a piece as done, also when its task panicked.
struct Done<'a>(&'a AtomicUsize);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

impl Call {
    /// Stages in order: who comes to one has seen every piece of those before claimed. A panic ends it and is kept for the
    /// caller.
    fn work(&self, me: usize) {
        for (stage, runs) in self.runs.chunks(self.threads).enumerate() {
            let (others, own) = runs.split_at(me);
            for run in own.iter().chain(others) {
                while let Some(piece) = run.claim() {
                    let _done = Done(&self.done);
                    // SAFETY: this piece was claimed, so `call` waits for it and the task is alive.
                    let end = catch_unwind(AssertUnwindSafe(|| unsafe { (*self.task)(stage, piece) }));
                    if let Err(panic) = end {
                        // Before the piece counts as done: the caller looks for it as soon as all do.
                        *self.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
                        return;
                    }
                }
            }
        }
    }

    /// Does what is left of the call.
    pub(crate) fn help(&self) {
        self.work(self.came.fetch_add(1, Ordering::Relaxed) % self.threads);
    }

    /// Waits until nobody does anything of the call, or ever will.
    fn end(&self) {
        // Nobody begins anything more; what was claimed comes to its end soon. The last stage is closed first: nobody must
        // come from one that was closed to a later one that was not, and wait there for what is never done.
        let claimed = self.runs.iter().rev().map(Run::close).sum();
        wait(|| self.done.load(Ordering::Acquire) >= claimed);
    }
}

/// Does `task(0..tasks)` on up to `threads` threads. A busy pool holds nothing up: what no helper has begun is done here,
/// and only what one has begun is waited for.
pub(crate) fn share(tasks: usize, threads: usize, task: &(dyn Fn(usize) + Sync)) {
    let pieces = Pieces::new(tasks, threads);
    call(&[pieces.count], threads, &|_, piece| pieces.tasks(piece).for_each(task));
}

/// `share` of stages of so many tasks, given by the number of their stage and their own. A stage begins once the second and the
/// third before it are done: threads that come to its first tasks need not wait for the last ones of the stage before.
pub(crate) fn share_stages(stages: &[usize], threads: usize, task: &(dyn Fn(usize, usize) + Sync)) {
    let pieces: Vec<Pieces> = stages.iter().map(|&tasks| Pieces::new(tasks, threads)).collect();
    let counts: Vec<usize> = pieces.iter().map(|pieces| pieces.count).collect();
    let done: Vec<AtomicUsize> = stages.iter().map(|_| AtomicUsize::new(0)).collect();
    call(&counts, threads, &|stage, piece| {
        let _done = Done(&done[stage]);
        for before in stage.saturating_sub(3)..stage.saturating_sub(1) {
            wait(|| done[before].load(Ordering::Acquire) == counts[before]);
        }
        pieces[stage].tasks(piece).for_each(|index| task(stage, index));
    });
}

/// Tasks that are claimed together.
struct Pieces {
    tasks: usize,
    size: usize,
    count: usize,
}

impl Pieces {
    fn new(tasks: usize, threads: usize) -> Self {
        let size = tasks.div_ceil(threads.saturating_mul(PIECES)).max(1);
        Self { tasks, size, count: tasks.div_ceil(size) }
    }

    fn tasks(&self, piece: usize) -> Range<usize> {
        piece * self.size..self.tasks.min((piece + 1) * self.size)
    }
}

/// Does so many pieces of each stage.
fn call(stages: &[usize], threads: usize, task: &(dyn Fn(usize, usize) + Sync)) {
    let most = stages.iter().copied().max().unwrap_or(0);
    if threads <= 1 || most <= 1 {
        for (stage, &pieces) in stages.iter().enumerate() {
            (0..pieces).for_each(|piece| task(stage, piece));
        }
        return;
    }
    let threads = threads.min(most);
    #[allow(clippy::transmute_ptr_to_ptr)] // a cast may not lengthen a lifetime
    // SAFETY: only the lifetime is hidden; see `Call`.
    let task = unsafe {
        std::mem::transmute::<*const (dyn Fn(usize, usize) + Sync + '_), *const (dyn Fn(usize, usize) + Sync)>(task)
    };
    let run = |pieces: usize, run: usize| {
        let (start, end) = (pieces * run / threads, pieces * (run + 1) / threads);
        Run { next: AtomicUsize::new(start), start, end }
    };
    let runs = stages.iter().flat_map(|&pieces| (0..threads).map(move |index| run(pieces, index))).collect();
    let (came, done, panic) = (AtomicUsize::new(1), AtomicUsize::new(0), Mutex::new(None));
    let call = Arc::new(Call { runs, threads, came, done, task, panic });
    for _ in 1..threads {
        summon(&call);
    }
    call.work(0);
    call.end();
    let panic = call.panic.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(panic) = panic {
        resume_unwind(panic);
    }
}

/// Waits for what other threads are about to do.
fn wait(until: impl Fn() -> bool) {
    let mut turns = 0_u32;
    while !until() {
        turns += 1;
        if turns < 2_000 {
            std::hint::spin_loop();
        } else {
            thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn every_task_is_done_once_before_the_call_returns() {
        for threads in [1, 2, 5] {
            for tasks in [0, 1, 2, 1_000] {
                let counts: Vec<AtomicU32> = (0..tasks).map(|_| AtomicU32::new(0)).collect();
                share(tasks, threads, &|index| {
                    if index % 100 == 7 {
                        thread::yield_now();
                    }
                    counts[index].fetch_add(1, Ordering::Relaxed);
                });
                assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1), "{tasks} on {threads}");
            }
        }
    }

    #[test]
    fn a_stage_begins_once_the_second_and_third_before_it_are_done() {
        for stages in [&[3][..], &[3, 0, 3], &[40, 7, 0, 60], &[0, 200, 3, 1, 90], &[1, 300, 2, 2, 2, 2, 200]] {
            for threads in [1, 2, 3, 4] {
                let done: Vec<AtomicUsize> = stages.iter().map(|_| AtomicUsize::new(0)).collect();
                share_stages(stages, threads, &|stage, index| {
                    assert!(index < stages[stage]);
                    for before in (0..stage.saturating_sub(1)).rev().take(2) {
                        assert_eq!(done[before].load(Ordering::SeqCst), stages[before], "{before} before {stage}");
                    }
                    thread::yield_now();
                    done[stage].fetch_add(1, Ordering::SeqCst);
                });
                let done: Vec<usize> = done.into_iter().map(AtomicUsize::into_inner).collect();
                assert_eq!(done, stages, "{threads} threads");
            }
        }
    }

    #[test]
    fn calls_in_quick_succession_from_several_threads_are_all_done() {
        // Most of them find helpers that are still looking around, or are about to leave.
        thread::scope(|scope| {
            for caller in 1..=3 {
                scope.spawn(move || {
                    for call in 0..2_000 {
                        let count = AtomicUsize::new(0);
                        share(6, 3, &|_| {
                            count.fetch_add(1, Ordering::Relaxed);
                        });
                        assert_eq!(count.into_inner(), 6, "call {call} of thread {caller}");
                    }
                });
            }
        });
    }

    #[test]
    fn a_busy_pool_holds_nothing_up() {
        // The pool's only thread is the caller, so no helper can begin before the call returns.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let count = AtomicUsize::new(0);
        pool.install(|| {
            share(50, 3, &|_| {
                count.fetch_add(1, Ordering::Relaxed);
            });
        });
        assert_eq!(count.load(Ordering::Relaxed), 50);
    }

    #[test]
    fn a_panic_in_any_task_is_the_callers_and_no_claimed_task_is_left() {
        for bad in [0, 3, 39] {
            let begun = AtomicUsize::new(0);
            let ended = AtomicUsize::new(0);
            let result = catch_unwind(AssertUnwindSafe(|| {
                share(40, 3, &|index| {
                    begun.fetch_add(1, Ordering::SeqCst);
                    if index == bad {
                        ended.fetch_add(1, Ordering::SeqCst);
                        panic!("this one fails");
                    }
                    thread::yield_now();
                    ended.fetch_add(1, Ordering::SeqCst);
                });
            }));
            assert!(result.is_err(), "task {bad}");
            assert_eq!(begun.into_inner(), ended.into_inner());
        }
    }

    #[test]
    fn a_panic_in_one_stage_holds_up_no_other() {
        for (bad_stage, bad) in [(0, 0), (0, 30), (0, 199), (1, 5), (4, 49)] {
            for threads in [2, 3] {
                for _ in 0..100 {
                    let task = |stage, index| assert!((stage, index) != (bad_stage, bad), "this one fails");
                    let stages = [200, 7, 50, 0, 50, 3];
                    assert!(catch_unwind(AssertUnwindSafe(|| share_stages(&stages, threads, &task))).is_err());
                }
            }
        }
    }
}
