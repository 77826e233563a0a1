//! `consensus` for JavaScript: one synchronous call. The typed arrays are read in place, since nothing else runs on
//! the calling thread until it returns; the crate checks every length and offset before it follows one.
use std::cell::RefCell;

use consensus::{Input, Output, Rows, Workspace};
use napi::bindgen_prelude::{BigInt, BigUint64Array, Result, Uint8Array, Uint16Array, Uint32Array};
use napi_derive::napi;

use crate::failure::Failure;

thread_local! {
    /// Buffers of the last epoch on this thread.
    static WORKSPACE: RefCell<Workspace> = RefCell::default();
}

/// Sparse rows in compressed form: row i holds entries offsets[i]..offsets[i+1].
#[napi(object)]
pub struct ConsensusRows {
    pub offsets: Uint32Array,
    pub uids: Uint16Array,
    pub values: Uint16Array,
}

impl ConsensusRows {
    pub(crate) fn lend(&self) -> Rows<'_> {
        Rows { offsets: &self.offsets, uids: &self.uids, values: &self.values }
    }
}

#[napi(object, object_to_js = false)]
pub struct ConsensusInput {
    pub stake: BigUint64Array,
    pub weights: ConsensusRows,
    pub bonds: ConsensusRows,
    pub last_update: BigUint64Array,
    pub block_at_registration: BigUint64Array,
    pub validator_permit: Uint8Array,
    pub block: BigInt,
    pub activity_cutoff: u32,
    pub kappa: u32,
    pub bonds_moving_average: BigInt,
    pub max_allowed_validators: u32,
    pub emission: BigInt,
}

#[napi(object, object_from_js = false)]
pub struct ConsensusOutput {
    pub rank: Uint16Array,
    pub trust: Uint16Array,
    pub consensus: Uint16Array,
    pub incentive: Uint16Array,
    pub dividends: Uint16Array,
    pub validator_trust: Uint16Array,
    pub pruning_scores: Uint16Array,
    pub emission: BigUint64Array,
    pub server_emission: BigUint64Array,
    pub validator_emission: BigUint64Array,
    pub active: Uint8Array,
    pub validator_permit: Uint8Array,
    pub bonds: ConsensusRows,
}

impl From<consensus::Error> for Failure {
    fn from(error: consensus::Error) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

pub(crate) fn u64_of(field: &str, value: &BigInt) -> std::result::Result<u64, Failure> {
    match value.get_u64() {
        (false, value, true) => Ok(value),
        _ => Err(Failure::new("CONSENSUS_INPUT_VALUE", format!("{field} is not a u64"))),
    }
}

pub(crate) fn u16_of(field: &str, value: u32) -> std::result::Result<u16, Failure> {
    u16::try_from(value).map_err(|_| Failure::new("CONSENSUS_INPUT_VALUE", format!("{field} is not a u16")))
}

impl ConsensusInput {
    pub(crate) fn lend(&self) -> std::result::Result<Input<'_>, Failure> {
        Ok(Input {
            stake: &self.stake,
            weights: self.weights.lend(),
            bonds: self.bonds.lend(),
            last_update: &self.last_update,
            block_at_registration: &self.block_at_registration,
            validator_permit: &self.validator_permit,
            block: u64_of("block", &self.block)?,
            activity_cutoff: u16_of("activity_cutoff", self.activity_cutoff)?,
            kappa: u16_of("kappa", self.kappa)?,
            bonds_moving_average: u64_of("bonds_moving_average", &self.bonds_moving_average)?,
            max_allowed_validators: u16_of("max_allowed_validators", self.max_allowed_validators)?,
            emission: u64_of("emission", &self.emission)?,
        })
    }
}

impl From<Output> for ConsensusOutput {
    fn from(output: Output) -> Self {
        Self {
            rank: output.rank.into(),
            trust: output.trust.into(),
            consensus: output.consensus.into(),
            incentive: output.incentive.into(),
            dividends: output.dividends.into(),
            validator_trust: output.validator_trust.into(),
            pruning_scores: output.pruning_scores.into(),
            emission: output.emission.into(),
            server_emission: output.server_emission.into(),
            validator_emission: output.validator_emission.into(),
            active: output.active.into(),
            validator_permit: output.validator_permit.into(),
            bonds: ConsensusRows {
                offsets: output.bonds.offsets.into(),
                uids: output.bonds.uids.into(),
                values: output.bonds.values.into(),
            },
        }
    }
}

/// Scores one epoch, bit-exact.
#[napi(catch_unwind)]
pub fn consensus_epoch(input: ConsensusInput) -> Result<ConsensusOutput> {
    let lent = input.lend()?;
    let output = WORKSPACE.with_borrow_mut(|workspace| workspace.epoch(&lent)).map_err(Failure::from)?;
    Ok(output.into())
}
