//! What can go wrong in this crate.
use thiserror::Error;

/// A typed failure; `code` is a row of `src/protocol/errors.ts`.
#[derive(Debug, Error)]
pub enum Error {
    #[error("{0}")]
    Shape(String),
    #[error("{0}")]
    Device(String),
    #[error("the work was cancelled")]
    Cancelled,
}

impl Error {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Shape(_) => "TENSOR_SHAPE",
            Self::Device(_) => "TENSOR_DEVICE",
            Self::Cancelled => "NATIVE_CANCELLED",
        }
    }
}
