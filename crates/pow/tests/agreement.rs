//! Every backend gives the definition's seals, on nonces and inner hashes drawn at random. `TAUMESH_POW_NONCES` says how many
//! nonces each backend hashes (10⁵ unless told).
#![allow(clippy::unwrap_used)] // a test may fail where it stands

use pow::{Backend, Hash, seal};

/// A small generator (`SplitMix64`), so that a failure can be repeated.
fn numbers(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn hash(next: &mut impl FnMut() -> u64) -> Hash {
    let mut out = [0; 32];
    out.chunks_exact_mut(8).for_each(|bytes| bytes.copy_from_slice(&next().to_le_bytes()));
    out
}

#[test]
fn all_backends_agree_on_random_nonces() {
    let count: usize = std::env::var("TAUMESH_POW_NONCES").map_or(100_000, |text| text.parse().unwrap());
    let seed = std::env::var("TAUMESH_SEED").map_or(1, |text| text.parse().unwrap());
    println!("seed {seed}, {count} nonces for each of {:?}", Backend::available());
    let mut next = numbers(seed);
    let mut done = 0;
    while done < count {
        let inner = hash(&mut next);
        // Lengths around every width, so that full and partly used passes are both met.
        let length = 1 + (next() % 80) as usize;
        let start = next();
        let mut expected = vec![0; length];
        Backend::PORTABLE.heads(&inner, start, &mut expected);
        for backend in Backend::available() {
            let mut heads = vec![0; length];
            backend.heads(&inner, start, &mut heads);
            assert_eq!(heads, expected, "{} seed {seed} start {start} inner {inner:?}", backend.name());
        }
        done += length;
    }
}

#[test]
fn heads_are_the_first_bytes_of_seals_across_every_boundary() {
    let inner = [0x3c; 32];
    for start in [0, (1 << 32) - 7, (9 << 32) - 1, u64::MAX - 3] {
        let expected: Vec<u64> =
            (0..40).map(|i| u64::from_be_bytes(seal(&inner, start.wrapping_add(i))[..8].try_into().unwrap())).collect();
        for backend in Backend::available() {
            let mut heads = vec![0; 40];
            backend.heads(&inner, start, &mut heads);
            assert_eq!(heads, expected, "{} {start}", backend.name());
        }
    }
}
