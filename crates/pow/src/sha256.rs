//! One SHA-256 compression, as every backend needs it: the 40-byte message of a seal fits one block.

pub const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

pub const K: [u32; 64] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];

/// The block of a seal: nonce (8 bytes little-endian) ‖ inner (32 bytes) ‖ padding, as big-endian words.
pub fn block(nonce: u64, inner: &[u8; 32]) -> [u32; 16] {
    let mut words = [0_u32; 16];
    words[0] = (nonce as u32).swap_bytes();
    words[1] = ((nonce >> 32) as u32).swap_bytes();
    for (word, bytes) in words[2..10].iter_mut().zip(inner.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    words[10] = 0x8000_0000;
    words[15] = 40 * 8;
    words
}

/// The word of the schedule after the words 2, 7, 15 and 16 places before it.
pub fn expand(w2: u32, w7: u32, w15: u32, w16: u32) -> u32 {
    let small0 = w15.rotate_right(7) ^ w15.rotate_right(18) ^ (w15 >> 3);
    let small1 = w2.rotate_right(17) ^ w2.rotate_right(19) ^ (w2 >> 10);
    small1.wrapping_add(w7).wrapping_add(small0).wrapping_add(w16)
}

/// SHA-256 of a message that is one padded block.
pub fn digest(block: &[u32; 16]) -> [u32; 8] {
    let mut schedule = [0_u32; 64];
    schedule[..16].copy_from_slice(block);
    for t in 16..64 {
        schedule[t] = expand(schedule[t - 2], schedule[t - 7], schedule[t - 15], schedule[t - 16]);
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = INITIAL;
    for t in 0..64 {
        let big1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let choice = (e & f) ^ (!e & g);
        let first = h.wrapping_add(big1).wrapping_add(choice).wrapping_add(K[t]).wrapping_add(schedule[t]);
        let big0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let majority = (a & b) ^ (a & c) ^ (b & c);
        let second = big0.wrapping_add(majority);
        (h, g, f, e, d, c, b, a) = (g, f, e, d.wrapping_add(first), c, b, a, first.wrapping_add(second));
    }
    let last = [a, b, c, d, e, f, g, h];
    std::array::from_fn(|i| last[i].wrapping_add(INITIAL[i]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    #[test]
    fn equals_the_library_on_the_message_of_a_seal() {
        let inner: [u8; 32] = std::array::from_fn(|i| (i * 7) as u8);
        let nonce = 0x0102_0304_0506_0708_u64;
        let expected = Sha256::digest([&nonce.to_le_bytes()[..], &inner].concat());
        let bytes: Vec<u8> = digest(&block(nonce, &inner)).iter().flat_map(|word| word.to_be_bytes()).collect();
        assert_eq!(bytes, expected.to_vec());
    }
}
