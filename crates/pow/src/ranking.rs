//! Which backend is the fastest here. That depends on the processor as much as on its instruction sets: where vectors of
//! 512 bits are executed in two halves, another use of them is the best (see README.md). So it is measured.
use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::backend::Backend;

/// Nonces of one run, and runs, of which the shortest counts, as others may have been interrupted: for all backends together
/// some 4 ms.
const NONCES: u64 = 1 << 10;
const RUNS: usize = 5;

/// How long a backend takes for `NONCES` nonces.
pub fn time(backend: Backend) -> Duration {
    let run = || {
        let begun = Instant::now();
        // No seal begins with eight zeros, so all nonces are tried.
        black_box(backend.first(&[0xa5; 32], 0, 0, NONCES - 1));
        begun.elapsed()
    };
    (0..RUNS).map(|_| run()).min().unwrap_or(Duration::MAX)
}

/// The backends in the order of their `times`.
pub fn fastest_first(mut backends: Vec<Backend>, times: impl Fn(Backend) -> Duration) -> Vec<Backend> {
    backends.sort_by_cached_key(|backend| times(*backend));
    backends
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::planted::{BLIND, LIAR};

    #[test]
    fn the_order_is_what_was_measured() {
        let times = |backend: Backend| {
            let order = ["blind", "liar", "portable"];
            Duration::from_micros(order.iter().position(|name| *name == backend.name()).unwrap() as u64)
        };
        assert_eq!(fastest_first(vec![LIAR, Backend::PORTABLE, BLIND], times), [BLIND, LIAR, Backend::PORTABLE]);
    }

    #[test]
    fn a_run_tries_every_nonce() {
        for backend in Backend::available() {
            assert_eq!(backend.first(&[0xa5; 32], 0, 0, NONCES - 1), None, "{}", backend.name());
        }
    }
}
