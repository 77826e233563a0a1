//! Many variants of one input: other stakes, other rows of weights, another κ or pace of bonds. What they share is checked
//! and prepared once; every variant is scored as the epoch of the input rebuilt with it, to the last bit.
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::epoch::{Depth, Workspace};
use crate::error::Error;
use crate::input::Input;
use crate::level::Level;
use crate::market::{Market, PARALLEL_ENTRIES_MIN};
use crate::output::Output;
use crate::rows::Row;

/// Variants in one call.
pub const VARIANTS_MAX: usize = 65_536;
/// Bytes that the outputs of one call may take.
const OUTPUT_BYTES_MAX: u64 = 1 << 30;
/// Bytes of the outputs of one uid, without bonds: seven numbers of 16 bits, three of 64 and two flags.
const UID_BYTES: u64 = 7 * 2 + 3 * 8 + 2;
/// Bytes of a stored bond.
const BOND_BYTES: u64 = 4;

/// What one variant changes; `None` and no row leave the input as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Variant<'a> {
    /// Stake of every uid.
    pub stake: Option<&'a [u64]>,
    /// Rows of weights instead of those of these uids; of two for one uid the later counts.
    pub weights: &'a [(u16, Row<'a>)],
    /// Majority of the median, in 65535ths.
    pub kappa: Option<u16>,
    /// Weight of the old bonds, in parts per million.
    pub bonds_moving_average: Option<u64>,
}

/// How a call is watched and stopped.
#[derive(Clone, Copy, Debug)]
pub struct Control<'a> {
    /// Set to stop: a variant that has begun is finished first.
    pub cancelled: &'a AtomicBool,
    /// Variants done.
    pub done: &'a AtomicU64,
}

/// A checked and prepared input.
#[derive(Debug)]
pub struct WhatIf<'a> {
    input: Input<'a>,
    market: Market<'a>,
    level: Level,
}

impl<'a> WhatIf<'a> {
    /// Prepares an input.
    ///
    /// # Errors
    /// What the definition refuses, see [`Error`].
    pub fn prepare(input: Input<'a>) -> Result<Self, Error> {
        let level = Level::best();
        Ok(Self { market: Market::of(&input, level)?, input, level })
    }

    /// Scores every variant as far as `depth` says, in order.
    ///
    /// # Errors
    /// Too many of them, one that its own epoch would refuse, or a call that was cancelled. All are checked first.
    pub fn score(&self, variants: &[Variant<'_>], depth: Depth, control: Control<'_>) -> Result<Vec<Output>, Error> {
        self.check(variants, depth)?;
        let workspaces: Mutex<Vec<Workspace>> = Mutex::default();
        let threads = rayon::current_num_threads();
        // Few variants share all threads one by one; many go side by side.
        let alone = variants.len() >= threads || self.market.entries < PARALLEL_ENTRIES_MIN;
        let score = |variant: &Variant<'_>| {
            if control.cancelled.load(Ordering::Relaxed) {
                return Err(Error::Cancelled);
            }
            let free = || workspaces.lock().unwrap_or_else(PoisonError::into_inner);
            let mut workspace = free().pop().unwrap_or_default();
            let output = self.one(variant, &mut workspace, if alone { 1 } else { threads }, depth);
            free().push(workspace);
            control.done.fetch_add(1, Ordering::Relaxed);
            Ok(output)
        };
        if alone {
            variants.par_iter().with_max_len(1).map(score).collect()
        } else {
            variants.iter().map(score).collect()
        }
    }

    fn one(&self, variant: &Variant<'_>, workspace: &mut Workspace, threads: usize, depth: Depth) -> Output {
        let input = self.changed(variant);
        if variant.weights.is_empty() {
            return workspace.score(&input, &self.market, threads, depth);
        }
        let mut market = self.market.clone();
        for &(uid, row) in variant.weights {
            let uid = usize::from(uid);
            market.replace(uid, row, self.input.validator_permit[uid] == 1, self.level);
        }
        workspace.score(&input, &market, threads, depth)
    }

    /// The input with the numbers of a variant.
    fn changed<'b>(&'b self, variant: &Variant<'b>) -> Input<'b> {
        Input {
            stake: variant.stake.unwrap_or(self.input.stake),
            kappa: variant.kappa.unwrap_or(self.input.kappa),
            bonds_moving_average: variant.bonds_moving_average.unwrap_or(self.input.bonds_moving_average),
            ..self.input
        }
    }

    fn check(&self, variants: &[Variant<'_>], depth: Depth) -> Result<(), Error> {
        limit("variants", variants.len() as u64, VARIANTS_MAX as u64)?;
        let n = self.input.stake.len();
        let mut bytes = 0;
        for (index, variant) in variants.iter().enumerate() {
            self.check_one(variant).map_err(|error| Error::Variant { index, error: Box::new(error) })?;
            // No bond is stored but where there was a weight or a bond.
            let added: usize = variant.weights.iter().map(|(_, row)| row.uids.len()).sum();
            let bonds = if depth < Depth::Bonds { 0 } else { self.market.entries + added };
            bytes += n as u64 * UID_BYTES + bonds as u64 * BOND_BYTES;
        }
        limit("bytes of outputs", bytes, OUTPUT_BYTES_MAX)
    }

    fn check_one(&self, variant: &Variant<'_>) -> Result<(), Error> {
        let n = self.input.stake.len();
        if let Some(stake) = variant.stake
            && stake.len() != n
        {
            return Err(Error::Length { list: "stake", found: stake.len(), expected: n });
        }
        for &(uid, row) in variant.weights {
            let uid = usize::from(uid);
            if uid >= n {
                return Err(Error::Row { list: "weights", row: uid, why: "its uid is not below n" });
            }
            self.market.check(uid, row, self.level)?;
        }
        self.changed(variant).check_values()
    }
}

fn limit(what: &'static str, found: u64, max: u64) -> Result<(), Error> {
    if found > max { Err(Error::Much { what, found, max }) } else { Ok(()) }
}
