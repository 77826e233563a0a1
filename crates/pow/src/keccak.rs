//! Keccak-f[1600] and keccak256 with the original padding (0x01), for messages shorter than one block.

/// Bytes of one block of keccak256.
pub const RATE: usize = 136;

pub const ROUND_CONSTANTS: [u64; 24] = [
    0x0000_0000_0000_0001,
    0x0000_0000_0000_8082,
    0x8000_0000_0000_808a,
    0x8000_0000_8000_8000,
    0x0000_0000_0000_808b,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8009,
    0x0000_0000_0000_008a,
    0x0000_0000_0000_0088,
    0x0000_0000_8000_8009,
    0x0000_0000_8000_000a,
    0x0000_0000_8000_808b,
    0x8000_0000_0000_008b,
    0x8000_0000_0000_8089,
    0x8000_0000_0000_8003,
    0x8000_0000_0000_8002,
    0x8000_0000_0000_0080,
    0x0000_0000_0000_800a,
    0x8000_0000_8000_000a,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8080,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8008,
];

/// Rotation of lane x + 5y (FIPS 202, table 2).
const ROTATIONS: [u32; 25] =
    [0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43, 25, 39, 41, 45, 15, 21, 8, 18, 2, 61, 56, 14];

/// The permutation; lane x + 5y of the state is `state[x + 5 * y]`.
pub fn permute(state: &mut [u64; 25]) {
    for constant in ROUND_CONSTANTS {
        // theta
        let column: [u64; 5] =
            std::array::from_fn(|x| state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20]);
        let mix: [u64; 5] = std::array::from_fn(|x| column[(x + 4) % 5] ^ column[(x + 1) % 5].rotate_left(1));
        // rho and pi: lane (x, y) goes to (y, 2x + 3y)
        let mut moved = [0_u64; 25];
        for y in 0..5 {
            for x in 0..5 {
                let from = x + 5 * y;
                moved[y + 5 * ((2 * x + 3 * y) % 5)] = (state[from] ^ mix[x]).rotate_left(ROTATIONS[from]);
            }
        }
        // chi and iota
        for y in 0..5 {
            for x in 0..5 {
                state[x + 5 * y] = moved[x + 5 * y] ^ (!moved[(x + 1) % 5 + 5 * y] & moved[(x + 2) % 5 + 5 * y]);
            }
        }
        state[0] ^= constant;
    }
}

/// keccak256 of a message of N whole lanes that fits one block, as four lanes.
pub fn keccak256_lanes<const N: usize>(message: &[u64; N]) -> [u64; 4] {
    const { assert!(N * 8 < RATE - 8, "the message and its padding fit one block") };
    let mut state = [0_u64; 25];
    state[..N].copy_from_slice(message);
    state[N] = 0x01;
    state[RATE / 8 - 1] = 0x80 << 56;
    permute(&mut state);
    [state[0], state[1], state[2], state[3]]
}

/// keccak256 of a message of N whole lanes that fits one block.
pub fn keccak256<const N: usize>(message: &[u64; N]) -> [u8; 32] {
    let mut out = [0_u8; 32];
    for (bytes, lane) in out.chunks_exact_mut(8).zip(keccak256_lanes(message)) {
        bytes.copy_from_slice(&lane.to_le_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha3::{Digest, Keccak256};

    #[test]
    fn equals_the_library_on_whole_lanes() {
        let lanes: [u64; 8] = std::array::from_fn(|i| (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let bytes: Vec<u8> = lanes.iter().flat_map(|lane| lane.to_le_bytes()).collect();
        assert_eq!(keccak256(&lanes), <[u8; 32]>::from(Keccak256::digest(bytes)));
    }
}
