//! The search for a nonce. Threads take chunks of nonces in order from one counter; the answer is the first nonce at or
//! after the start that meets the difficulty, whatever the number of threads and their backends. A search that is under
//! way can be pointed at another challenge: its threads stay, and turn to the new one within a slice.
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::Error;
use crate::backend::Backend;
use crate::seal::{Hash, meets, seal, target_head};

/// More threads than any machine here has cores help nobody.
pub const THREADS_MAX: usize = 1_024;

/// Nonces that a thread takes at once; chunks are aligned, so that the upper half of a nonce is constant in each.
const CHUNK: u64 = 1 << 16;

/// What to search for.
#[derive(Debug, Clone, Copy)]
pub struct Challenge {
    /// [`crate::inner`] of block hash and hotkey.
    pub inner: Hash,
    pub difficulty: u64,
    /// The first nonce tried; the search wraps around.
    pub start: u64,
    /// How many nonces are tried before the search gives up.
    pub count: u64,
}

/// What the searching threads share with whoever watches them.
#[derive(Debug, Clone, Copy)]
pub struct Control<'a> {
    /// Set it to end the search within 50 ms.
    pub cancelled: &'a AtomicBool,
    /// Hashes computed so far, over all challenges of the search.
    pub hashes: &'a AtomicU64,
}

/// Of the challenge that was accepted last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Solution {
    pub nonce: u64,
    pub seal: Hash,
    pub hashes: u64,
    pub seconds: f64,
}

/// A search that may be pointed at another challenge while it runs.
#[derive(Debug)]
pub struct Search {
    state: Mutex<State>,
    /// Of the challenge in `state`, where threads can see it without the lock.
    generation: AtomicU64,
}

#[derive(Debug)]
struct State {
    job: Arc<Job>,
    /// The outcome is settled, or on its way: a new challenge comes too late.
    closed: bool,
    failure: Option<Error>,
}

#[derive(Debug)]
struct Job {
    challenge: Challenge,
    generation: u64,
    next_chunk: AtomicU64,
    /// Distance from the start of the best solution so far.
    best: AtomicU64,
}

/// How a thread came to the end of a job.
#[derive(PartialEq, Eq)]
enum End {
    Replaced,
    Finished,
}

/// Searches one challenge until a seal meets its difficulty; thread i uses backend i modulo their number.
///
/// # Errors
/// See [`Search::run`].
pub fn solve(challenge: Challenge, backends: &[Backend], threads: usize, control: Control) -> Result<Solution, Error> {
    Search::new(challenge).run(backends, threads, control)
}

impl Search {
    pub fn new(challenge: Challenge) -> Self {
        let job = Arc::new(Job::new(challenge, 0));
        Self { state: Mutex::new(State { job, closed: false, failure: None }), generation: AtomicU64::new(0) }
    }

    /// Points the running threads at another challenge; false when the search is over or has found a seal already.
    pub fn replace(&self, challenge: Challenge) -> bool {
        let mut state = self.state();
        if state.closed {
            return false;
        }
        let generation = state.job.generation + 1;
        state.job = Arc::new(Job::new(challenge, generation));
        self.generation.store(generation, Ordering::Release);
        true
    }

    /// Searches until a seal meets the difficulty; thread i uses backend i modulo their number. Once for each search.
    ///
    /// # Errors
    /// `Threads`, `Cancelled`, `Exhausted` after `count` nonces, and `BackendWrong` should a backend miss a nonce that is
    /// known or report one that the definition refuses.
    pub fn run(&self, backends: &[Backend], threads: usize, control: Control) -> Result<Solution, Error> {
        let outcome = self.outcome(backends, threads, control);
        self.state().closed = true;
        outcome
    }

    fn outcome(&self, backends: &[Backend], threads: usize, control: Control) -> Result<Solution, Error> {
        if threads == 0 || threads > THREADS_MAX || backends.is_empty() {
            return Err(Error::Threads(threads));
        }
        for (i, backend) in backends.iter().enumerate().take(threads) {
            if !backends[..i].contains(backend) {
                backend.check()?;
            }
        }
        let begun = Instant::now();
        self.crew(backends, threads, control);
        let mut state = self.state();
        if let Some(failure) = state.failure.take() {
            return Err(failure);
        }
        // A solution found while others were being stopped may not be the first one, so it is not given out either.
        if control.cancelled.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        let Job { challenge, best, .. } = &*state.job;
        let distance = best.load(Ordering::Relaxed);
        if distance == u64::MAX {
            return Err(Error::Exhausted(challenge.count));
        }
        let nonce = challenge.start.wrapping_add(distance);
        let hashes = control.hashes.load(Ordering::Relaxed);
        let seconds = begun.elapsed().as_secs_f64();
        Ok(Solution { nonce, seal: seal(&challenge.inner, nonce), hashes, seconds })
    }

    /// All threads, the caller's among them, until there is nothing more to do.
    fn crew(&self, backends: &[Backend], threads: usize, control: Control) {
        std::thread::scope(|scope| {
            for backend in backends.iter().cycle().take(threads).skip(1) {
                // A thread that cannot be had makes the search slower, not wrong.
                let _ = std::thread::Builder::new().spawn_scoped(scope, move || self.thread(*backend, control));
            }
            if let Some(backend) = backends.first() {
                self.thread(*backend, control);
            }
        });
    }

    fn thread(&self, backend: Backend, control: Control) {
        loop {
            let job = Arc::clone(&self.state().job);
            if self.job(&job, backend, control) == End::Finished {
                return;
            }
        }
    }

    /// Takes chunk after chunk of one job.
    fn job(&self, job: &Job, backend: Backend, control: Control) -> End {
        let Challenge { start, .. } = job.challenge;
        let first_chunk = start - start % CHUNK;
        loop {
            let base = first_chunk.wrapping_add(job.next_chunk.fetch_add(CHUNK, Ordering::Relaxed));
            let from = if base == first_chunk { start } else { base };
            if let Some(end) = self.chunk(job, backend, control, from, base + (CHUNK - 1)) {
                return end;
            }
        }
    }

    /// Searches one chunk; says when there is nothing more to do for this thread.
    fn chunk(&self, job: &Job, backend: Backend, control: Control, mut from: u64, last: u64) -> Option<End> {
        let Challenge { inner, difficulty, start, count } = job.challenge;
        let head = target_head(difficulty);
        loop {
            let distance = from.wrapping_sub(start);
            if control.cancelled.load(Ordering::Relaxed) {
                return Some(End::Finished);
            }
            if self.generation.load(Ordering::Acquire) != job.generation {
                return Some(End::Replaced);
            }
            if distance >= count.min(job.best.load(Ordering::Relaxed)) {
                return Some(self.close(job, None));
            }
            let most = (backend.slice() - 1).min(count - distance - 1);
            let end = last.min(from.saturating_add(most));
            let hit = backend.first(&inner, head, from, end);
            let done = hit.unwrap_or(end);
            control.hashes.fetch_add(done - from + 1, Ordering::Relaxed);
            if let Some(nonce) = hit {
                let seal = seal(&inner, nonce);
                if meets(&seal, difficulty) {
                    job.best.fetch_min(nonce.wrapping_sub(start), Ordering::Relaxed);
                    return Some(self.close(job, None));
                }
                // The vectors compare eight bytes: a seal that agrees with the target in these may still be above it.
                if !seal.starts_with(&head.to_be_bytes()) {
                    job.best.store(0, Ordering::Relaxed);
                    return Some(self.close(job, Some(Error::BackendWrong { backend: backend.name(), nonce })));
                }
            }
            if done == last {
                return None;
            }
            from = done + 1;
        }
    }

    /// Settles a job, unless another one has taken its place.
    fn close(&self, job: &Job, failure: Option<Error>) -> End {
        let mut state = self.state();
        if state.job.generation != job.generation {
            return End::Replaced;
        }
        state.closed = true;
        if failure.is_some() {
            state.failure = failure;
        }
        End::Finished
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    fn new(challenge: Challenge, generation: u64) -> Self {
        Self { challenge, generation, next_chunk: AtomicU64::new(0), best: AtomicU64::new(u64::MAX) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::backend::planted;

    const HOPELESS: Challenge = Challenge { inner: [7; 32], difficulty: u64::MAX, start: 0, count: u64::MAX };

    #[test]
    fn a_backend_that_claims_a_wrong_nonce_is_found_out() {
        let (cancelled, hashes) = (AtomicBool::new(false), AtomicU64::new(0));
        let control = Control { cancelled: &cancelled, hashes: &hashes };
        let wrong = Error::BackendWrong { backend: "liar", nonce: 0 };
        // Before the search, on a nonce that is known, and in the search should it compute well until then.
        assert_eq!(solve(HOPELESS, &[planted::LIAR], 2, control).unwrap_err().code(), "POW_BACKEND_WRONG");
        let search = Search::new(HOPELESS);
        search.crew(&[planted::LIAR], 1, control);
        assert_eq!(search.state().failure, Some(wrong));
        assert!(!search.replace(HOPELESS), "the search is over");
    }

    #[test]
    fn a_backend_that_overlooks_nonces_is_found_out_beside_a_good_one() {
        let (cancelled, hashes) = (AtomicBool::new(false), AtomicU64::new(0));
        let control = Control { cancelled: &cancelled, hashes: &hashes };
        let refused = solve(HOPELESS, &[Backend::PORTABLE, planted::BLIND], 2, control).unwrap_err();
        assert_eq!(refused.code(), "POW_BACKEND_WRONG");
        assert_eq!(hashes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn after_a_cancel_each_thread_ends_its_slice_and_begins_no_other() {
        let threads = 3;
        let search = Search::new(HOPELESS);
        let control = Control { cancelled: &planted::STOPPED, hashes: &AtomicU64::new(0) };
        search.crew(&[planted::STOPPING], threads, control);
        let slices = planted::SLICES.load(Ordering::Relaxed);
        assert!((planted::STOP_AT..planted::STOP_AT + threads as u64).contains(&slices), "{slices} slices");
    }

    #[test]
    fn a_slice_of_the_slowest_backend_is_a_tenth_of_the_time_that_a_cancel_may_take() {
        // 50 ms at a tenth of the 1.7 MH/s that the portable path reaches on the machine of the README.
        assert!(Backend::PORTABLE.slice() as f64 / 0.17e6 < 0.050);
    }
}
