//! Seals and nonce ranges (N5): every backend finds and verifies exactly what the definition says.
use pow::{Backend, Batch, meets, seal, verify};

use crate::reader::Reader;

pub fn backends_agree(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let count = reader.up_to(40);
    let torn = usize::from(reader.u8() == 255);
    let nonces: Vec<u64> = (0..count).map(|_| reader.edge()).collect();
    let difficulties: Vec<u64> = (0..count).map(|_| reader.edge()).collect();
    let mut column = |length: usize| {
        let mut column = reader.bytes(length).to_vec();
        column.resize(length, 7);
        column
    };
    let (block_hashes, hotkeys) = (column(32 * count + torn), column(32 * count));
    let batch = Batch { block_hashes: &block_hashes, hotkeys: &hotkeys, nonces: &nonces, difficulties: &difficulties };
    let expected = verify(Backend::PORTABLE, &batch);
    for backend in Backend::available() {
        assert_eq!(verify(backend, &batch), expected, "{} differs from the definition", backend.name());
    }
    let Ok(verdicts) = expected else { return };
    let (hashes, _) = block_hashes.as_chunks::<32>();
    let (keys, _) = hotkeys.as_chunks::<32>();
    for i in 0..count {
        let direct = seal(&pow::inner(&hashes[i], &keys[i]), nonces[i]);
        assert_eq!(verdicts.seals[32 * i..][..32], direct);
        assert_eq!(verdicts.meets[i] == 1, meets(&direct, difficulties[i]));
    }
}
