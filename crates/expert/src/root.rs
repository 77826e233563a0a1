//! The model root (mixture.md 1): BLAKE3 Merkle over 64 KiB leaves of all weights, little-endian, in canonical order.
//! leaf = KDF[leaf](u32 index ‖ bytes), node = KDF[node](left ‖ right), padded with zero hashes to a power of two.
use blake3::Hasher;

/// Bytes of one leaf; the last may be shorter.
pub const ROOT_LEAF_BYTES: usize = 64 << 10;
const PAD: [u8; 32] = [0; 32];

/// The root over the weights; zero when there are none.
pub fn root(weights: &[f32]) -> [u8; 32] {
    let leaf_kdf = Hasher::new_derive_key("taumesh v1 leaf");
    let node_kdf = Hasher::new_derive_key("taumesh v1 node");
    let mut level: Vec<[u8; 32]> = weights
        .chunks(ROOT_LEAF_BYTES / size_of::<f32>())
        .enumerate()
        .map(|(index, weights)| {
            let mut hasher = leaf_kdf.clone();
            hasher.update(&(index as u32).to_le_bytes());
            let bytes: Vec<u8> = weights.iter().flat_map(|weight| weight.to_le_bytes()).collect();
            hasher.update(&bytes);
            *hasher.finalize().as_bytes()
        })
        .collect();
    if level.is_empty() {
        return PAD;
    }
    level.resize(level.len().next_power_of_two(), PAD);
    while level.len() > 1 {
        level = level
            .chunks_exact(2)
            .map(|pair| *node_kdf.clone().update(&pair[0]).update(&pair[1]).finalize().as_bytes())
            .collect();
    }
    level[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kdf(tag: &str, parts: &[&[u8]]) -> [u8; 32] {
        blake3::derive_key(&format!("taumesh v1 {tag}"), &parts.concat())
    }

    #[test]
    fn three_leaves_are_padded_to_four() {
        let weights: Vec<f32> = (0..2 * 16_384 + 5).map(|i| i as f32).collect();
        let bytes: Vec<u8> = weights.iter().flat_map(|weight| weight.to_le_bytes()).collect();
        let leaf = |i: u32| kdf("leaf", &[&i.to_le_bytes(), bytes.chunks(65_536).nth(i as usize).unwrap()]);
        let left = kdf("node", &[&leaf(0), &leaf(1)]);
        let right = kdf("node", &[&leaf(2), &[0; 32]]);
        assert_eq!(root(&weights), kdf("node", &[&left, &right]));
    }

    #[test]
    fn no_weights_have_the_zero_root_and_any_bit_counts() {
        assert_eq!(root(&[]), [0; 32]);
        assert_ne!(root(&[1.0, 2.0]), root(&[1.0, -2.0]));
    }
}
