//! The walk of 4.1: v of every coalition, a block of 16 positions at a time. The subsets of the first three players stand
//! side by side in vectors; those of the next two are sums that are made and used at once, eight chains of factors beside
//! each other; the other players come and go in Gray order. Every sum of logarithms runs over the blocks in increasing
//! order, so the bits depend neither on this partition nor on the width of a vector.
use crate::game::{FACTORS, Row};
use crate::simd::{Kernel, Simd, Width, log2};

/// Coalitions side by side.
const LANES: usize = 8;
const LANE_PLAYERS: usize = 3;
const NEAR_PLAYERS: usize = 2;
/// The 16 factors are left unscaled: 2⁻⁵⁸ each, and no product of 16 overflows.
const SCALE: i64 = 58 * FACTORS as i64;

/// N, then W, of one player at the 16 positions of a block.
type Entry = [i64; 2 * FACTORS];
/// The same of the coalitions side by side.
type State = [[i64; LANES]; 2 * FACTORS];

/// Σ log2 of numerators and of denominators, by coalition.
pub struct Sums {
    pub numerators: Vec<f64>,
    pub denominators: Vec<f64>,
}

impl Sums {
    pub fn new(players: usize) -> Self {
        let coalitions = (1 << players).max(LANES);
        Self { numerators: vec![0.0; coalitions], denominators: vec![0.0; coalitions] }
    }

    /// v = (Σ log2 num - Σ log2 den) / positions.
    pub fn value(&self, coalition: usize, positions: usize) -> f64 {
        (self.numerators[coalition] - self.denominators[coalition]) / positions as f64
    }
}

/// The entry of `row` at block `j` of `blocks`: positions j, j + blocks, ..., j + 15·blocks.
fn entry(row: &Row, j: usize, blocks: usize) -> Entry {
    std::array::from_fn(|k| {
        let position = j + k % FACTORS * blocks;
        if k < FACTORS { row.products[position] } else { row.weights[position] }
    })
}

/// The sum of the members of `mask`.
fn joined(start: Entry, players: &[Entry], mask: usize) -> Entry {
    let members = players.iter().enumerate().filter(|(player, _)| (mask >> player) & 1 == 1);
    members.fold(start, |sum, (_, entry)| std::array::from_fn(|k| sum[k] + entry[k]))
}

/// Adds the logarithms of block `j` for all coalitions of `players` with `fallback`.
pub fn block(width: Width, fallback: &Row, players: &[&Row], j: usize, sums: &mut Sums) {
    let blocks = fallback.weights.len() / FACTORS;
    let entries: Vec<Entry> = players.iter().map(|row| entry(row, j, blocks)).collect();
    let (lanes, others) = entries.split_at(entries.len().min(LANE_PLAYERS));
    let (near, outer) = others.split_at(others.len().min(NEAR_PLAYERS));
    let base = entry(fallback, j, blocks);
    let side_by_side: [Entry; LANES] = std::array::from_fn(|coalition| joined(base, lanes, coalition));
    width.run(Walk {
        state: std::array::from_fn(|k| std::array::from_fn(|coalition| side_by_side[coalition][k])),
        near,
        outer: &outer.iter().map(|entry| [*entry, entry.map(|value| -value)]).collect::<Vec<_>>(),
        numerators: &mut sums.numerators,
        denominators: &mut sums.denominators,
    });
}

struct Walk<'a> {
    state: State,
    near: &'a [Entry],
    /// What is added when a player comes, and when it goes.
    outer: &'a [[Entry; 2]],
    numerators: &'a mut [f64],
    denominators: &'a mut [f64],
}

impl Kernel for Walk<'_> {
    type Output = ();

    #[inline(always)]
    #[allow(clippy::inline_always)] // compiled once per instruction set
    fn run<S: Simd>(self, simd: S) {
        match self.near {
            [] => walk::<S, 1>(simd, self),
            [_] => walk::<S, 2>(simd, self),
            _ => walk::<S, 4>(simd, self),
        }
    }
}

/// `NEAR` is the number of subsets of the near players.
#[inline(always)]
#[allow(clippy::inline_always)]
fn walk<S: Simd, const NEAR: usize>(simd: S, walk: Walk<'_>) {
    let Walk { mut state, near, outer, numerators, denominators } = walk;
    let mut subsets = [[0; 2 * FACTORS]; NEAR];
    for (mask, subset) in subsets.iter_mut().enumerate() {
        *subset = joined(*subset, near, mask);
    }
    let stay = [0; 2 * FACTORS];
    for step in 0..1_usize << outer.len() {
        let gray = step ^ (step >> 1);
        let player = step.trailing_zeros() as usize;
        let change = if step == 0 { &stay } else { &outer[player][1 - ((gray >> player) & 1)] };
        for part in (0..LANES).step_by(S::LANES) {
            let mut numerator = [simd.splat(1.0); NEAR];
            let mut denominator = numerator;
            for k in 0..FACTORS {
                let n = advance(simd, &mut state[k][part..], change[k]);
                let w = advance(simd, &mut state[FACTORS + k][part..], change[FACTORS + k]);
                for (subset, (numerator, denominator)) in subsets.iter().zip(numerator.iter_mut().zip(&mut denominator))
                {
                    let n = simd.add_integers(n, simd.splat_integers(subset[k]));
                    let w = simd.add_integers(w, simd.splat_integers(subset[FACTORS + k]));
                    *numerator = simd.mul(*numerator, simd.to_floats(n));
                    *denominator = simd.mul(*denominator, simd.to_floats(w));
                }
            }
            let (numerator, denominator) = (log2(simd, numerator, SCALE), log2(simd, denominator, SCALE));
            for subset in 0..NEAR {
                let at = (gray * NEAR + subset) * LANES + part;
                for (sums, logarithm) in
                    [(&mut *numerators, numerator[subset]), (&mut *denominators, denominator[subset])]
                {
                    let sums = &mut sums[at..at + S::LANES];
                    simd.store(sums, simd.add(simd.load(sums), logarithm));
                }
            }
        }
    }
}

/// Adds `change` to one vector of the state.
#[inline(always)]
#[allow(clippy::inline_always)]
fn advance<S: Simd>(simd: S, lanes: &mut [i64], change: i64) -> S::Integers {
    let next = simd.add_integers(simd.load_integers(lanes), simd.splat_integers(change));
    simd.store_integers(lanes, next);
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logarithm::log2_scaled;

    /// The definition, coalition by coalition.
    fn plain(fallback: &Row, players: &[&Row], coalition: usize, of: fn(&Row) -> &Vec<i64>) -> f64 {
        let blocks = fallback.weights.len() / FACTORS;
        (0..blocks).fold(0.0, |sum, j| {
            let product = (0..FACTORS).fold(1.0, |product, k| {
                let at = j + k * blocks;
                let members = players.iter().enumerate().filter(|(player, _)| (coalition >> player) & 1 == 1);
                product * members.fold(of(fallback)[at], |factor, (_, row)| factor + of(row)[at]) as f64
            });
            sum + log2_scaled(product, SCALE)
        })
    }

    #[test]
    fn every_width_walks_every_number_of_players_to_the_bits_of_the_definition() {
        let mut state = 5_u64;
        let mut row = || {
            let mut value = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (((state >> 6) >> (state & 31)) as i64).max(1 << 24)
            };
            let weights: Vec<i64> = (0..48).map(|_| value()).collect();
            let products = weights.iter().map(|weight| (weight / 3).max(16)).collect();
            Row { weights, products }
        };
        let fallback = row();
        let rows: Vec<Row> = (0..9).map(|_| row()).collect();
        for players in 0..=rows.len() {
            let chosen: Vec<&Row> = rows[..players].iter().collect();
            for width in Width::all() {
                let mut sums = Sums::new(players);
                for j in 0..3 {
                    block(width, &fallback, &chosen, j, &mut sums);
                }
                for coalition in 0..1 << players {
                    let expected = [
                        plain(&fallback, &chosen, coalition, |row| &row.products),
                        plain(&fallback, &chosen, coalition, |row| &row.weights),
                    ];
                    let found = [sums.numerators[coalition], sums.denominators[coalition]];
                    assert_eq!(found.map(f64::to_bits), expected.map(f64::to_bits), "{width:?} {players} {coalition}");
                }
            }
        }
    }
}
