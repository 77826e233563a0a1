//! What one epoch gives, which is also state for the next one.
use crate::rows::OwnedRows;

/// Outputs of `consensus-scoring.md`, same names; u16 values are fractions of 65535, emissions are rao.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the names are those of the definition's table
pub struct Output {
    pub rank: Vec<u16>,
    pub trust: Vec<u16>,
    pub consensus: Vec<u16>,
    pub incentive: Vec<u16>,
    pub dividends: Vec<u16>,
    pub validator_trust: Vec<u16>,
    pub pruning_scores: Vec<u16>,
    pub emission: Vec<u64>,
    pub server_emission: Vec<u64>,
    pub validator_emission: Vec<u64>,
    pub active: Vec<u8>,
    pub validator_permit: Vec<u8>,
    pub bonds: OwnedRows,
}
