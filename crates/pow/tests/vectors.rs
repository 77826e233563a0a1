//! The published vectors: seals that the live runtime accepted, and those of wire.md, section 6.
#![allow(clippy::unwrap_used)] // a test may fail where it stands

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pow::{Backend, Batch, Challenge, Control, Hash, Solution, inner, meets, seal, solve, verify};

fn hex(text: &str) -> Hash {
    let text = text.trim_start_matches("0x");
    std::array::from_fn(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
}

const ALICE: &str = "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d";

fn alice_inner() -> Hash {
    inner(&std::array::from_fn(|i| i as u8), &hex(ALICE))
}

fn search(challenge: Challenge, threads: usize, backend: Backend) -> Solution {
    let (cancelled, hashes) = (AtomicBool::new(false), AtomicU64::new(0));
    solve(challenge, &[backend], threads, Control { cancelled: &cancelled, hashes: &hashes }).unwrap()
}

#[test]
fn reproduces_every_seal_of_the_live_runtime() {
    let text = include_str!("../../../test/vectors/pow-seals.json");
    let entries: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    assert!(entries.len() >= 3);
    for entry in entries {
        let field = |name: &str| entry[name].as_str().unwrap();
        let (block_hash, hotkey) = (hex(field("block_hash")), hex(field("hotkey")));
        let (nonce, difficulty) = (field("nonce").parse().unwrap(), field("difficulty").parse().unwrap());
        let found = seal(&inner(&block_hash, &hotkey), nonce);
        assert_eq!(found, hex(field("seal")));
        assert!(meets(&found, difficulty));
        for backend in Backend::available() {
            let batch =
                Batch { block_hashes: &block_hash, hotkeys: &hotkey, nonces: &[nonce], difficulties: &[difficulty] };
            let verdicts = verify(backend, &batch).unwrap();
            assert_eq!((verdicts.seals, verdicts.meets), (found.to_vec(), vec![1]));
        }
    }
}

#[test]
fn reproduces_inner_hash_and_seals_of_alice() {
    let inner = alice_inner();
    assert_eq!(inner, hex("a1206dd5835d76fb49730a4212d57b780369a7eb09b0695a0a20b1b1a9564cad"));
    assert_eq!(seal(&inner, 0), hex("1f81e5b8ba438ce806bbc6c52aeb671b4ae49b457cb12115c6bd50bd864a61c0"));
    let nonce = 0x0102_0304_0506_0708;
    assert_eq!(seal(&inner, nonce), hex("d6e91a4e17e31054905ab1da76e0697303591d742c0826ef901df2c1642ee6fc"));
}

#[test]
fn every_backend_and_thread_count_finds_the_same_first_nonce() {
    let expected = hex("0029e0aa79f39ffbdf6d6ce3da04a5917676bdcf5476b2ebfe1e0eb20ef44842");
    for backend in Backend::available() {
        for threads in [1, 2, 5] {
            let found = search(
                Challenge { inner: alice_inner(), difficulty: 1000, start: 0, count: u64::MAX },
                threads,
                backend,
            );
            assert_eq!((found.nonce, found.seal), (223, expected), "{} {threads}", backend.name());
        }
    }
}

#[test]
fn a_search_from_the_last_nonces_wraps_around() {
    for backend in Backend::available() {
        let start = u64::MAX - 99;
        let first = (0..100_000).map(|i| start.wrapping_add(i)).find(|n| meets(&seal(&alice_inner(), *n), 1000));
        let found = search(Challenge { inner: alice_inner(), difficulty: 1000, start, count: u64::MAX }, 2, backend);
        assert_eq!(Some(found.nonce), first, "{}", backend.name());
    }
}

#[test]
fn difficulty_zero_is_met_by_the_first_nonce() {
    let found =
        search(Challenge { inner: alice_inner(), difficulty: 0, start: 77, count: u64::MAX }, 2, Backend::best());
    assert_eq!(found.nonce, 77);
}

#[test]
fn a_hopeless_search_counts_its_hashes_and_after_a_cancel_each_thread_ends_its_slice_only() {
    // Work is counted, not time: a slice takes 2 ms at 8 MH/s and 33 ms on a core of half a million, where 50 ms are promised.
    const SLICE_MAX: u64 = 1 << 14;
    let threads = 2;
    for backend in Backend::available() {
        let (cancelled, hashes) = (AtomicBool::new(false), AtomicU64::new(0));
        let challenge = Challenge { inner: alice_inner(), difficulty: u64::MAX, start: 0, count: u64::MAX };
        let control = Control { cancelled: &cancelled, hashes: &hashes };
        let before = std::thread::scope(|scope| {
            let running = scope.spawn(|| solve(challenge, &[backend], threads, control));
            while hashes.load(Ordering::Relaxed) < 10_000 {
                std::thread::yield_now();
            }
            cancelled.store(true, Ordering::SeqCst);
            let before = hashes.load(Ordering::SeqCst);
            assert_eq!(running.join().unwrap().unwrap_err().code(), "NATIVE_CANCELLED");
            before
        });
        let after = hashes.load(Ordering::Relaxed) - before;
        assert!(after <= threads as u64 * SLICE_MAX, "{}: {after} hashes after the cancel", backend.name());
    }
}

#[test]
fn refuses_no_threads_and_too_many() {
    let (cancelled, hashes) = (AtomicBool::new(false), AtomicU64::new(0));
    for threads in [0, pow::THREADS_MAX + 1] {
        let challenge = Challenge { inner: [0; 32], difficulty: 1, start: 0, count: u64::MAX };
        let refused =
            solve(challenge, &[Backend::PORTABLE], threads, Control { cancelled: &cancelled, hashes: &hashes })
                .unwrap_err();
        assert_eq!(refused.code(), "POW_THREADS");
    }
}
