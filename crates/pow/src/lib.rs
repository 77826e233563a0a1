//! Proof-of-work seals: the readable definition, batches of verification, and solvers chosen at run time.
//!
//! `inner = keccak256(block_hash ‖ hotkey)`, `seal = keccak256(sha256(nonce u64 LE ‖ inner))`; a seal, read as a
//! big-endian 256-bit integer, meets difficulty d when seal · d < 2²⁵⁶ (consensus-scoring.md, registration seal).
//! [`seal`] is the oracle: every backend is tested against it and every solution passes through it again.
mod backend;
mod keccak;
mod ranking;
mod seal;
mod sha256;
mod solver;
mod verify;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx2_sha;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512_sha;
#[cfg(target_arch = "x86_64")]
mod avx512_woven;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod lanes;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "aarch64")]
mod neon_sha2;
#[cfg(target_arch = "aarch64")]
mod neon_sha3;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod rounds;

pub use backend::Backend;
pub use seal::{Hash, inner, meets, seal, target};
pub use solver::{Challenge, Control, Search, Solution, THREADS_MAX, solve};
pub use verify::{BATCH_MAX, Batch, Verdicts, verify};

/// What a caller can do wrong, or a backend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("no solver named {0} runs on this machine")]
    Backend(String),
    #[error("{0} threads asked for, 1 to {THREADS_MAX} possible")]
    Threads(usize),
    #[error("{0} seals in one batch, at most {BATCH_MAX}")]
    BatchTooLarge(usize),
    #[error(
        "the columns of a batch have different lengths: {hashes} and {hotkeys} bytes, {nonces} and {difficulties} numbers"
    )]
    BatchShape { hashes: usize, hotkeys: usize, nonces: usize, difficulties: usize },
    #[error("backend {backend} reported nonce {nonce}, which the definition refuses")]
    BackendWrong { backend: &'static str, nonce: u64 },
    #[error("none of {0} nonces meets the difficulty")]
    Exhausted(u64),
    #[error("the search was cancelled")]
    Cancelled,
}

impl Error {
    /// The stable code that callers match.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Backend(_) => "POW_BACKEND_UNAVAILABLE",
            Self::Threads(_) => "POW_THREADS",
            Self::BatchTooLarge(_) => "POW_BATCH_TOO_LARGE",
            Self::BatchShape { .. } => "POW_BATCH_SHAPE",
            Self::BackendWrong { .. } => "POW_BACKEND_WRONG",
            Self::Exhausted(_) => "POW_EXHAUSTED",
            Self::Cancelled => "NATIVE_CANCELLED",
        }
    }
}
