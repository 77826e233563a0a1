//! The threads that models compute on: one pool for answers, one for training, so that neither waits in the other's
//! queue. What is computed never depends on how many threads there are: work is cut the same way for any number.
use std::sync::OnceLock;
use std::thread;

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// More threads than this never help models of this size.
const THREADS_MAX: usize = 32;

/// Who the work is for.
#[derive(Clone, Copy)]
pub enum Purpose {
    Answering,
    Training,
}

/// How many threads a pool has.
pub fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX)
}

fn pool(purpose: Purpose) -> Option<&'static ThreadPool> {
    static ANSWERING: OnceLock<Option<ThreadPool>> = OnceLock::new();
    static TRAINING: OnceLock<Option<ThreadPool>> = OnceLock::new();
    let build = |name: &'static str| {
        // Without a pool the caller's own thread does the work: slower, never wrong.
        ThreadPoolBuilder::new().num_threads(threads()).thread_name(move |i| format!("{name}-{i}")).build().ok()
    };
    match purpose {
        Purpose::Answering => ANSWERING.get_or_init(|| build("answer")).as_ref(),
        Purpose::Training => TRAINING.get_or_init(|| build("train")).as_ref(),
    }
}

/// `work` of every item, in parallel, results in the order of the items. On a thread of a pool it is that pool's work.
pub fn each<I: Send, T: Send>(purpose: Purpose, items: Vec<I>, work: impl Fn(I) -> T + Sync) -> Vec<T> {
    if rayon::current_thread_index().is_some() {
        return items.into_par_iter().with_max_len(1).map(&work).collect();
    }
    match pool(purpose) {
        Some(pool) if items.len() > 1 => pool.install(|| items.into_par_iter().with_max_len(1).map(&work).collect()),
        _ => items.into_iter().map(work).collect(),
    }
}

/// Runs `work`, and what it gives to `each`, on a pool of exactly `threads` threads.
#[cfg(test)]
pub fn with<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}
