//! The search for a nonce. Threads take chunks of nonces in order from one counter; the answer is the first nonce at or
//! after the start that meets the difficulty, whatever the number of threads and the backend.
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crate::Error;
use crate::backend::Backend;
use crate::seal::{Hash, meets, seal, target_head};

/// More threads than any machine here has cores help nobody.
pub const THREADS_MAX: usize = 1_024;

/// Nonces that a thread takes at once; chunks are aligned, so that the upper half of a nonce is constant in each.
const CHUNK: u64 = 1 << 14;
/// Nonces between two looks at the cancel flag: about 5 ms for the portable path, where 50 ms are promised.
const SLICE: u64 = 1 << 11;

/// What to search for.
#[derive(Debug, Clone, Copy)]
pub struct Challenge {
    /// [`crate::inner`] of block hash and hotkey.
    pub inner: Hash,
    pub difficulty: u64,
    /// The first nonce tried; the search wraps around.
    pub start: u64,
}

#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// 1 to [`THREADS_MAX`].
    pub threads: usize,
    pub backend: Backend,
}

/// What the searching threads share with whoever watches them.
#[derive(Debug, Clone, Copy)]
pub struct Control<'a> {
    /// Set it to end the search within 50 ms.
    pub cancelled: &'a AtomicBool,
    /// Hashes computed so far.
    pub hashes: &'a AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Solution {
    pub nonce: u64,
    pub seal: Hash,
    pub hashes: u64,
    pub seconds: f64,
}

struct Search<'a> {
    challenge: Challenge,
    backend: Backend,
    control: Control<'a>,
    next_chunk: AtomicU64,
    /// Distance from the start of the best solution so far.
    best: AtomicU64,
    failure: Mutex<Option<Error>>,
}

/// Searches until a seal meets the difficulty.
///
/// # Errors
/// `Threads`, `Cancelled`, and `BackendWrong` should a backend report a nonce that the definition refuses.
pub fn solve(challenge: Challenge, options: Options, control: Control) -> Result<Solution, Error> {
    if options.threads == 0 || options.threads > THREADS_MAX {
        return Err(Error::Threads(options.threads));
    }
    let begun = Instant::now();
    let search = Search {
        challenge,
        backend: options.backend,
        control,
        next_chunk: AtomicU64::new(0),
        best: AtomicU64::new(u64::MAX),
        failure: Mutex::new(None),
    };
    std::thread::scope(|scope| {
        for _ in 1..options.threads {
            // A thread that cannot be had makes the search slower, not wrong.
            let _ = std::thread::Builder::new().spawn_scoped(scope, || search.run());
        }
        search.run();
    });
    if let Some(failure) = search.failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        return Err(failure);
    }
    // A solution found while others were being stopped may not be the first one, so it is not given out either.
    let distance = search.best.into_inner();
    if distance == u64::MAX || control.cancelled.load(Ordering::Relaxed) {
        return Err(Error::Cancelled);
    }
    let nonce = challenge.start.wrapping_add(distance);
    let seal = seal(&challenge.inner, nonce);
    let hashes = control.hashes.load(Ordering::Relaxed);
    Ok(Solution { nonce, seal, hashes, seconds: begun.elapsed().as_secs_f64() })
}

impl Search<'_> {
    fn run(&self) {
        let first_chunk = self.challenge.start - self.challenge.start % CHUNK;
        loop {
            let base = first_chunk.wrapping_add(self.next_chunk.fetch_add(CHUNK, Ordering::Relaxed));
            let from = if base == first_chunk { self.challenge.start } else { base };
            if !self.chunk(from, base + (CHUNK - 1)) {
                return;
            }
        }
    }

    /// Searches one chunk; false when there is nothing more to do for this thread.
    fn chunk(&self, mut from: u64, last: u64) -> bool {
        let head = target_head(self.challenge.difficulty);
        loop {
            let distance = from.wrapping_sub(self.challenge.start);
            if self.control.cancelled.load(Ordering::Relaxed) || distance >= self.best.load(Ordering::Relaxed) {
                return false;
            }
            let end = last.min(from.saturating_add(SLICE - 1));
            let hit = self.backend.first(&self.challenge.inner, head, from, end);
            let tried = hit.unwrap_or(end) - from + 1;
            self.control.hashes.fetch_add(tried, Ordering::Relaxed);
            if let Some(nonce) = hit {
                let seal = seal(&self.challenge.inner, nonce);
                if meets(&seal, self.challenge.difficulty) {
                    self.best.fetch_min(nonce.wrapping_sub(self.challenge.start), Ordering::Relaxed);
                    return false;
                }
                if !seal.starts_with(&head.to_be_bytes()) {
                    self.fail(nonce);
                    return false;
                }
            }
            let done = hit.unwrap_or(end);
            if done == last {
                return true;
            }
            from = done + 1;
        }
    }

    /// Remembers that the backend is wrong and stops every thread.
    fn fail(&self, nonce: u64) {
        let error = Error::BackendWrong { backend: self.backend.name(), nonce };
        *self.failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(error);
        self.best.store(0, Ordering::Relaxed);
    }
}
