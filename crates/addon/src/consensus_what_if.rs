//! `consensus` for JavaScript: many variants of one input, off its thread. All inputs are copied first.
use consensus::{Control, Depth, Input, OwnedRows, Row, Rows, VARIANTS_MAX, Variant, WhatIf};
use napi::bindgen_prelude::{BigInt, BigUint64Array, Env, Object, Result, Uint16Array};
use napi_derive::napi;

use crate::consensus::{ConsensusInput, ConsensusOutput, ConsensusRows, u16_of, u64_of};
use crate::failure::Failure;
use crate::job::{Job, Lane, promise};

/// Bytes of stakes and rows that the variants of one call may bring along.
const VARIANT_BYTES_MAX: usize = 1 << 30;

/// What one variant changes: row k of `rows` replaces the weights of uid `uids[k]`.
#[napi(object, object_to_js = false)]
pub struct ConsensusVariant {
    pub stake: Option<BigUint64Array>,
    pub uids: Option<Uint16Array>,
    pub rows: Option<ConsensusRows>,
    pub kappa: Option<u32>,
    pub bonds_moving_average: Option<BigInt>,
}

/// An input that no longer depends on JavaScript.
struct Copied {
    stake: Vec<u64>,
    weights: OwnedRows,
    bonds: OwnedRows,
    last_update: Vec<u64>,
    block_at_registration: Vec<u64>,
    validator_permit: Vec<u8>,
    block: u64,
    activity_cutoff: u16,
    kappa: u16,
    bonds_moving_average: u64,
    max_allowed_validators: u16,
    emission: u64,
}

struct Change {
    stake: Option<Vec<u64>>,
    uids: Vec<u16>,
    rows: OwnedRows,
    kappa: Option<u16>,
    bonds_moving_average: Option<u64>,
}

fn own(rows: Rows<'_>) -> OwnedRows {
    OwnedRows { offsets: rows.offsets.to_vec(), uids: rows.uids.to_vec(), values: rows.values.to_vec() }
}

fn lend(rows: &OwnedRows) -> Rows<'_> {
    Rows { offsets: &rows.offsets, uids: &rows.uids, values: &rows.values }
}

impl Copied {
    fn of(input: &Input<'_>) -> Self {
        Self {
            stake: input.stake.to_vec(),
            weights: own(input.weights),
            bonds: own(input.bonds),
            last_update: input.last_update.to_vec(),
            block_at_registration: input.block_at_registration.to_vec(),
            validator_permit: input.validator_permit.to_vec(),
            block: input.block,
            activity_cutoff: input.activity_cutoff,
            kappa: input.kappa,
            bonds_moving_average: input.bonds_moving_average,
            max_allowed_validators: input.max_allowed_validators,
            emission: input.emission,
        }
    }

    fn lend(&self) -> Input<'_> {
        Input {
            stake: &self.stake,
            weights: lend(&self.weights),
            bonds: lend(&self.bonds),
            last_update: &self.last_update,
            block_at_registration: &self.block_at_registration,
            validator_permit: &self.validator_permit,
            block: self.block,
            activity_cutoff: self.activity_cutoff,
            kappa: self.kappa,
            bonds_moving_average: self.bonds_moving_average,
            max_allowed_validators: self.max_allowed_validators,
            emission: self.emission,
        }
    }
}

impl Change {
    fn of(variant: &ConsensusVariant) -> std::result::Result<Self, Failure> {
        let kappa = variant.kappa.map(|kappa| u16_of("kappa", kappa)).transpose()?;
        let average = variant.bonds_moving_average.as_ref();
        Ok(Self {
            stake: variant.stake.as_ref().map(|stake| stake.to_vec()),
            uids: variant.uids.as_ref().map(|uids| uids.to_vec()).unwrap_or_default(),
            rows: variant.rows.as_ref().map(|rows| own(rows.lend())).unwrap_or_default(),
            kappa,
            bonds_moving_average: average.map(|average| u64_of("bonds_moving_average", average)).transpose()?,
        })
    }

    /// The replaced rows; the crate checks their uids.
    fn rows(&self) -> std::result::Result<Vec<(u16, Row<'_>)>, Failure> {
        let OwnedRows { offsets, uids, values } = &self.rows;
        let malformed = || Failure::new("CONSENSUS_INPUT_ROW", "the rows of a variant do not fit its uids");
        if self.uids.is_empty() && uids.is_empty() {
            return Ok(Vec::new());
        }
        if offsets.len() != self.uids.len() + 1 || uids.len() != values.len() {
            return Err(malformed());
        }
        let row = |(pair, &uid): (&[u32], &u16)| {
            let range = pair[0] as usize..pair[1] as usize;
            let (uids, values) = (uids.get(range.clone())?, values.get(range)?);
            Some((uid, Row { uids, values }))
        };
        offsets.windows(2).zip(&self.uids).map(row).collect::<Option<_>>().ok_or_else(malformed)
    }
}

fn bytes(variant: &ConsensusVariant) -> usize {
    let rows = variant.rows.as_ref().map_or(0, |rows| rows.offsets.len() * 4 + rows.uids.len() * 4);
    variant.stake.as_ref().map_or(0, |stake| stake.len() * 8) + rows
}

/// Scores variants of an input: the outputs in order, as far as `depth` says (0 scores, 1 rewards, 2 bonds).
#[napi(catch_unwind, ts_return_type = "Promise<Array<ConsensusOutput>>")]
pub fn consensus_what_if<'env>(
    env: &'env Env,
    job: &Job,
    input: ConsensusInput,
    variants: Vec<ConsensusVariant>,
    depth: u32,
) -> Result<Object<'env>> {
    if variants.len() > VARIANTS_MAX || variants.iter().map(bytes).sum::<usize>() > VARIANT_BYTES_MAX {
        return Err(Failure::new("CONSENSUS_INPUT_TOO_LARGE", format!("{} variants", variants.len())).into());
    }
    let depth = match depth {
        0 => Depth::Scores,
        1 => Depth::Rewards,
        _ => Depth::Bonds,
    };
    let copied = Copied::of(&input.lend()?);
    let changes = variants.iter().map(Change::of).collect::<std::result::Result<Vec<_>, _>>()?;
    let shared = job.shared.clone();
    shared.total.store(changes.len() as u64, std::sync::atomic::Ordering::Relaxed);
    promise(env, Lane::Own, move || {
        let rows = changes.iter().map(Change::rows).collect::<std::result::Result<Vec<_>, _>>()?;
        let variants: Vec<Variant<'_>> = changes
            .iter()
            .zip(&rows)
            .map(|(change, weights)| Variant {
                stake: change.stake.as_deref(),
                weights,
                kappa: change.kappa,
                bonds_moving_average: change.bonds_moving_average,
            })
            .collect();
        let control = Control { cancelled: &shared.cancelled, done: &shared.done };
        let outputs = WhatIf::prepare(copied.lend())?.score(&variants, depth, control)?;
        Ok(outputs.into_iter().map(ConsensusOutput::from).collect::<Vec<ConsensusOutput>>())
    })
}
