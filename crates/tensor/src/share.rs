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

/// What the threads of one call share. `task` is only used by who has claimed a piece below `pieces`.
pub(crate) struct Call {
    next: AtomicUsize,
    done: AtomicUsize,
    pieces: usize,
    task: *const (dyn Fn(usize) + Sync),
    /// What a helper's task panicked with.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
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
    fn work(&self) {
        loop {
            let piece = self.next.fetch_add(1, Ordering::Relaxed);
            if piece >= self.pieces {
                return;
            }
            let _done = Done(&self.done);
            // SAFETY: this piece was claimed, so `call` waits for it and the task is alive.
            unsafe { (*self.task)(piece) };
        }
    }

    /// Does what is left of the call; a panic becomes the caller's.
    pub(crate) fn help(&self) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.work())) {
            *self.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
        }
    }
}

/// Does `task(0..tasks)` on up to `threads` threads. A busy pool holds nothing up: what no helper has begun is done here,
/// and only what one has begun is waited for.
pub(crate) fn share(tasks: usize, threads: usize, task: &(dyn Fn(usize) + Sync)) {
    let pieces = Pieces::new(tasks, threads);
    call(pieces.count, threads, &|piece| pieces.tasks(piece).for_each(task));
}

/// `share` of two kinds of tasks, given by their number and what they do: the second begin once all the first are done.
pub(crate) fn share_in_turn(
    (tasks, task): (usize, &(dyn Fn(usize) + Sync)),
    (later_tasks, later): (usize, &(dyn Fn(usize) + Sync)),
    threads: usize,
) {
    let (first, second) = (Pieces::new(tasks, threads), Pieces::new(later_tasks, threads));
    let done = AtomicUsize::new(0);
    call(first.count + second.count, threads, &|piece| {
        if piece < first.count {
            let _done = Done(&done);
            first.tasks(piece).for_each(task);
        } else {
            // Pieces are claimed in order, so threads are at work on all that is waited for.
            wait(|| done.load(Ordering::Acquire) == first.count);
            second.tasks(piece - first.count).for_each(later);
        }
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

fn call(pieces: usize, threads: usize, task: &(dyn Fn(usize) + Sync)) {
    if threads <= 1 || pieces <= 1 {
        (0..pieces).for_each(task);
        return;
    }
    #[allow(clippy::transmute_ptr_to_ptr)] // a cast may not lengthen a lifetime
    // SAFETY: only the lifetime is hidden; see `Call`.
    let task =
        unsafe { std::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), *const (dyn Fn(usize) + Sync)>(task) };
    let (next, done, panic) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(None));
    let call = Arc::new(Call { next, done, pieces, task, panic });
    for _ in 1..threads.min(pieces) {
        summon(&call);
    }
    // A panic here goes on only after the helpers are done with the task.
    let end = End(&call);
    call.work();
    drop(end);
    let panic = call.panic.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(panic) = panic {
        resume_unwind(panic);
    }
}

struct End<'a>(&'a Call);

impl Drop for End<'_> {
    fn drop(&mut self) {
        // Nobody begins anything more; what was claimed, counted by `next`, comes to its end soon.
        let claimed = self.0.next.swap(self.0.pieces, Ordering::Relaxed).min(self.0.pieces);
        wait(|| self.0.done.load(Ordering::Acquire) >= claimed);
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
    fn the_second_kind_begins_once_all_the_first_is_done() {
        for (threads, first, second) in [(1, 3, 3), (2, 40, 7), (3, 0, 5), (3, 200, 0), (4, 1, 300)] {
            let (done, late) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let one = |_| {
                thread::yield_now();
                done.fetch_add(1, Ordering::SeqCst);
            };
            let other = |_| {
                assert_eq!(done.load(Ordering::SeqCst), first);
                late.fetch_add(1, Ordering::SeqCst);
            };
            share_in_turn((first, &one), (second, &other), threads);
            assert_eq!((done.into_inner(), late.into_inner()), (first, second), "{threads} threads");
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
    fn a_panic_of_the_first_kind_holds_up_nobody() {
        for bad in [0, 30, 199] {
            let first = |index| assert_ne!(index, bad, "this one fails");
            let result = catch_unwind(AssertUnwindSafe(|| share_in_turn((200, &first), (50, &|_| {}), 3)));
            assert!(result.is_err(), "task {bad}");
        }
    }
}
