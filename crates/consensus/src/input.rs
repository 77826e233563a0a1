//! The inputs of one epoch, borrowed and owned, and the checks that stand before any scoring.
use crate::error::Error;
use crate::rows::{OwnedRows, Rows};

/// Neurons in one market. Up to here no sum of u16 weights in the epoch can overflow.
pub const NEURONS_MAX: usize = 4_096;
/// One more than the largest stake sum, emission or block number: the runtime's sums are signed 64-bit.
const LIMIT: u64 = 1 << 63;
/// `bonds_moving_average` is in parts per million.
pub const MILLION: u64 = 1_000_000;

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

/// An [`Input`] that owns its lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the fields are those of `Input`
pub struct OwnedInput {
    pub stake: Vec<u64>,
    pub weights: OwnedRows,
    pub bonds: OwnedRows,
    pub last_update: Vec<u64>,
    pub block_at_registration: Vec<u64>,
    pub validator_permit: Vec<u8>,
    pub block: u64,
    pub activity_cutoff: u16,
    pub kappa: u16,
    pub bonds_moving_average: u64,
    pub max_allowed_validators: u16,
    pub emission: u64,
}

impl OwnedInput {
    /// The same input, borrowed.
    pub fn lend(&self) -> Input<'_> {
        Input {
            stake: &self.stake,
            weights: self.weights.lend(),
            bonds: self.bonds.lend(),
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

impl From<&Input<'_>> for OwnedInput {
    /// A copy, as it is: nothing is checked.
    fn from(input: &Input<'_>) -> Self {
        Self {
            stake: input.stake.to_vec(),
            weights: input.weights.into(),
            bonds: input.bonds.into(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_what_is_lent_is_the_input_again() {
        let rows = |value| [vec![(1, value)], vec![]].into_iter().collect::<OwnedRows>();
        let input = OwnedInput {
            stake: vec![1, 2],
            weights: rows(3),
            bonds: rows(4),
            last_update: vec![5, 6],
            block_at_registration: vec![7, 8],
            validator_permit: vec![1, 0],
            block: 9,
            activity_cutoff: 10,
            kappa: 11,
            bonds_moving_average: 12,
            max_allowed_validators: 13,
            emission: 14,
        };
        assert_eq!(OwnedInput::from(&input.lend()), input);
    }
}
