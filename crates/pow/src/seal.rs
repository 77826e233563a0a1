//! The definition of a seal, written to be read; every other path in this crate must equal it bit for bit.
use crate::keccak::keccak256;
use crate::sha256;

/// 32 bytes: a block hash, a hotkey, an inner hash or a seal.
pub type Hash = [u8; 32];

fn lanes(bytes: &Hash) -> [u64; 4] {
    let (words, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|i| u64::from_le_bytes(words[i]))
}

/// keccak256(`block_hash` ‖ `hotkey`): what stays the same for all nonces.
pub fn inner(block_hash: &Hash, hotkey: &Hash) -> Hash {
    let (b, k) = (lanes(block_hash), lanes(hotkey));
    keccak256(&[b[0], b[1], b[2], b[3], k[0], k[1], k[2], k[3]])
}

/// keccak256(sha256(`nonce` as 8 bytes little-endian ‖ `inner`)).
pub fn seal(inner: &Hash, nonce: u64) -> Hash {
    let words = sha256::digest(&sha256::block(nonce, inner));
    let mut digest = [0_u8; 32];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(words) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    keccak256(&lanes(&digest))
}

/// Whether seal · difficulty < 2²⁵⁶, the seal read big-endian; exact. Difficulties 0 and 1 are met by every seal.
pub fn meets(seal: &Hash, difficulty: u64) -> bool {
    let (words, _) = seal.as_chunks::<8>();
    // Multiplies from the least significant word up; what is carried out of the top is product >> 256.
    let carry = words
        .iter()
        .rev()
        .fold(0_u128, |carry, word| (u128::from(u64::from_be_bytes(*word)) * u128::from(difficulty) + carry) >> 64);
    carry == 0
}

/// The largest seal that meets `difficulty`, ⌊(2²⁵⁶-1) / max(difficulty, 1)⌋, big-endian.
pub fn target(difficulty: u64) -> Hash {
    let divisor = u128::from(difficulty.max(1));
    let mut out = [0_u8; 32];
    let mut remainder = 0_u128;
    for word in out.chunks_exact_mut(8) {
        let dividend = (remainder << 64) | u128::from(u64::MAX);
        word.copy_from_slice(&((dividend / divisor) as u64).to_be_bytes());
        remainder = dividend % divisor;
    }
    out
}

/// The first eight bytes of [`target`] as a number: no seal that meets the difficulty begins with a larger one.
pub(crate) fn target_head(difficulty: u64) -> u64 {
    u64::MAX / difficulty.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seal_meets_difficulties_zero_and_one() {
        for difficulty in [0, 1] {
            assert!(meets(&[0xff; 32], difficulty));
            assert_eq!(target(difficulty), [0xff; 32]);
        }
    }

    #[test]
    fn the_target_is_the_last_seal_that_meets_and_its_successor_does_not() {
        for difficulty in [2, 3, 1000, 10_000_000, u64::MAX - 1, u64::MAX, 1 << 63, 0x0123_4567_89ab_cdef] {
            let mut seal = target(difficulty);
            assert!(meets(&seal, difficulty), "{difficulty}");
            for byte in seal.iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
            assert!(!meets(&seal, difficulty), "{difficulty}");
            assert_eq!(target_head(difficulty).to_be_bytes(), target(difficulty)[..8]);
        }
    }

    #[test]
    fn a_zero_seal_meets_every_difficulty() {
        assert!(meets(&[0; 32], u64::MAX));
    }
}
