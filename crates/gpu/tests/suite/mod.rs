//! What every device must do, whatever its driver: the same bits for seals and int8, and floating products within a bound
//! that holds for any order of additions.
#![allow(dead_code)] // each test program uses its part
pub mod cancel;
pub mod training;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gpu::device::Device;
use gpu::error::Error;
use gpu::host;
use gpu::request::{Heads, Search};
use gpu::shape::{Dtype, Shape};
use gpu::vulkan::{Wgpu, engines};
use gpu::watch::Watch;

/// For a check that cannot run because the machine lacks `what`: fails where `TAUMESH_NEED`, a list with commas, names it,
/// and says elsewhere that the check was skipped, past the harness, which shows nothing of a test that passes.
pub fn lacking(what: &str, why: &str) {
    let needed = std::env::var("TAUMESH_NEED").unwrap_or_default();
    assert!(!needed.split(',').any(|name| name == what), "TAUMESH_NEED={needed}: {why}");
    let test = std::thread::current().name().map_or_else(String::new, |name| format!("{name}: "));
    std::io::stderr().write_all(format!("SKIPPED: {test}{why}\n").as_bytes()).unwrap();
}

/// Gives a check the engine of every Vulkan device that this machine has, software renderers included.
pub fn on_vulkan(check: impl Fn(&str, Wgpu)) {
    let engines = engines().unwrap();
    if engines.is_empty() {
        lacking("wgpu", "wgpu:0: no Vulkan device");
    }
    for (id, engine) in engines {
        check(&id, engine);
    }
}

/// Numbers of a test, repeatable from the printed seed.
struct Random(u64);

impl Random {
    fn new(name: &str) -> Self {
        let seed = std::env::var("TAUMESH_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(2026);
        eprintln!("{name}: TAUMESH_SEED={seed}");
        Self(seed)
    }

    /// Steps of `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn hash(&mut self) -> [u8; 32] {
        std::array::from_fn(|_| self.next() as u8)
    }

    /// A number in [-1, 1) as an element of that type.
    fn element(&mut self, dtype: Dtype) -> Vec<u8> {
        let value = (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0;
        match dtype {
            Dtype::F32 => value.to_le_bytes().to_vec(),
            Dtype::F16 => half::f16::from_f32(value).to_le_bytes().to_vec(),
            Dtype::Bf16 => half::bf16::from_f32(value).to_le_bytes().to_vec(),
            Dtype::Int8 => vec![self.next() as u8],
        }
    }
}

/// Heads of `wanted` random nonces.
pub fn seals(id: &str, device: &mut dyn Device, wanted: u64) {
    let mut random = Random::new(id);
    let mut done = 0;
    while done < wanted {
        let count = (wanted - done).min(50_000);
        let heads = Heads { inner: random.hash(), start: random.next(), count };
        let got = device.heads(&heads, &Watch::idle()).unwrap();
        assert_eq!(got.len() as u64, count);
        for (at, got) in (0..).zip(got) {
            let nonce = heads.start.wrapping_add(at);
            assert_eq!(got, host::head(&heads.inner, nonce), "{id}: inner {:x?}, nonce {nonce}", heads.inner);
        }
        done += count;
    }
    eprintln!("{id}: {done} seals equal");
}

pub fn searches(id: &str, device: &mut dyn Device) {
    let mut random = Random::new(id);
    let starts = [0, (1 << 32) - 5, u64::MAX - 700, random.next(), random.next()];
    for (start, difficulty) in starts.into_iter().zip([1, 2, 1_000, 30_000, u64::MAX]) {
        let search = Search { inner: random.hash(), difficulty, start, count: 60_000 };
        let meets = |at: &u64| pow::meets(&pow::seal(&search.inner, start.wrapping_add(*at)), difficulty);
        let expected = (0..search.count).find(meets);
        let found = device.search(&search, &Watch::idle()).unwrap();
        assert_eq!(found.nonce, expected.map(|at| start.wrapping_add(at)), "{id}: {search:?}");
        assert_eq!(found.hashes, expected.map_or(search.count, |at| at + 1));
    }
}

/// Σ|a|·|b| of every element of the product, for the bound of its rounding.
fn magnitudes(shape: &Shape, a: &[u8], b: &[u8]) -> Vec<f32> {
    let absolute = |bytes| -> Vec<u8> {
        host::widened(shape.dtype, bytes).iter().flat_map(|value| value.abs().to_le_bytes()).collect()
    };
    let sums = host::matmul(&Shape { dtype: Dtype::F32, ..*shape }, &absolute(a), &absolute(b), &Watch::idle());
    host::widened(Dtype::F32, &sums.unwrap())
}

/// m, k, n, batch: single elements, whole tiles, and what lies around them.
pub const SIZES: [(usize, usize, usize, usize); 7] = [
    (1, 1, 1, 1),
    (3, 5, 7, 2),
    (64, 64, 64, 1),
    (65, 33, 129, 1),
    (130, 70, 100, 3),
    (1, 1_000, 1, 1),
    (200, 3, 5, 4),
];

pub fn products(id: &str, device: &mut dyn Device, sizes: &[(usize, usize, usize, usize)]) {
    let mut random = Random::new(id);
    for dtype in Dtype::ALL {
        for (m, k, n, batch) in sizes.iter().copied() {
            for flags in 0..4 {
                let (transpose_a, transpose_b) = (flags & 1 == 1, flags & 2 == 2);
                let shape = Shape { dtype, m, k, n, batch, transpose_a, transpose_b };
                let mut factor = |length| -> Vec<u8> { (0..length).flat_map(|_| random.element(dtype)).collect() };
                let (a, b) = (factor(batch * m * k), factor(batch * k * n));
                let got = device.matmul(&shape, &a, &b, &Watch::idle()).unwrap();
                let expected = host::matmul(&shape, &a, &b, &Watch::idle()).unwrap();
                if dtype == Dtype::Int8 {
                    assert_eq!(got, expected, "{id}: {shape:?}");
                    continue;
                }
                let (got, expected) = (host::widened(Dtype::F32, &got), host::widened(Dtype::F32, &expected));
                assert_eq!(got.len(), expected.len());
                // k additions and one product, each rounded once, whatever their order.
                let bound = (k + 2) as f32 * f32::EPSILON;
                for ((got, expected), size) in got.iter().zip(&expected).zip(magnitudes(&shape, &a, &b)) {
                    assert!((got - expected).abs() <= bound * size, "{id}: {shape:?}: {got} for {expected}");
                }
            }
        }
    }
}

pub fn limits(id: &str, device: &mut dyn Device) {
    for (m, k, n, batch) in [(0, 3, 4, 1), (3, 0, 4, 2), (3, 4, 0, 1), (3, 4, 5, 0)] {
        for dtype in Dtype::ALL {
            let shape = Shape { dtype, m, k, n, batch, transpose_a: false, transpose_b: false };
            let (a, b, c) = shape.sizes().unwrap();
            let got = device.matmul(&shape, &vec![1; a], &vec![1; b], &Watch::idle()).unwrap();
            assert_eq!(got, vec![0; c], "{id}: {shape:?}");
        }
    }
    let shape =
        Shape { dtype: Dtype::F32, m: 1 << 20, k: 1 << 20, n: 1, batch: 1, transpose_a: false, transpose_b: false };
    assert_eq!(device.matmul(&shape, &[], &[], &Watch::idle()).unwrap_err().code(), "GPU_SHAPE", "{id}");
}

pub fn largest_sums(id: &str, device: &mut dyn Device) {
    let k = (1 << 17) - 1;
    let shape = Shape { dtype: Dtype::Int8, m: 1, k, n: 2, batch: 1, transpose_a: false, transpose_b: true };
    let (a, b) = (vec![0x80; k], [vec![0x80; k], vec![0x7f; k]].concat());
    let expected = [k as i32 * 128 * 128, -(k as i32) * 128 * 127].map(i32::to_le_bytes).concat();
    assert_eq!(device.matmul(&shape, &a, &b, &Watch::idle()).unwrap(), expected, "{id}");
}

/// A search without end; [`cancel::jobs`] says how soon it ends where the engine can be had.
pub fn cancellation(id: &str, device: &mut dyn Device) {
    let search = Search { inner: [9; 32], difficulty: u64::MAX, start: 0, count: u64::MAX };
    let cancelled = Arc::new(AtomicBool::new(false));
    let flag = cancelled.clone();
    let watch = Watch::new(cancelled, Box::new(move |_, _| flag.store(true, Ordering::Relaxed)));
    assert_eq!(device.search(&search, &watch), Err(Error::Cancelled), "{id}");
}
