//! The ways this machine can hash seals, chosen at run time. A `Backend` exists only where it can run.
#![allow(unsafe_code)] // calls into code compiled for instruction sets that were looked for first
use crate::seal::{Hash, seal};
#[cfg(target_arch = "x86_64")]
use crate::{avx2, avx2_sha, avx512};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2Sha,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

/// One way to hash seals. The kind is private: only [`Backend::available`] makes one, after asking the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backend(Kind);

impl Backend {
    /// The readable definition, which runs everywhere.
    pub const PORTABLE: Self = Self(Kind::Portable);

    /// All that run here, fastest first.
    pub fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if avx512::available() {
                found.push(Self(Kind::Avx512));
            }
            if avx2_sha::available() {
                found.push(Self(Kind::Avx2Sha));
            }
            if avx2::available() {
                found.push(Self(Kind::Avx2));
            }
        }
        found.push(Self::PORTABLE);
        found
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
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2Sha => "avx2-sha",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            Kind::Portable => "portable",
        }
    }

    /// The smallest nonce in `from..=last` whose seal's first eight bytes, big-endian, are at most `head`.
    /// Both ends lie in one aligned range of 2³² nonces.
    pub(crate) fn first(self, inner: &Hash, head: u64, from: u64, last: u64) -> Option<u64> {
        match self.0 {
            // SAFETY: a Backend of this kind is made only after `avx512::available`.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { avx512::first(inner, head, from, last) },
            // SAFETY: a Backend of this kind is made only after `avx2_sha::available`.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2Sha => unsafe { avx2_sha::first(inner, head, from, last) },
            // SAFETY: a Backend of this kind is made only after `avx2::available`.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { avx2::first(inner, head, from, last) },
            Kind::Portable => (from..=last).find(|nonce| head_of(&seal(inner, *nonce)) <= head),
        }
    }

    /// keccak256 of each message of N lanes, in place of a loop over [`crate::keccak::keccak256`].
    pub(crate) fn keccak256<const N: usize>(self, messages: &[[u64; N]]) -> Vec<[u64; 4]> {
        match self.0 {
            // SAFETY: a Backend of this kind is made only after `avx512::available`.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => transposed(messages, |lanes| unsafe { avx512::keccak256(lanes) }),
            // SAFETY: Backends of these kinds are made only after `avx2::available`.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 | Kind::Avx2Sha => transposed(messages, |lanes| unsafe { avx2::keccak256(lanes) }),
            Kind::Portable => messages.iter().map(crate::keccak::keccak256_lanes).collect(),
        }
    }
}

fn head_of(seal: &Hash) -> u64 {
    let [head, ..] = seal.as_chunks::<8>().0 else { return u64::MAX };
    u64::from_be_bytes(*head)
}

/// Feeds messages to a kernel that takes `WIDTH` of them lane by lane; the last pass is filled up with zeros.
#[cfg(target_arch = "x86_64")]
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
