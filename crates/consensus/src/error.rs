//! What is refused before anything is scored: what the definition does not accept, and too much for one call.
use thiserror::Error as ThisError;

/// Why there is no result. The codes are rows of `src/protocol/errors.ts`.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
pub enum Error {
    /// More neurons than a market may hold.
    #[error("{n} neurons, {max} are the most")]
    TooLarge {
        /// Neurons given.
        n: usize,
        /// The limit.
        max: usize,
    },
    /// A list that has not one entry per neuron.
    #[error("{list} has {found} entries for {expected}")]
    Length {
        /// Name of the list.
        list: &'static str,
        /// Entries found.
        found: usize,
        /// Entries expected.
        expected: usize,
    },
    /// A sparse row whose uids do not strictly increase or are not below n, or offsets that do not delimit rows.
    #[error("{list} row {row}: {why}")]
    Row {
        /// `weights` or `bonds`.
        list: &'static str,
        /// Index of the row.
        row: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A number outside the range of the definition.
    #[error("{field} is out of range: {limit}")]
    Value {
        /// Name of the field.
        field: &'static str,
        /// The range that it left.
        limit: &'static str,
    },
    /// More variants or outputs than one call may ask for.
    #[error("{what}: {found}, {max} are the most")]
    Much {
        /// What there is too much of.
        what: &'static str,
        /// How much.
        found: u64,
        /// The limit.
        max: u64,
    },
    /// A variant that its own epoch would refuse.
    #[error("variant {index}: {error}")]
    Variant {
        /// Which one.
        index: usize,
        /// Why.
        error: Box<Error>,
    },
    /// The caller wants no result any more.
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } | Self::Much { .. } => "CONSENSUS_INPUT_TOO_LARGE",
            Self::Length { .. } => "CONSENSUS_INPUT_LENGTH",
            Self::Row { .. } => "CONSENSUS_INPUT_ROW",
            Self::Value { .. } => "CONSENSUS_INPUT_VALUE",
            Self::Variant { error, .. } => error.code(),
            Self::Cancelled => "NATIVE_CANCELLED",
        }
    }
}
