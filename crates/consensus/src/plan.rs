//! Which rows the dense way of scoring looks at, in which order, and what each of them multiplies with.
use crate::fixed::ONE;
use crate::market::Market;
use crate::median::Electorate;
use crate::reciprocal::{Share, WHOLE};

/// No place among the rows that store bonds.
pub const NOWHERE: u32 = u32::MAX;

/// What a row's weights are multiplied with.
#[derive(Clone, Copy, Debug)]
pub struct Voter {
    /// A, as a code.
    pub stake: u32,
    /// Least clipped weight whose product with `stake` is one more than the product of their codes.
    pub unit_from: u32,
    /// Share of the electorate; 1 is cut to fit, for then there is nobody to count.
    pub share: u32,
}

/// The rows that count: first those with stake and weights, then those with weights alone, then those with bonds alone.
#[derive(Debug, Default)]
pub struct Plan {
    pub rows: Vec<u16>,
    pub voters: Vec<Voter>,
    /// Divisors of the weights of each row that has any.
    pub shares: Vec<Share>,
    /// Place of each row among those that store bonds, or `NOWHERE`.
    pub slots: Vec<u32>,
    /// Rows that have a place.
    pub stored: usize,
    /// κ in I32F32.
    pub majority: u64,
    /// Some row with stake rates nobody: the lowest score of every column is 0.
    pub silent: bool,
    /// One row has all the stake, and its products are codes like its weights.
    pub sole: bool,
    /// Weight of the old bonds, I32F32.
    pub old: u64,
}

impl Plan {
    /// `store` are the uids that store bonds, none where bonds are not asked for.
    pub fn draw(&mut self, market: &Market<'_>, active_stake: &[u64], electorate: &Electorate, store: Option<&[bool]>) {
        let (voters, weighted) = self.order(market, active_stake);
        self.sole = electorate.rows == 1;
        self.silent = electorate.rows > voters;
        self.majority = electorate.majority;
        self.voters.clear();
        self.voters.extend(self.rows[..voters].iter().map(|&row| {
            let (stake, share) = (active_stake[usize::from(row)], electorate.share[usize::from(row)]);
            Voter {
                stake: stake.min(ONE - 1) as u32,
                unit_from: if stake == ONE { 1 } else { WHOLE },
                share: share.min(ONE - 1) as u32,
            }
        }));
        self.shares.clear();
        self.shares.extend(self.rows[..weighted].iter().map(|&row| {
            let rating = &market.ratings[usize::from(row)];
            Share::of(rating.sum, rating.alone)
        }));
        self.stored = 0;
        self.slots.clear();
        self.slots.extend(self.rows.iter().map(|&row| {
            if store.is_none_or(|store| !store[usize::from(row)]) {
                return NOWHERE;
            }
            self.stored += 1;
            self.stored as u32 - 1
        }));
    }

    /// Orders the rows; gives how many have stake and weights, and how many have weights.
    fn order(&mut self, market: &Market<'_>, active_stake: &[u64]) -> (usize, usize) {
        let n = active_stake.len();
        let usable = |&i: &usize| market.ratings[i].sum != 0;
        let votes = |&i: &usize| active_stake[i] != 0;
        let holds = |&i: &usize| !market.bonds[i].uids.is_empty();
        self.rows.clear();
        self.rows.extend((0..n).filter(|i| usable(i) && votes(i)).map(|i| i as u16));
        let voters = self.rows.len();
        self.rows.extend((0..n).filter(|i| usable(i) && !votes(i)).map(|i| i as u16));
        let weighted = self.rows.len();
        self.rows.extend((0..n).filter(|i| !usable(i) && holds(i)).map(|i| i as u16));
        (voters, weighted)
    }
}
