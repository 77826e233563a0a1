//! Verification of many seals at once, for the replay of a ledger.
use crate::backend::Backend;
use crate::seal::{Hash, inner, meets, seal};
use crate::{Error, sha256};

/// Seals in one call: it runs on the caller's thread, and so many take a few milliseconds.
pub const BATCH_MAX: usize = 65_536;

/// Columns of n claimed registrations: 32 bytes per block hash and hotkey, one number per nonce and difficulty.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    pub block_hashes: &'a [u8],
    pub hotkeys: &'a [u8],
    pub nonces: &'a [u64],
    pub difficulties: &'a [u64],
}

/// The seal of each entry, 32 bytes, and 1 where it meets its difficulty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdicts {
    pub seals: Vec<u8>,
    pub meets: Vec<u8>,
}

/// Entries that are hashed together, so that working memory stays in the first cache.
const TILE: usize = 64;

/// Hashes every entry again and compares with its difficulty.
///
/// # Errors
/// `BatchTooLarge`, `BatchShape`.
pub fn verify(backend: Backend, batch: &Batch) -> Result<Verdicts, Error> {
    let count = batch.nonces.len();
    if count > BATCH_MAX {
        return Err(Error::BatchTooLarge(count));
    }
    if batch.block_hashes.len() != 32 * count || batch.hotkeys.len() != 32 * count || batch.difficulties.len() != count
    {
        return Err(Error::BatchShape {
            hashes: batch.block_hashes.len(),
            hotkeys: batch.hotkeys.len(),
            nonces: count,
            difficulties: batch.difficulties.len(),
        });
    }
    let (hashes, _) = batch.block_hashes.as_chunks::<32>();
    let (hotkeys, _) = batch.hotkeys.as_chunks::<32>();
    let mut out = Verdicts { seals: Vec::with_capacity(32 * count), meets: Vec::with_capacity(count) };
    for start in (0..count).step_by(TILE) {
        let tile = start..count.min(start + TILE);
        let seals = if backend == Backend::PORTABLE {
            tile.clone().map(|i| seal(&inner(&hashes[i], &hotkeys[i]), batch.nonces[i])).collect()
        } else {
            seals(backend, &hashes[tile.clone()], &hotkeys[tile.clone()], &batch.nonces[tile.clone()])
        };
        for (seal, difficulty) in seals.iter().zip(&batch.difficulties[tile]) {
            out.seals.extend_from_slice(seal);
            out.meets.push(u8::from(meets(seal, *difficulty)));
        }
    }
    Ok(out)
}

/// Seals of one tile: both Keccak passes in vectors, the one compression of SHA-256 per entry between them.
fn seals(backend: Backend, hashes: &[Hash], hotkeys: &[Hash], nonces: &[u64]) -> Vec<Hash> {
    let lane = |bytes: &Hash, i: usize| u64::from_le_bytes(bytes.as_chunks::<8>().0[i]);
    let messages: Vec<[u64; 8]> = hashes
        .iter()
        .zip(hotkeys)
        .map(|(hash, key)| std::array::from_fn(|i| if i < 4 { lane(hash, i) } else { lane(key, i - 4) }))
        .collect();
    let digests: Vec<[u64; 4]> = backend
        .keccak256(&messages)
        .iter()
        .zip(nonces)
        .map(|(inner, nonce)| {
            let words = sha256::digest(&sha256::block(*nonce, &bytes(*inner)));
            std::array::from_fn(|i| {
                u64::from(words[2 * i].swap_bytes()) | u64::from(words[2 * i + 1].swap_bytes()) << 32
            })
        })
        .collect();
    backend.keccak256(&digests).into_iter().map(bytes).collect()
}

fn bytes(lanes: [u64; 4]) -> Hash {
    let mut out = [0; 32];
    for (bytes, lane) in out.chunks_exact_mut(8).zip(lanes) {
        bytes.copy_from_slice(&lane.to_le_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_backend_gives_the_definitions_verdicts() {
        let count = 2 * TILE + 3;
        let block_hashes: Vec<u8> = (0..32 * count).map(|i| (i * 31 % 251) as u8).collect();
        let hotkeys: Vec<u8> = (0..32 * count).map(|i| (i * 17 % 253) as u8).collect();
        let nonces: Vec<u64> = (0..count as u64).map(|i| i.wrapping_mul(0x1234_5678_9abc_def1)).collect();
        let difficulties: Vec<u64> = (0..count as u64).map(|i| i % 5).collect();
        let batch =
            Batch { block_hashes: &block_hashes, hotkeys: &hotkeys, nonces: &nonces, difficulties: &difficulties };
        let expected = verify(Backend::PORTABLE, &batch).unwrap();
        assert!(expected.meets.contains(&0) && expected.meets.contains(&1));
        for backend in Backend::available() {
            assert_eq!(verify(backend, &batch).unwrap(), expected, "{}", backend.name());
        }
    }

    #[test]
    fn refuses_columns_of_different_lengths_and_one_entry_too_many() {
        let batch = Batch { block_hashes: &[0; 32], hotkeys: &[0; 31], nonces: &[0], difficulties: &[0] };
        assert_eq!(verify(Backend::PORTABLE, &batch).unwrap_err().code(), "POW_BATCH_SHAPE");
        let nonces = vec![0; BATCH_MAX + 1];
        let batch = Batch { block_hashes: &[], hotkeys: &[], nonces: &nonces, difficulties: &[] };
        assert_eq!(verify(Backend::PORTABLE, &batch).unwrap_err().code(), "POW_BATCH_TOO_LARGE");
    }
}
