//! sr25519 (signing context `substrate`) and ed25519, strict: one verifier, whose batch accepts exactly what it accepts
//! one by one (reliability.md, T14 and T61).
//!
//! Refused before any curve arithmetic: the all-zero key, keys that are not canonical, small-order keys, an sr25519
//! signature without its marker bit, and messages in the `<Bytes>…</Bytes>` form in which wallets wrap free text.
mod batch;
mod ed25519;
mod sr25519;

pub use batch::{BATCH_MAX, Item, verify_batch};
pub use sr25519::{derive_hard, derive_soft};
pub use zeroize::Zeroizing;

/// Longest message, bytes. Frames and transactions end well below it.
pub const MESSAGE_MAX: usize = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Sr25519,
    Ed25519,
}

pub type PublicKey = [u8; 32];
pub type Signature = [u8; 64];
/// sr25519: canonical scalar ‖ nonce seed; ed25519: seed ‖ public key. Wiped when dropped.
pub type Secret = Zeroizing<[u8; 64]>;

pub struct KeyPair {
    pub public: PublicKey,
    pub secret: Secret,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("not a secret key of this scheme")]
    SecretInvalid,
    #[error("a message in <Bytes> form is never signed")]
    MessageWrapped,
    #[error("{0} bytes of message, at most {MESSAGE_MAX}")]
    MessageTooLong(usize),
    #[error("{0} signatures in one batch, at most {BATCH_MAX}")]
    BatchTooLarge(usize),
}

impl Error {
    /// The stable code that callers match.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SecretInvalid => "SIGNATURE_SECRET_INVALID",
            Self::MessageWrapped => "SIGNATURE_MESSAGE_WRAPPED",
            Self::MessageTooLong(_) => "SIGNATURE_MESSAGE_TOO_LONG",
            Self::BatchTooLarge(_) => "SIGNATURE_BATCH_TOO_LARGE",
        }
    }
}

/// The key pair of a 32-byte seed; for sr25519 the mini-secret, expanded in Ed25519 mode.
///
/// # Errors
/// `SecretInvalid`.
pub fn key_pair(scheme: Scheme, seed: &[u8; 32]) -> Result<KeyPair, Error> {
    match scheme {
        Scheme::Sr25519 => sr25519::key_pair(seed),
        Scheme::Ed25519 => Ok(ed25519::key_pair(seed)),
    }
}

/// The key pair of a secret as [`key_pair`] gives it.
///
/// # Errors
/// `SecretInvalid`.
pub fn from_secret(scheme: Scheme, secret: &[u8; 64]) -> Result<KeyPair, Error> {
    match scheme {
        Scheme::Sr25519 => sr25519::from_secret(secret),
        Scheme::Ed25519 => ed25519::from_secret(secret),
    }
}

/// Signs raw bytes. sr25519 signatures are randomised, ed25519 ones are not.
///
/// # Errors
/// `SecretInvalid`, `MessageWrapped`, `MessageTooLong`.
pub fn sign(scheme: Scheme, secret: &[u8; 64], message: &[u8]) -> Result<Signature, Error> {
    check_length(message)?;
    if wrapped(message) {
        return Err(Error::MessageWrapped);
    }
    match scheme {
        Scheme::Sr25519 => sr25519::sign(secret, message),
        Scheme::Ed25519 => ed25519::sign(secret, message),
    }
}

/// Whether `signature` is by `public` over exactly `message`.
///
/// # Errors
/// `MessageTooLong`.
pub fn verify(scheme: Scheme, public: &PublicKey, message: &[u8], signature: &Signature) -> Result<bool, Error> {
    check_length(message)?;
    if *public == [0; 32] || wrapped(message) {
        return Ok(false);
    }
    Ok(match scheme {
        Scheme::Sr25519 => sr25519::parse(public, message, signature).is_some_and(|parsed| sr25519::verify(&parsed)),
        Scheme::Ed25519 => ed25519::verify(public, message, signature),
    })
}

fn check_length(message: &[u8]) -> Result<(), Error> {
    if message.len() > MESSAGE_MAX { Err(Error::MessageTooLong(message.len())) } else { Ok(()) }
}

fn wrapped(message: &[u8]) -> bool {
    message.starts_with(b"<Bytes>") && message.ends_with(b"</Bytes>")
}
