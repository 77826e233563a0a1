//! `consensus` for JavaScript: many variants of one input, off its thread. All inputs are copied first.
use consensus::{Control, Depth, OwnedInput, OwnedRows, Row, VARIANTS_MAX, Variant, WhatIf};
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

/// What a variant changes, no longer dependent on JavaScript.
struct Change {
    stake: Option<Vec<u64>>,
    uids: Vec<u16>,
    rows: OwnedRows,
    kappa: Option<u16>,
    bonds_moving_average: Option<u64>,
}

impl Change {
    fn of(variant: &ConsensusVariant) -> std::result::Result<Self, Failure> {
        let kappa = variant.kappa.map(|kappa| u16_of("kappa", kappa)).transpose()?;
        let average = variant.bonds_moving_average.as_ref();
        Ok(Self {
            stake: variant.stake.as_ref().map(|stake| stake.to_vec()),
            uids: variant.uids.as_ref().map(|uids| uids.to_vec()).unwrap_or_default(),
            rows: variant.rows.as_ref().map(|rows| rows.lend().into()).unwrap_or_default(),
            kappa,
            bonds_moving_average: average.map(|average| u64_of("bonds_moving_average", average)).transpose()?,
        })
    }

    /// The replaced rows; the crate checks their uids.
    fn rows(&self) -> std::result::Result<Vec<(u16, Row<'_>)>, Failure> {
        let rows = self.rows.lend();
        let malformed = || Failure::new("CONSENSUS_INPUT_ROW", "the rows of a variant do not fit its uids");
        if self.uids.is_empty() && rows.uids.is_empty() {
            return Ok(Vec::new());
        }
        if rows.offsets.len() != self.uids.len() + 1 || rows.uids.len() != rows.values.len() {
            return Err(malformed());
        }
        let row = |(at, &uid)| Some((uid, rows.get(at)?));
        self.uids.iter().enumerate().map(row).collect::<Option<_>>().ok_or_else(malformed)
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
    let copied = OwnedInput::from(&input.lend()?);
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
