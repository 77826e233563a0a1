//! sr25519: Schnorr signatures over Ristretto, as schnorrkel defines them. Secrets are schnorrkel's business; what is
//! public is verified here by the same equation, on the curve's newer arithmetic, which is faster by far.
use std::sync::LazyLock;

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{IsIdentity, VartimeMultiscalarMul};
use merlin::Transcript;
use schnorrkel::derive::{ChainCode, Derivation};
use schnorrkel::{ExpansionMode, MiniSecretKey, SecretKey};
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

/// What the bytes of a key and a signature are, and the challenge that binds them to a message.
pub struct Parsed {
    key: RistrettoPoint,
    commitment: CompressedRistretto,
    scalar: Scalar,
    challenge: Scalar,
}

/// A transcript that has taken in the signing context.
static SIGNING: LazyLock<Transcript> = LazyLock::new(|| {
    let mut transcript = Transcript::new(b"SigningContext");
    transcript.append_message(b"", CONTEXT);
    transcript
});

/// Key, signature and challenge, where key and scalar are canonical and the marker bit is there.
pub fn parse(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Option<Parsed> {
    const MARKER: u8 = 0x80;
    let [commitment, mut scalar] = *signature.as_chunks::<32>().0 else { return None };
    if scalar[31] & MARKER == 0 {
        return None;
    }
    scalar[31] &= !MARKER;
    let scalar = Option::from(Scalar::from_canonical_bytes(scalar))?;
    let key = CompressedRistretto(*public).decompress()?;
    let mut transcript = SIGNING.clone();
    transcript.append_message(b"sign-bytes", message);
    transcript.append_message(b"proto-name", b"Schnorr-sig");
    transcript.append_message(b"sign:pk", public);
    transcript.append_message(b"sign:R", &commitment);
    let mut wide = [0; 64];
    transcript.challenge_bytes(b"sign:c", &mut wide);
    let challenge = Scalar::from_bytes_mod_order_wide(&wide);
    Some(Parsed { key, commitment: CompressedRistretto(commitment), scalar, challenge })
}

/// R = s·B - k·A, compared as bytes: there is one encoding of every point.
pub fn verify(parsed: &Parsed) -> bool {
    let Parsed { key, commitment, scalar, challenge } = parsed;
    RistrettoPoint::vartime_double_scalar_mul_basepoint(challenge, &-key, scalar).compress() == *commitment
}

/// Whether all are valid: Σ z·(s·B - k·A - R) = 0 with weights z of 128 bits that depend on every byte of the batch, wrong
/// with probability 2⁻¹²⁸. Ristretto has no small-order points, so it means exactly what [`verify`] means.
pub fn verify_all(batch: &[Parsed]) -> bool {
    let mut hasher = blake3::Hasher::new_derive_key("taumesh v1 signature batch");
    for Parsed { key: _, commitment, scalar, challenge } in batch {
        // The challenge binds key, commitment and message.
        hasher.update(challenge.as_bytes()).update(commitment.as_bytes()).update(scalar.as_bytes());
    }
    let mut stream = hasher.finalize_xof();
    let mut weights = Vec::with_capacity(batch.len());
    for _ in batch {
        let mut weight = [0; 16];
        stream.fill(&mut weight);
        weights.push(Scalar::from(u128::from_le_bytes(weight)));
    }
    let base: Scalar = batch.iter().zip(&weights).map(|(one, weight)| one.scalar * weight).sum();
    let keys = batch.iter().zip(&weights).map(|(one, weight)| one.challenge * weight);
    let sum = RistrettoPoint::optional_multiscalar_mul(
        std::iter::once(-base).chain(weights.iter().copied()).chain(keys),
        std::iter::once(Some(RISTRETTO_BASEPOINT_POINT))
            .chain(batch.iter().map(|one| one.commitment.decompress()))
            .chain(batch.iter().map(|one| Some(one.key))),
    );
    sum.is_some_and(|sum| sum.is_identity())
}
