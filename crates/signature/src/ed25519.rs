//! ed25519 without the freedoms of RFC 8032: canonical keys, no small order, no cofactor.
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
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

/// Whether the y coordinate is below p = 2²⁵⁵ - 19. The other non-canonical form, x = 0 with its sign bit set, has
/// small order and is refused for that.
fn canonical(key: &[u8; 32]) -> bool {
    let [first, middle @ .., last] = key;
    !(*first >= 0xed && middle.iter().all(|byte| *byte == 0xff) && last & 0x7f == 0x7f)
}

/// `verify_strict` refuses small-order keys and commitments, s ≥ L, and compares the commitment's bytes. There is no
/// batch equation on purpose: with random weights it accepts signatures whose error has small order.
pub fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    canonical(public)
        && VerifyingKey::from_bytes(public)
            .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
}
