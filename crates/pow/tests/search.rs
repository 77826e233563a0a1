//! Searches that change their challenge, run on several backends at once, or end without a seal.
#![allow(clippy::unwrap_used)] // a test may fail where it stands

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pow::{Backend, Challenge, Control, Hash, Search, Solution, meets, seal, solve};

const HOPELESS: Challenge = Challenge { inner: [7; 32], difficulty: u64::MAX, start: 0, count: u64::MAX };

fn first(inner: &Hash, difficulty: u64, start: u64) -> u64 {
    (0..u64::MAX).map(|i| start.wrapping_add(i)).find(|nonce| meets(&seal(inner, *nonce), difficulty)).unwrap()
}

/// Runs `search`, calls `meanwhile` once it has computed something, and gives the outcome.
fn run(
    search: &Search,
    backends: &[Backend],
    threads: usize,
    meanwhile: impl FnOnce(),
) -> Result<Solution, pow::Error> {
    let (cancelled, hashes) = (AtomicBool::new(false), AtomicU64::new(0));
    let control = Control { cancelled: &cancelled, hashes: &hashes };
    std::thread::scope(|scope| {
        let running = scope.spawn(|| search.run(backends, threads, control));
        while hashes.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        meanwhile();
        running.join().unwrap()
    })
}

#[test]
fn a_new_challenge_replaces_the_old_one_under_way_on_every_backend() {
    for backend in Backend::available() {
        for threads in [1, 3] {
            let search = Search::new(HOPELESS);
            let (inner, start) = ([threads as u8; 32], 12_345);
            let found = run(&search, &[backend], threads, || {
                assert!(search.replace(Challenge { inner: [9; 32], ..HOPELESS }));
                assert!(search.replace(Challenge { inner, difficulty: 20_000, start, count: u64::MAX }));
            });
            assert_eq!(found.unwrap().nonce, first(&inner, 20_000, start), "{} {threads}", backend.name());
            assert!(!search.replace(HOPELESS), "a search that is over takes no challenge");
        }
    }
}

#[test]
fn all_backends_at_once_find_the_first_nonce() {
    let crew = Backend::available();
    let (cancelled, hashes) = (AtomicBool::new(false), AtomicU64::new(0));
    let control = Control { cancelled: &cancelled, hashes: &hashes };
    for start in [3, (1 << 32) - 1000, u64::MAX - 70_000] {
        let challenge = Challenge { inner: [8; 32], difficulty: 200_000, start, count: u64::MAX };
        let found = solve(challenge, &crew, crew.len() + 1, control).unwrap();
        assert_eq!(found.nonce, first(&challenge.inner, challenge.difficulty, start));
    }
}

#[test]
fn gives_up_after_exactly_as_many_nonces_as_it_may_try() {
    let start = (1 << 32) - 5;
    let nonce = first(&[8; 32], 3_000, start);
    let distance = nonce.wrapping_sub(start);
    for backend in Backend::available() {
        for threads in [1, 2] {
            let (cancelled, hashes) = (AtomicBool::new(false), AtomicU64::new(0));
            let control = Control { cancelled: &cancelled, hashes: &hashes };
            let challenge = Challenge { inner: [8; 32], difficulty: 3_000, start, count: distance };
            let missed = solve(challenge, &[backend], threads, control).unwrap_err();
            assert_eq!(
                (missed.code(), hashes.load(Ordering::Relaxed)),
                ("POW_EXHAUSTED", distance),
                "{}",
                backend.name()
            );
            let found = solve(Challenge { count: distance + 1, ..challenge }, &[backend], threads, control);
            assert_eq!(found.unwrap().nonce, nonce, "{}", backend.name());
        }
    }
    let (cancelled, hashes) = (AtomicBool::new(false), AtomicU64::new(0));
    let control = Control { cancelled: &cancelled, hashes: &hashes };
    let none = solve(Challenge { count: 0, ..HOPELESS }, &[Backend::best()], 1, control).unwrap_err();
    assert_eq!((none.code(), hashes.load(Ordering::Relaxed)), ("POW_EXHAUSTED", 0));
}
