//! What can go wrong in this crate, each with the stable code that callers match.
use thiserror::Error;

/// A typed failure; `code` is a row of `src/protocol/errors.ts`.
#[derive(Debug, Error)]
pub enum Error {
    #[error("{0}")]
    Spec(String),
    #[error("{0}")]
    Input(String),
    #[error("{0}")]
    Kind(String),
    #[error("no text was given to train on")]
    NoText,
    #[error("{0}")]
    Artefact(String),
    #[error("{0}")]
    Checkpoint(String),
    #[error("{0}")]
    Device(String),
    #[error("the work was cancelled")]
    Cancelled,
}

impl Error {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Spec(_) => "EXPERT_SPEC",
            Self::Input(_) => "EXPERT_INPUT",
            Self::Kind(_) => "EXPERT_KIND",
            Self::NoText => "EXPERT_NO_TEXT",
            Self::Artefact(_) => "EXPERT_ARTEFACT",
            Self::Checkpoint(_) => "EXPERT_CHECKPOINT",
            Self::Device(_) => "EXPERT_DEVICE",
            Self::Cancelled => "NATIVE_CANCELLED",
        }
    }
}
