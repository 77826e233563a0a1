//! The ways this machine can hash seals, chosen at run time. A `Backend` exists only where it can run.
#![allow(unsafe_code)] // calls into code compiled for instruction sets that were looked for first
use std::sync::OnceLock;

use crate::Error;
use crate::ranking::{fastest_first, time};
use crate::seal::{Hash, seal};
#[cfg(target_arch = "x86_64")]
use crate::{avx2, avx2_sha, avx512, avx512_sha, avx512_woven};
#[cfg(target_arch = "aarch64")]
use crate::{neon, neon_sha2, neon_sha3};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512Woven,
    #[cfg(target_arch = "x86_64")]
    Avx512Sha,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2Sha,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    NeonSha3,
    #[cfg(target_arch = "aarch64")]
    NeonSha2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
    #[cfg(test)]
    Planted(&'static planted::Planted),
}

/// Nonces between two looks of a thread at the rest of the world: 2 ms at most on a slow core, where 50 ms are promised.
const SLICE: u64 = 1 << 11;
/// The same for vectors, which are faster; the larger slice makes the last pass of each, partly used, cheaper.
const SLICE_VECTORS: u64 = 1 << 14;

/// One way to hash seals. The kind is private: only [`Backend::available`] makes one, after asking the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backend(Kind);

/// Calls a function of the module that belongs to a vector kind, or evaluates the fallback.
macro_rules! dispatch {
    ($kind:expr, $function:ident($($argument:expr),*), $otherwise:expr) => {
        match $kind {
            // SAFETY: a Backend of this kind is made only after `avx512_sha::available`.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Sha => unsafe { avx512_sha::$function($($argument),*) },
            // SAFETY: a Backend of this kind is made only after `avx512_woven::available`.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Woven => unsafe { avx512_woven::$function($($argument),*) },
            // SAFETY: a Backend of this kind is made only after `avx512::available`.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { avx512::$function($($argument),*) },
            // SAFETY: a Backend of this kind is made only after `avx2_sha::available`.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2Sha => unsafe { avx2_sha::$function($($argument),*) },
            // SAFETY: a Backend of this kind is made only after `avx2::available`.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { avx2::$function($($argument),*) },
            // SAFETY: a Backend of this kind is made only after `neon_sha3::available`.
            #[cfg(target_arch = "aarch64")]
            Kind::NeonSha3 => unsafe { neon_sha3::$function($($argument),*) },
            // SAFETY: a Backend of this kind is made only after `neon_sha2::available`.
            #[cfg(target_arch = "aarch64")]
            Kind::NeonSha2 => unsafe { neon_sha2::$function($($argument),*) },
            // SAFETY: a Backend of this kind is made only after `neon::available`.
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => unsafe { neon::$function($($argument),*) },
            _ => $otherwise,
        }
    };
}

impl Backend {
    /// The readable definition, which runs everywhere.
    pub const PORTABLE: Self = Self(Kind::Portable);

    /// All that run here, fastest first: measured by the first call, for some milliseconds.
    pub fn available() -> Vec<Self> {
        static RANKED: OnceLock<Vec<Backend>> = OnceLock::new();
        let rank = || [fastest_first(&Self::vectors(), time), vec![Self::PORTABLE]].concat();
        RANKED.get_or_init(rank).clone()
    }

    /// All that use vectors and run here.
    fn vectors() -> Vec<Self> {
        let kinds: &[(bool, Kind)] = &[
            #[cfg(target_arch = "x86_64")]
            (avx512_woven::available(), Kind::Avx512Woven),
            #[cfg(target_arch = "x86_64")]
            (avx512_sha::available(), Kind::Avx512Sha),
            #[cfg(target_arch = "x86_64")]
            (avx512::available(), Kind::Avx512),
            #[cfg(target_arch = "x86_64")]
            (avx2_sha::available(), Kind::Avx2Sha),
            #[cfg(target_arch = "x86_64")]
            (avx2::available(), Kind::Avx2),
            #[cfg(target_arch = "aarch64")]
            (neon_sha3::available(), Kind::NeonSha3),
            #[cfg(target_arch = "aarch64")]
            (neon_sha2::available(), Kind::NeonSha2),
            #[cfg(target_arch = "aarch64")]
            (neon::available(), Kind::Neon),
        ];
        kinds.iter().filter_map(|(runs, kind)| runs.then_some(Self(*kind))).collect()
    }

    /// The fastest one.
    pub fn best() -> Self {
        Self::available().first().copied().unwrap_or(Self::PORTABLE)
    }

    /// The one of that name, if it runs here.
    pub fn named(name: &str) -> Option<Self> {
        Self::available().into_iter().find(|backend| backend.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self.0 {
            // Nearly every processor with AVX-512 has the SHA instructions.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Sha => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Woven => "avx512-woven",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 if avx512_sha::available() => "avx512-no-sha",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2Sha => "avx2-sha",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Kind::NeonSha3 => "neon-sha3",
            #[cfg(target_arch = "aarch64")]
            Kind::NeonSha2 => "neon-sha2",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "neon",
            Kind::Portable => "portable",
            #[cfg(test)]
            Kind::Planted(planted) => planted.name,
        }
    }

    /// How many nonces a thread hands to this backend at once.
    pub(crate) fn slice(self) -> u64 {
        if self == Self::PORTABLE { SLICE } else { SLICE_VECTORS }
    }

    /// Whether it finds the nonce that the definition finds, before it is trusted with a search: a seal that it overlooks
    /// there would never be noticed. Takes some ten microseconds.
    ///
    /// # Errors
    /// `BackendWrong`.
    pub(crate) fn check(self) -> Result<(), Error> {
        let (inner, from) = ([0xa5; 32], (7 << 32) + 3);
        let heads = (from..from + 40).map(|nonce| (head_of(&seal(&inner, nonce)), nonce));
        let (head, nonce) = heads.min().unwrap_or_default();
        let found = [head, head - 1].map(|head| self.first(&inner, head, from, from + 39));
        if found == [Some(nonce), None] { Ok(()) } else { Err(Error::BackendWrong { backend: self.name(), nonce }) }
    }

    /// The smallest nonce in `from..=last` whose seal's first eight bytes, big-endian, are at most `head`.
    /// Both ends lie in one aligned range of 2³² nonces.
    pub(crate) fn first(self, inner: &Hash, head: u64, from: u64, last: u64) -> Option<u64> {
        #[cfg(test)]
        if let Kind::Planted(planted) = self.0 {
            return (planted.first)(from);
        }
        dispatch!(self.0, first(inner, head, from, last), {
            (from..=last).find(|nonce| head_of(&seal(inner, *nonce)) <= head)
        })
    }

    /// The first eight bytes, big-endian, of the seals of `from` and the nonces after it: what a search compares. Wraps
    /// around after the last nonce.
    pub fn heads(self, inner: &Hash, mut from: u64, heads: &mut [u64]) {
        let mut rest = heads;
        while !rest.is_empty() {
            // Kernels keep the upper half of a nonce constant.
            let here = usize::try_from((1 << 32) - (from & u64::from(u32::MAX))).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = std::mem::take(&mut rest).split_at_mut(here);
            dispatch!(self.0, heads(inner, from, now), {
                for (i, head) in now.iter_mut().enumerate() {
                    *head = head_of(&seal(inner, from + i as u64));
                }
            });
            from = from.wrapping_add(here as u64);
            rest = later;
        }
    }

    /// keccak256 of each message of N lanes, in place of a loop over [`crate::keccak::keccak256`].
    pub(crate) fn keccak256<const N: usize>(self, messages: &[[u64; N]]) -> Vec<[u64; 4]> {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 | Kind::Avx512Sha | Kind::Avx512Woven => {
                // SAFETY: Backends of these kinds are made only after `avx512::available`.
                transposed(messages, |lanes| unsafe { avx512::keccak256(lanes) })
            }
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 | Kind::Avx2Sha => {
                // SAFETY: Backends of these kinds are made only after `avx2::available`.
                transposed(messages, |lanes| unsafe { avx2::keccak256(lanes) })
            }
            #[cfg(target_arch = "aarch64")]
            Kind::Neon | Kind::NeonSha2 | Kind::NeonSha3 => {
                // SAFETY: Backends of these kinds are made only after `neon::available`.
                transposed(messages, |lanes| unsafe { neon::keccak256(lanes) })
            }
            _ => messages.iter().map(crate::keccak::keccak256_lanes).collect(),
        }
    }
}

fn head_of(seal: &Hash) -> u64 {
    let [head, ..] = seal.as_chunks::<8>().0 else { return u64::MAX };
    u64::from_be_bytes(*head)
}

/// Feeds messages to a kernel that takes `WIDTH` of them lane by lane; the last pass is filled up with zeros.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn transposed<const N: usize, const WIDTH: usize>(
    messages: &[[u64; N]],
    kernel: impl Fn(&[[u64; WIDTH]; N]) -> [[u64; WIDTH]; 4],
) -> Vec<[u64; 4]> {
    let mut out = Vec::with_capacity(messages.len());
    for pass in messages.chunks(WIDTH) {
        let mut lanes = [[0; WIDTH]; N];
        for (column, message) in pass.iter().enumerate() {
            for (lane, value) in lanes.iter_mut().zip(message) {
                lane[column] = *value;
            }
        }
        let hashes = kernel(&lanes);
        out.extend((0..pass.len()).map(|column| hashes.map(|lane| lane[column])));
    }
    out
}

/// Backends that no machine should have.
#[cfg(test)]
pub(crate) mod planted {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use super::{Backend, Kind};

    #[derive(Debug)]
    pub struct Planted {
        pub name: &'static str,
        pub first: fn(from: u64) -> Option<u64>,
    }

    impl PartialEq for Planted {
        fn eq(&self, other: &Self) -> bool {
            self.name == other.name
        }
    }

    impl Eq for Planted {}

    /// Finds a seal at once, whatever is asked.
    pub const LIAR: Backend = Backend(Kind::Planted(&Planted { name: "liar", first: |from| Some(from) }));
    /// Finds nothing.
    pub const BLIND: Backend = Backend(Kind::Planted(&Planted { name: "blind", first: |_| None }));
    /// Finds nothing, and cancels the search in slice `STOP_AT`.
    pub const STOPPING: Backend = Backend(Kind::Planted(&Planted {
        name: "stopping",
        first: |_| {
            STOPPED.fetch_or(SLICES.fetch_add(1, Ordering::Relaxed) + 1 == STOP_AT, Ordering::Relaxed);
            None
        },
    }));
    pub const STOP_AT: u64 = 10;
    pub static STOPPED: AtomicBool = AtomicBool::new(false);
    pub static SLICES: AtomicU64 = AtomicU64::new(0);
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn every_backend_finds_exactly_the_nonces_the_definition_finds() {
        let mut next = numbers(7);
        for backend in Backend::available() {
            for case in 0..200 {
                let inner = hash(&mut next);
                // Starts near every boundary: 0, the lane count, 2³², the last nonce.
                let from = match case % 4 {
                    0 => next() % 64,
                    1 => (u64::from(u32::MAX) + 1) * (1 + next() % 5) - 1 - next() % 90,
                    2 => u64::MAX - next() % 90,
                    _ => next(),
                };
                let last = from.saturating_add(next() % 200).min(from | u64::from(u32::MAX));
                let head = u64::MAX / (1 + next() % 300);
                let expected = (from..=last).find(|nonce| head_of(&seal(&inner, *nonce)) <= head);
                assert_eq!(backend.first(&inner, head, from, last), expected, "{} case {case}", backend.name());
            }
        }
    }

    #[test]
    fn the_comparison_is_unsigned_and_includes_equality() {
        let inner = [9; 32];
        for backend in Backend::available() {
            for nonce in 0..32 {
                let head = head_of(&seal(&inner, nonce));
                assert_eq!(backend.first(&inner, head, nonce, nonce), Some(nonce), "{}", backend.name());
                assert_eq!(backend.first(&inner, head - 1, nonce, nonce), None, "{}", backend.name());
            }
        }
    }

    #[test]
    fn every_backend_hashes_batches_as_the_definition_does() {
        let mut next = numbers(11);
        for length in [0, 1, 3, 4, 5, 8, 9, 31] {
            let messages: Vec<[u64; 8]> = (0..length).map(|_| std::array::from_fn(|_| next())).collect();
            let expected = Backend::PORTABLE.keccak256(&messages);
            for backend in Backend::available() {
                assert_eq!(backend.keccak256(&messages), expected, "{}", backend.name());
            }
        }
    }
}
