//! The cases on which published verifiers disagree, made here by construction: small order, mixed order, encodings that
//! are not canonical, scalars that are not reduced, errors that cancel within a batch. Single verification must follow
//! the plain definition, and a batch must accept exactly what single verification accepts (reliability.md T14, T61).
#![allow(clippy::unwrap_used)] // a test may fail where it stands

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use sha2::{Digest, Sha512};
use signature::{Item, Scheme, key_pair, sign, verify, verify_batch};

#[derive(Clone, Debug)]
struct Case {
    scheme: Scheme,
    public: [u8; 32],
    message: Vec<u8>,
    signature: [u8; 64],
}

impl Case {
    fn single(&self) -> bool {
        verify(self.scheme, &self.public, &self.message, &self.signature).unwrap()
    }
}

fn challenge(commitment: &[u8], public: &[u8], message: &[u8]) -> Scalar {
    let wide = Sha512::new().chain_update(commitment).chain_update(public).chain_update(message).finalize();
    Scalar::from_bytes_mod_order_wide(&wide.into())
}

/// What is accepted, written down plainly: canonical points, neither of small order, a reduced scalar, and the equation
/// without the cofactor, the challenge being reduced first.
fn strict(case: &Case) -> bool {
    let point = |bytes: &[u8]| {
        let encoded = CompressedEdwardsY(bytes.try_into().unwrap());
        encoded.decompress().filter(|point| point.compress() == encoded && !point.is_small_order())
    };
    let (commitment, scalar) = case.signature.split_at(32);
    let scalar: Option<Scalar> = Scalar::from_canonical_bytes(scalar.try_into().unwrap()).into();
    let (Some(key), Some(r), Some(s)) = (point(&case.public), point(commitment), scalar) else { return false };
    let k = challenge(commitment, &case.public, &case.message);
    (ED25519_BASEPOINT_POINT * s - key * k - r).is_identity()
}

/// Whether the equation times eight holds, whatever the encodings: what a lax verifier accepts.
fn lax(case: &Case) -> bool {
    let (commitment, scalar) = case.signature.split_at(32);
    let point = |bytes: &[u8]| CompressedEdwardsY(bytes.try_into().unwrap()).decompress();
    let (Some(key), Some(r)) = (point(&case.public), point(commitment)) else { return false };
    let s = Scalar::from_bytes_mod_order(scalar.try_into().unwrap());
    let k = challenge(commitment, &case.public, &case.message);
    (ED25519_BASEPOINT_POINT * s - key * k - r).is_small_order()
}

/// The encodings of a point: the canonical one, and those above the prime or with the sign of a zero.
fn encodings(point: &EdwardsPoint) -> Vec<[u8; 32]> {
    let canonical = point.compress().to_bytes();
    let mut all = vec![canonical];
    let mut flipped = canonical;
    flipped[31] ^= 0x80;
    // y + p fits into 255 bits for y below 19 only; a small y is its first byte.
    let small =
        canonical[0] < 19 && canonical[1..31].iter().all(|byte| *byte == 0) && canonical[31].trailing_zeros() >= 7;
    let mut raised = [0xff; 32];
    raised[0] = 0xed + canonical[0].min(18);
    for last in [0x7f, 0xff] {
        raised[31] = last;
        if small {
            all.push(raised);
        }
    }
    all.push(flipped);
    all.retain(|bytes| CompressedEdwardsY(*bytes).decompress().as_ref() == Some(point));
    all
}

/// The scalar plus the group's order, where that fits into 32 bytes.
fn raised(scalar: &[u8]) -> [u8; 32] {
    let mut carry = 0;
    let order = (-Scalar::ONE).to_bytes(); // L - 1
    std::array::from_fn(|i| {
        let sum = u16::from(scalar[i]) + u16::from(order[i]) + u16::from(i == 0) + carry;
        carry = sum >> 8;
        sum as u8
    })
}

/// Signatures by the key a·B + torsion with the commitment r·B + torsion and s = r + k·a, in every encoding of both points,
/// with reduced and raised scalars: all of them satisfy the equation times eight.
fn ed25519_cases() -> Vec<Case> {
    let mut cases = vec![];
    for (i, key_twist) in EIGHT_TORSION.iter().enumerate() {
        for (j, twist) in EIGHT_TORSION.iter().enumerate() {
            for (a, r) in [(0_u64, 0_u64), (0, 7), (5, 0), (5, 7)] {
                let (a, r) = (Scalar::from(a), Scalar::from(r));
                let keys = encodings(&(ED25519_BASEPOINT_POINT * a + key_twist));
                let commitments = encodings(&(ED25519_BASEPOINT_POINT * r + twist));
                for (public, commitment) in keys.iter().flat_map(|key| commitments.iter().map(move |r| (key, r))) {
                    for text in 0..3_u8 {
                        let message = vec![i as u8, j as u8, text];
                        let s = (r + challenge(commitment, public, &message) * a).to_bytes();
                        for scalar in [s, raised(&s)] {
                            let mut signature = [0; 64];
                            signature[..32].copy_from_slice(commitment);
                            signature[32..].copy_from_slice(&scalar);
                            let message = message.clone();
                            cases.push(Case { scheme: Scheme::Ed25519, public: *public, message, signature });
                        }
                    }
                }
            }
        }
    }
    cases
}

fn sr25519_cases() -> Vec<Case> {
    let order_more = |signature: &[u8; 64]| {
        let mut changed = *signature;
        changed[63] &= 0x7f;
        let scalar = raised(&changed[32..]);
        changed[32..].copy_from_slice(&scalar);
        changed[63] |= 0x80;
        changed
    };
    let mut cases = vec![];
    for n in 0..64_u8 {
        let pair = key_pair(Scheme::Sr25519, &[n + 1; 32]).unwrap();
        let message = vec![n; usize::from(n) * 5];
        let signature = sign(Scheme::Sr25519, &pair.secret, &message).unwrap();
        let mut case = Case { scheme: Scheme::Sr25519, public: pair.public, message, signature };
        match n % 8 {
            1 => case.signature[63] &= 0x7f,
            2 => case.signature = order_more(&case.signature),
            3 => case.public = [0; 32],
            4 => case.message = [b"<Bytes>", &case.message[..], b"</Bytes>"].concat(),
            // An Edwards point of small order, and bytes that are no Ristretto point at all.
            5 => case.signature[..32].copy_from_slice(EIGHT_TORSION[1].compress().as_bytes()),
            6 => case.public[0] ^= 1,
            _ => {}
        }
        cases.push(case);
    }
    cases
}

fn batch(cases: &[Case]) -> Vec<bool> {
    let item = |case| {
        let Case { scheme, public, message, signature }: &Case = case;
        Item { scheme: *scheme, public, message, signature }
    };
    verify_batch(&cases.iter().map(item).collect::<Vec<_>>()).unwrap()
}

/// A shuffle by a linear congruential generator.
fn shuffled(mut cases: Vec<Case>) -> Vec<Case> {
    let mut state = 17_u64;
    for i in (1..cases.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        cases.swap(i, (state >> 33) as usize % (i + 1));
    }
    cases
}

#[test]
fn single_verification_of_ed25519_is_the_strict_definition_on_every_edge_case() {
    let cases = ed25519_cases();
    let mut counts = [0; 2];
    for case in &cases {
        assert!(lax(case), "the construction is sound: {case:?}");
        assert_eq!(case.single(), strict(case), "{case:?}");
        counts[usize::from(case.single())] += 1;
    }
    // Plain and mixed order are accepted where the equation itself holds; all else, which lax verifiers take, is refused.
    assert!(counts[1] > 20 && counts[0] > 1_500, "{counts:?}");
    let mixed = |case: &&Case| !CompressedEdwardsY(case.public).decompress().unwrap().is_torsion_free();
    assert!(cases.iter().filter(mixed).any(Case::single), "some key of mixed order signs");
}

#[test]
fn every_encoding_of_small_order_that_is_not_canonical_is_among_the_cases() {
    let odd = EIGHT_TORSION.iter().flat_map(encodings).filter(|bytes| {
        CompressedEdwardsY(*bytes).decompress().is_some_and(|point| point.compress().to_bytes() != *bytes)
    });
    // 1 with a sign, -1 with a sign, p + 1 with and without, p with and without.
    assert_eq!(odd.count(), 6);
}

#[test]
fn a_batch_of_edge_cases_of_both_schemes_accepts_exactly_what_single_verification_accepts() {
    let cases = shuffled([ed25519_cases(), sr25519_cases()].concat());
    let single: Vec<bool> = cases.iter().map(Case::single).collect();
    assert_eq!(batch(&cases), single);
    let valid: Vec<Case> =
        cases.iter().zip(&single).filter(|(_, valid)| **valid).map(|(case, _)| case.clone()).collect();
    assert!(batch(&valid).into_iter().all(|valid| valid));
    // Alone in a group of valid ones, every invalid one is found.
    for (at, bad) in cases.iter().zip(&single).filter(|(_, valid)| !**valid).map(|(case, _)| case).enumerate().take(200)
    {
        let mut group = valid[..8].to_vec();
        group.insert(at % 9, bad.clone());
        let expected: Vec<bool> = (0..9).map(|i| i != at % 9).collect();
        assert_eq!(batch(&group), expected, "{bad:?}");
    }
}

#[test]
fn errors_that_cancel_each_other_are_found_in_a_batch() {
    let pair = key_pair(Scheme::Sr25519, &[3; 32]).unwrap();
    let mut cases: Vec<Case> = (0..2_u8)
        .map(|n| {
            let signature = sign(Scheme::Sr25519, &pair.secret, &[n]).unwrap();
            Case { scheme: Scheme::Sr25519, public: pair.public, message: vec![n], signature }
        })
        .collect();
    for (case, error) in cases.iter_mut().zip([Scalar::ONE, -Scalar::ONE]) {
        let mut scalar: [u8; 32] = case.signature[32..].try_into().unwrap();
        scalar[31] &= 0x7f;
        let moved = Scalar::from_canonical_bytes(scalar).unwrap() + error;
        case.signature[32..].copy_from_slice(moved.as_bytes());
        case.signature[63] |= 0x80;
    }
    assert_eq!(batch(&cases), [false, false]);
}

#[test]
fn sr25519_is_verified_as_schnorrkel_does() {
    let theirs = |case: &Case| {
        let key = schnorrkel::PublicKey::from_bytes(&case.public);
        let signature = schnorrkel::Signature::from_bytes(&case.signature);
        key.is_ok_and(|key| {
            signature.is_ok_and(|signature| key.verify_simple(b"substrate", &case.message, &signature).is_ok())
        })
    };
    let mut state = 23_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let pairs: Vec<_> = (0..8_u8).map(|n| key_pair(Scheme::Sr25519, &[n + 40; 32]).unwrap()).collect();
    let mut cases = vec![];
    for n in 0..2_000_usize {
        let pair = &pairs[n % 8];
        // Lengths around the 166 bytes that a transcript takes in at a time.
        let message: Vec<u8> = (0..next(400)).map(|i| (i * n) as u8).collect();
        let mut signature = sign(Scheme::Sr25519, &pair.secret, &message).unwrap();
        let mut public = pair.public;
        match n % 4 {
            0 => signature[next(64)] ^= 1 << next(8),
            1 => public[next(32)] ^= 1 << next(8),
            2 if n % 8 == 2 => public = pairs[next(8)].public,
            _ => {}
        }
        cases.push(Case { scheme: Scheme::Sr25519, public, message, signature });
    }
    let single: Vec<bool> = cases.iter().map(Case::single).collect();
    for (case, valid) in cases.iter().zip(&single) {
        assert_eq!(*valid, theirs(case), "{case:?}");
    }
    assert!(single.iter().filter(|valid| **valid).count() > 700 && single.contains(&false));
    assert_eq!(batch(&cases), single);
}
