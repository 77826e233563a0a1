//! sr25519: Schnorr signatures over Ristretto, as schnorrkel defines them.
use schnorrkel::derive::{ChainCode, Derivation};
use schnorrkel::{ExpansionMode, MiniSecretKey, PublicKey, SecretKey, Signature};
use zeroize::Zeroizing;

use crate::{Error, KeyPair};

/// The signing context of Substrate chains; no other is used.
const CONTEXT: &[u8] = b"substrate";

pub fn key_pair(seed: &[u8; 32]) -> Result<KeyPair, Error> {
    let mini = MiniSecretKey::from_bytes(seed).map_err(|_| Error::SecretInvalid)?;
    pair(&mini.expand(ExpansionMode::Ed25519))
}

pub fn from_secret(secret: &[u8; 64]) -> Result<KeyPair, Error> {
    pair(&parse_secret(secret)?)
}

fn parse_secret(secret: &[u8; 64]) -> Result<SecretKey, Error> {
    SecretKey::from_bytes(secret).map_err(|_| Error::SecretInvalid)
}

fn pair(secret: &SecretKey) -> Result<KeyPair, Error> {
    let public = secret.to_public().to_bytes();
    // A zero scalar has the all-zero key, for which every verifier here refuses everything.
    if public == [0; 32] {
        return Err(Error::SecretInvalid);
    }
    Ok(KeyPair { public, secret: Zeroizing::new(secret.to_bytes()) })
}

/// The child mini-secret of a mini-secret (32 bytes) or of a secret (64 bytes) under a chain code.
///
/// # Errors
/// `SecretInvalid`, also for any other length.
pub fn derive_hard(secret: &[u8], chain_code: &[u8; 32]) -> Result<Zeroizing<[u8; 32]>, Error> {
    let code = Some(ChainCode(*chain_code));
    let secret = match secret.len() {
        32 => MiniSecretKey::from_bytes(secret).map_err(|_| Error::SecretInvalid)?.expand(ExpansionMode::Ed25519),
        64 => SecretKey::from_bytes(secret).map_err(|_| Error::SecretInvalid)?,
        _ => return Err(Error::SecretInvalid),
    };
    Ok(Zeroizing::new(secret.hard_derive_mini_secret_key(code, b"").0.to_bytes()))
}

/// The child secret whose public key anyone can derive from the parent's; its nonce seed is fresh each time.
///
/// # Errors
/// `SecretInvalid`.
pub fn derive_soft(secret: &[u8; 64], chain_code: &[u8; 32]) -> Result<Zeroizing<[u8; 64]>, Error> {
    let (child, _) = parse_secret(secret)?.derived_key_simple(ChainCode(*chain_code), b"");
    Ok(Zeroizing::new(child.to_bytes()))
}

pub fn sign(secret: &[u8; 64], message: &[u8]) -> Result<[u8; 64], Error> {
    let secret = parse_secret(secret)?;
    let public = secret.to_public();
    if public.to_bytes() == [0; 32] {
        return Err(Error::SecretInvalid);
    }
    Ok(secret.sign_simple(CONTEXT, message, &public).to_bytes())
}

/// Key and signature, where both are canonical and the marker bit is there.
pub fn parse(public: &[u8; 32], signature: &[u8; 64]) -> Option<(PublicKey, Signature)> {
    Some((PublicKey::from_bytes(public).ok()?, Signature::from_bytes(signature).ok()?))
}

pub fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    parse(public, signature)
        .is_some_and(|(public, signature)| public.verify_simple(CONTEXT, message, &signature).is_ok())
}

/// Whether all are valid: one equation with random weights, wrong with probability 2⁻¹²⁸. Ristretto has no small-order
/// points, so it means exactly what [`verify`] means.
pub fn verify_all(messages: &[&[u8]], publics: &[PublicKey], signatures: &[Signature]) -> bool {
    let context = schnorrkel::signing_context(CONTEXT);
    let transcripts = messages.iter().map(|message| context.bytes(message));
    schnorrkel::verify_batch(transcripts, signatures, publics, false).is_ok()
}
