//! What a peer sends to a validator (N4): leaves, short distributions and reveals.
use mixture::{
    CLAIM_MAX, Claim, LEAF, Reveal, Status, check_reveal, claims, commit, decode, encode, ntd_decode, ntd_encode, paths,
};

use crate::reader::Reader;

/// Every row is a distribution, every claim is bounded, and a wrong size is refused.
pub fn leaves(bytes: &[u8]) {
    let Ok(p) = decode(bytes) else {
        assert!(!bytes.len().is_multiple_of(LEAF), "leaves of whole size are refused");
        return;
    };
    let text: Vec<u8> = bytes.iter().copied().step_by(LEAF).collect();
    for row in p.chunks_exact(LEAF) {
        assert!(row.iter().all(|&p| p > 0.0 && p <= 1.0), "a probability outside of (0, 1]");
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-9, "a row that does not sum to 1");
    }
    let claimed = claims(bytes, &text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(claimed.len(), text.len());
    assert!(claimed.iter().all(|&claim| claim <= CLAIM_MAX));
}

/// Any numbers are refused for a reason, or become codes: smaller where they are larger, of a distribution again.
pub fn logarithms(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let (rows, odd) = (reader.up_to(3), usize::from(reader.u8() == 255));
    let wild = reader.u8() & 1 == 1;
    let mut number = || if wild { f32::from_bits(reader.u32()) } else { f32::from(reader.u16() as i16) / 64.0 };
    let numbers: Vec<f32> = (0..rows * LEAF + odd).map(|_| number()).collect();
    let broken = |row: &[f32]| {
        row.iter().any(|ln| ln.is_nan() || *ln == f32::INFINITY) || row.iter().all(|ln| *ln == f32::NEG_INFINITY)
    };
    let Ok(leaves) = encode(&numbers) else {
        return assert!(odd == 1 || numbers.chunks_exact(LEAF).any(broken), "probabilities are refused");
    };
    assert!(odd == 0 && !numbers.chunks_exact(LEAF).any(broken), "what is no distribution is encoded");
    assert_eq!(leaves.len(), numbers.len());
    assert!(decode(&leaves).is_ok(), "leaves of ours are refused");
    for (row, codes) in numbers.chunks_exact(LEAF).zip(leaves.chunks_exact(LEAF)) {
        let mut pairs: Vec<(f32, u8)> = row.iter().copied().zip(codes.iter().copied()).collect();
        pairs.sort_by(|(x, _), (y, _)| y.total_cmp(x));
        assert!(pairs.is_sorted_by_key(|(_, code)| *code), "what is less probable has a smaller code");
    }
}

/// Arbitrary bytes are refused or are distributions; what we encode ourselves is accepted.
pub fn distributions(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let positions = reader.up_to(4);
    let fallback: Vec<u8> = (0..positions).flat_map(|_| [reader.u8(); LEAF]).collect();
    let (top_p, most) = (f64::from(reader.u8()) / 200.0, reader.up_to(70));
    if let Ok(short) = ntd_encode(&fallback, top_p, most) {
        assert!(ntd_decode(&short, &fallback).is_ok(), "an encoded distribution is refused");
    }
    if let Ok(p) = ntd_decode(reader.rest(), &fallback) {
        assert_eq!(p.len(), positions * LEAF);
        for row in p.chunks_exact(LEAF) {
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-9 && row.iter().all(|&p| p > 0.0));
        }
    }
}

/// An honest reveal passes; one with a byte changed never passes as another answer than was committed to.
pub fn reveal(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let length = 2 + reader.up_to(8);
    let (query_id, hotkey, salt) = (reader.array::<16>(), reader.array::<32>(), reader.array::<32>());
    let leaves: Vec<u8> = (0..length)
        .flat_map(|_| {
            let (base, step) = (reader.u8(), reader.u8());
            (0..LEAF).map(move |i| base.wrapping_add((i as u8).wrapping_mul(step)))
        })
        .collect();
    let span: Vec<u8> = (0..length).map(|_| reader.u8()).collect();
    let mut claimed = claims(&leaves, &span).unwrap_or_default();
    claimed.pop();
    let claim = Claim { query_id: &query_id, hotkey: &hotkey, claims: &claimed, salt: &salt };
    let (root, committed) = commit(&claim, &leaves).unwrap_or_else(|error| panic!("{error}"));
    let visible = &leaves[..(length - 1) * LEAF];
    let positions: Vec<u16> = (0..reader.up_to(4)).map(|_| reader.up_to(length - 2) as u16).collect();
    let opened: Vec<u8> = positions.iter().flat_map(|&t| &visible[usize::from(t) * LEAF..][..LEAF]).copied().collect();
    let proofs = paths(visible, &positions).unwrap_or_else(|error| panic!("{error}"));
    let borrowed: Vec<&[u8]> = proofs.iter().map(Vec::as_slice).collect();
    let honest = Reveal {
        commit: &committed,
        claim,
        root: &root,
        last_leaf: &leaves[(length - 1) * LEAF..],
        span: &span,
        positions: &positions,
        leaves: &opened,
        paths: &borrowed,
    };
    assert!(matches!(check_reveal(&honest), Ok((Status::Ok, _))), "an honest reveal is refused");

    // What a peer may send instead: other bytes, other sizes.
    let mut wrong = honest.leaves.to_vec();
    let at = reader.up_to(65_535);
    let by = reader.u8();
    if let Some(byte) = wrong.get_mut(at) {
        *byte ^= by;
    }
    let passes = |reveal: &Reveal<'_>| matches!(check_reveal(reveal), Ok((Status::Ok, _)));
    if wrong != honest.leaves {
        assert!(!passes(&Reveal { leaves: &wrong, ..honest }), "a changed leaf passes");
    }
    let foreign = reader.rest();
    assert!(foreign == honest.root || !passes(&Reveal { root: foreign, ..honest }), "a foreign root passes");
    assert!(
        foreign == honest.last_leaf || !passes(&Reveal { last_leaf: foreign, ..honest }),
        "a foreign last leaf passes"
    );
    let _ = check_reveal(&Reveal { leaves: foreign, ..honest });
    let _ = check_reveal(&Reveal { paths: &[foreign], ..honest });
}
