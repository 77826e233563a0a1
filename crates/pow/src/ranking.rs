//! Which backend is the fastest here. That depends on the processor as much as on its instruction sets: where vectors of
//! 512 bits are executed in two halves, another use of them is the best (see README.md). So it is measured.
use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::backend::Backend;

/// Nonces of one run.
const NONCES: u64 = 1 << 10;
/// Runs of a backend one after another: code, caches and vector units are not ready at once after another backend.
const RUNS: usize = 8;
/// Turns of all backends, some milliseconds in all: what interrupts one for a while interrupts the others as well.
const TURNS: usize = 2;

/// The shortest time that a backend takes for `NONCES` nonces.
pub fn time(backend: Backend) -> Duration {
    let run = || {
        let begun = Instant::now();
        // No seal begins with eight zeros, so all nonces are tried.
        black_box(backend.first(&[0xa5; 32], 0, 0, NONCES - 1));
        begun.elapsed()
    };
    (0..RUNS).map(|_| run()).min().unwrap_or(Duration::MAX)
}

/// The backends in the order of the shortest of the times that each takes.
pub fn fastest_first(backends: &[Backend], time: impl Fn(Backend) -> Duration) -> Vec<Backend> {
    let mut ranked: Vec<_> = backends.iter().map(|backend| (Duration::MAX, *backend)).collect();
    for _ in 0..TURNS {
        for (shortest, backend) in &mut ranked {
            *shortest = time(*backend).min(*shortest);
        }
    }
    ranked.sort_by_key(|(shortest, _)| *shortest);
    ranked.into_iter().map(|(_, backend)| backend).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::backend::planted::{BLIND, LIAR};

    #[test]
    fn the_best_turn_of_each_decides() {
        // The first turn of the fastest is interrupted.
        let runs = Cell::new(0);
        let time = |backend: Backend| {
            runs.set(runs.get() + 1);
            Duration::from_micros(match backend.name() {
                "blind" if runs.get() > 3 => 1,
                "liar" => 2,
                "portable" => 3,
                _ => 100,
            })
        };
        assert_eq!(fastest_first(&[LIAR, Backend::PORTABLE, BLIND], time), [BLIND, LIAR, Backend::PORTABLE]);
    }

    #[test]
    fn a_run_tries_every_nonce() {
        for backend in Backend::available() {
            assert_eq!(backend.first(&[0xa5; 32], 0, 0, NONCES - 1), None, "{}", backend.name());
        }
    }
}
