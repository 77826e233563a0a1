//! ed25519 without the freedoms of RFC 8032: canonical keys, no small order, no cofactor.
use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use zeroize::Zeroizing;

use crate::{Error, KeyPair};

pub fn key_pair(seed: &[u8; 32]) -> KeyPair {
    let key = SigningKey::from_bytes(seed);
    KeyPair { public: key.verifying_key().to_bytes(), secret: Zeroizing::new(key.to_keypair_bytes()) }
}

fn parse_secret(secret: &[u8; 64]) -> Result<SigningKey, Error> {
    SigningKey::from_keypair_bytes(secret).map_err(|_| Error::SecretInvalid)
}

pub fn from_secret(secret: &[u8; 64]) -> Result<KeyPair, Error> {
    Ok(key_pair(parse_secret(secret)?.as_bytes()))
}

pub fn sign(secret: &[u8; 64], message: &[u8]) -> Result<[u8; 64], Error> {
    Ok(parse_secret(secret)?.sign(message).to_bytes())
}

/// Whether the y coordinate is below p = 2²⁵⁵ - 19. The other non-canonical form, x = 0 with its sign bit set, is among
/// [`small_order`]'s.
fn canonical(key: &[u8; 32]) -> bool {
    let [first, middle @ .., last] = key;
    !(*first >= 0xed && middle.iter().all(|byte| *byte == 0xff) && last & 0x7f == 0x7f)
}

/// y of the points of small order, little-endian: 1, -1, 0 and the two of order eight.
const SMALL_ORDER_Y: [[u8; 32]; 5] = [
    [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
    [0; 32],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
];

/// Whether canonical bytes, with either sign, are a point of small order.
fn small_order(point: &[u8; 32]) -> bool {
    let mut y = *point;
    y[31] &= 0x7f;
    SMALL_ORDER_Y.contains(&y)
}

/// Exactly dalek's `verify_strict` with canonical keys: no small-order key or commitment, s below the order, and the
/// commitment's bytes compared. Since those bytes are compared, the commitment is canonical where they are equal, and
/// need not be decompressed to know its order. There is no batch equation on purpose: with random weights it accepts
/// signatures whose error has small order.
pub fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let [commitment, _] = signature.as_chunks::<32>().0 else { return false };
    canonical(public)
        && !small_order(public)
        && !small_order(commitment)
        && VerifyingKey::from_bytes(public)
            .is_ok_and(|key| key.verify(message, &Signature::from_bytes(signature)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_librarys_strict_verifier_and_lists_every_point_of_small_order() {
        let strict = |public: &[u8; 32], message: &[u8], signature: &[u8; 64]| {
            let key = VerifyingKey::from_bytes(public).ok().filter(|_| canonical(public));
            key.is_some_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
        };
        for y in SMALL_ORDER_Y {
            assert!(VerifyingKey::from_bytes(&y).unwrap().is_weak() && small_order(&y));
        }
        let pair = key_pair(&[3; 32]);
        let mut verdicts = [0; 2];
        for i in 0..2_000_u32 {
            let message = i.to_le_bytes();
            let (mut public, mut signature) = (pair.public, sign(&pair.secret, &message).unwrap());
            match i % 5 {
                0 => {}
                1 => signature[..32].copy_from_slice(&SMALL_ORDER_Y[i as usize % 5]),
                2 => public = SMALL_ORDER_Y[i as usize / 5 % 5],
                3 => signature[i as usize % 64] ^= 1 << (i % 8),
                _ => public[i as usize % 32] ^= 1 << (i % 8),
            }
            let verdict = verify(&public, &message, &signature);
            assert_eq!(verdict, strict(&public, &message, &signature), "case {i}");
            verdicts[usize::from(verdict)] += 1;
        }
        assert!(verdicts[0] > 1_000 && verdicts[1] == 400);
    }
}
