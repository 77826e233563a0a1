//! The inputs of one epoch, borrowed, and the checks that stand before any scoring.
use crate::error::Error;

/// Neurons in one market. Up to here no sum of u16 weights in the epoch can overflow.
pub const NEURONS_MAX: usize = 4_096;
/// One more than the largest stake sum, emission or block number: the runtime's sums are signed 64-bit.
const LIMIT: u64 = 1 << 63;
/// `bonds_moving_average` is in parts per million.
const MILLION: u64 = 1_000_000;

/// Sparse rows in compressed form: row i holds entries `offsets[i]..offsets[i + 1]`, uids strictly increasing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rows<'a> {
    /// n + 1 positions, from 0 to the number of entries.
    pub offsets: &'a [u32],
    /// Column of each entry.
    pub uids: &'a [u16],
    /// Value of each entry.
    pub values: &'a [u16],
}

/// One sparse row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Row<'a> {
    /// Columns, strictly increasing.
    pub uids: &'a [u16],
    /// Value of each.
    pub values: &'a [u16],
}

impl<'a> Rows<'a> {
    /// Row `i`. Only after the input was checked.
    #[inline]
    pub(crate) fn row(&self, i: usize) -> Row<'a> {
        let range = self.offsets[i] as usize..self.offsets[i + 1] as usize;
        Row { uids: &self.uids[range.clone()], values: &self.values[range] }
    }

    /// That the offsets delimit n rows of the entries; the uids of each row are checked by `market.rs`.
    fn check(&self, list: &'static str, n: usize) -> Result<(), Error> {
        if self.offsets.len() != n + 1 {
            return Err(Error::Length { list, found: self.offsets.len().saturating_sub(1), expected: n });
        }
        if self.uids.len() != self.values.len() {
            return Err(Error::Length { list, found: self.values.len(), expected: self.uids.len() });
        }
        if self.offsets[0] != 0 {
            return Err(Error::Row { list, row: 0, why: "its offset is not 0" });
        }
        if self.offsets[n] as usize != self.uids.len() {
            return Err(Error::Row { list, row: n, why: "the last offset is not the number of entries" });
        }
        match self.offsets.windows(2).position(|pair| pair[0] > pair[1]) {
            Some(row) => Err(Error::Row { list, row, why: "its offsets do not increase" }),
            None => Ok(()),
        }
    }
}

/// Inputs of `consensus-scoring.md`, same names; every list has n entries, row i is the validator.
#[derive(Clone, Copy, Debug, Default)]
pub struct Input<'a> {
    /// Stake of each uid's hotkey, in rao.
    pub stake: &'a [u64],
    /// Weights last set by each uid, unnormalised.
    pub weights: Rows<'a>,
    /// Last stored bonds of each uid, column-max-upscaled.
    pub bonds: Rows<'a>,
    /// Block at which each uid last set weights.
    pub last_update: &'a [u64],
    /// Block at which each uid was last taken.
    pub block_at_registration: &'a [u64],
    /// Permit from the previous epoch, 0 or 1.
    pub validator_permit: &'a [u8],
    /// The block of this epoch.
    pub block: u64,
    /// Blocks after which a validator without new weights is inactive.
    pub activity_cutoff: u16,
    /// Majority of the median, in 65535ths.
    pub kappa: u16,
    /// Weight of the old bonds, in parts per million.
    pub bonds_moving_average: u64,
    /// Permits given.
    pub max_allowed_validators: u16,
    /// Emission of this epoch, in rao.
    pub emission: u64,
}

impl Input<'_> {
    /// Refuses lists that do not fit each other; `n` is the length of `stake`.
    pub(crate) fn check_lists(&self) -> Result<(), Error> {
        let n = self.stake.len();
        if n > NEURONS_MAX {
            return Err(Error::TooLarge { n, max: NEURONS_MAX });
        }
        for (list, found) in [
            ("last_update", self.last_update.len()),
            ("block_at_registration", self.block_at_registration.len()),
            ("validator_permit", self.validator_permit.len()),
        ] {
            if found != n {
                return Err(Error::Length { list, found, expected: n });
            }
        }
        self.weights.check("weights", n)?;
        self.bonds.check("bonds", n)
    }

    /// Refuses numbers outside of the definition.
    pub(crate) fn check_values(&self) -> Result<(), Error> {
        let stake: u128 = self.stake.iter().map(|&stake| u128::from(stake)).sum();
        let block = |blocks: &[u64]| blocks.iter().any(|&block| block >= LIMIT);
        let refused = [
            (stake >= u128::from(LIMIT), "stake", "its sum must be below 2^63"),
            (self.emission >= LIMIT, "emission", "below 2^63"),
            (self.bonds_moving_average > MILLION, "bonds_moving_average", "at most 1000000"),
            (self.block >= LIMIT, "block", "below 2^63"),
            (block(self.last_update), "last_update", "below 2^63"),
            (block(self.block_at_registration), "block_at_registration", "below 2^63"),
            (self.validator_permit.iter().any(|&permit| permit > 1), "validator_permit", "0 or 1"),
        ];
        match refused.iter().find(|(bad, ..)| *bad) {
            Some(&(_, field, limit)) => Err(Error::Value { field, limit }),
            None => Ok(()),
        }
    }
}
