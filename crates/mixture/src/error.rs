//! What a call on the mixture can fail with.
use thiserror::Error as ThisError;

/// A refused call. The codes are rows of `src/protocol/errors.ts`.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
pub enum Error {
    /// An argument of the wrong size or value.
    #[error("{0}")]
    Argument(&'static str),
    /// More leaves, positions or players than one call takes.
    #[error("{what}: {found}, {max} are the most")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: usize,
        /// How much there may be.
        max: usize,
    },
    /// Bytes that are not the next-token distributions they should be.
    #[error("position {position}: {why}")]
    Ntd {
        /// Index of the first malformed distribution.
        position: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The caller asked to stop.
    #[error("the work was cancelled")]
    Cancelled,
}

impl Error {
    /// The stable code of this error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Argument(_) => "MIXTURE_ARGUMENT",
            Self::TooLarge { .. } => "MIXTURE_TOO_LARGE",
            Self::Ntd { .. } => "MIXTURE_NTD_MALFORMED",
            Self::Cancelled => "NATIVE_CANCELLED",
        }
    }
}
