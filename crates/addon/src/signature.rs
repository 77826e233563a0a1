//! Signatures for JavaScript: see `src/native/signature.ts`. Copies of secrets made here are wiped; what JavaScript
//! receives is its holder's to wipe.
use napi::bindgen_prelude::{Result, Uint8Array, Uint32Array};
use napi_derive::napi;
use signature::{Item, KeyPair, Scheme, Zeroizing};

use crate::argument::fixed;
use crate::failure::Failure;

impl From<signature::Error> for Failure {
    fn from(error: signature::Error) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

fn scheme(number: u32) -> std::result::Result<Scheme, Failure> {
    match number {
        0 => Ok(Scheme::Sr25519),
        1 => Ok(Scheme::Ed25519),
        _ => Err(Failure::new("NATIVE_ARGUMENT", "scheme must be 0 (sr25519) or 1 (ed25519)")),
    }
}

fn secret<const N: usize>(bytes: &[u8]) -> std::result::Result<Zeroizing<[u8; N]>, Failure> {
    fixed("secret", bytes).map(Zeroizing::new)
}

#[napi(object, object_from_js = false)]
pub struct SignatureKeyPair {
    pub public_key: Uint8Array,
    pub secret: Uint8Array,
}

impl From<KeyPair> for SignatureKeyPair {
    fn from(pair: KeyPair) -> Self {
        Self { public_key: pair.public.to_vec().into(), secret: pair.secret.to_vec().into() }
    }
}

/// The key pair of a 32-byte seed.
#[napi(catch_unwind)]
pub fn signature_key_pair(scheme_number: u32, seed: &[u8]) -> Result<SignatureKeyPair> {
    Ok(signature::key_pair(scheme(scheme_number)?, &*secret(seed)?).map_err(Failure::from)?.into())
}

/// The key pair of a 64-byte secret.
#[napi(catch_unwind)]
pub fn signature_from_secret(scheme_number: u32, secret_bytes: &[u8]) -> Result<SignatureKeyPair> {
    Ok(signature::from_secret(scheme(scheme_number)?, &*secret(secret_bytes)?).map_err(Failure::from)?.into())
}

/// The 32-byte child mini-secret of a mini-secret (32 bytes) or a secret (64 bytes).
#[napi(catch_unwind)]
pub fn signature_derive_hard(secret_bytes: &[u8], chain_code: &[u8]) -> Result<Uint8Array> {
    let child = signature::derive_hard(secret_bytes, &fixed("chainCode", chain_code)?).map_err(Failure::from)?;
    Ok(child.to_vec().into())
}

/// The 64-byte child secret of a 64-byte secret.
#[napi(catch_unwind)]
pub fn signature_derive_soft(secret_bytes: &[u8], chain_code: &[u8]) -> Result<Uint8Array> {
    let parent = secret(secret_bytes)?;
    let child = signature::derive_soft(&parent, &fixed("chainCode", chain_code)?).map_err(Failure::from)?;
    Ok(child.to_vec().into())
}

/// A 64-byte signature over raw bytes.
#[napi(catch_unwind)]
pub fn signature_sign(scheme_number: u32, secret_bytes: &[u8], message: &[u8]) -> Result<Uint8Array> {
    let signature = signature::sign(scheme(scheme_number)?, &*secret(secret_bytes)?, message).map_err(Failure::from)?;
    Ok(signature.to_vec().into())
}

/// Whether the signature is valid.
#[napi(catch_unwind)]
pub fn signature_verify(scheme_number: u32, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<bool> {
    let (public, by) = (fixed("publicKey", public_key)?, fixed("signature", signature)?);
    Ok(signature::verify(scheme(scheme_number)?, &public, message, &by).map_err(Failure::from)?)
}

/// One byte per item, 1 where it is valid. Columns of n items: one byte per scheme, 32 per key, 64 per signature, and
/// the messages one after the other, `ends` saying where each ends.
#[napi(catch_unwind)]
pub fn signature_verify_batch(
    schemes: &[u8],
    public_keys: &[u8],
    messages: &[u8],
    ends: Uint32Array,
    signatures: &[u8],
) -> Result<Uint8Array> {
    let count = schemes.len();
    let wrong = || Failure::new("NATIVE_ARGUMENT", "the columns of a batch do not fit one another");
    if count > signature::BATCH_MAX {
        return Err(Failure::from(signature::Error::BatchTooLarge(count)).into());
    }
    let ((keys, []), (by, [])) = (public_keys.as_chunks(), signatures.as_chunks()) else {
        return Err(wrong().into());
    };
    if keys.len() != count || by.len() != count || ends.len() != count {
        return Err(wrong().into());
    }
    let mut items = Vec::with_capacity(count);
    let mut start = 0;
    for (index, end) in ends.iter().enumerate() {
        let end = *end as usize;
        let message = messages.get(start..end).ok_or_else(wrong)?;
        let scheme = scheme(u32::from(schemes[index]))?;
        items.push(Item { scheme, public: &keys[index], message, signature: &by[index] });
        start = end;
    }
    let valid = signature::verify_batch(&items).map_err(Failure::from)?;
    Ok(valid.into_iter().map(u8::from).collect::<Vec<u8>>().into())
}
