//! Contributions: the exact Shapley value of the log-score (4.1), the Owen value where players are grouped (5.3), and
//! v of single coalitions, from which followers are paid (5.4).
use crate::error::Error;
use crate::game::{FACTORS, Game, Row};
use crate::simd::Width;
use crate::walk::{Sums, block};

/// 1 bit per byte in the stored unit.
const STORED: f64 = 4_294_967_296.0;
/// Coalitions that one call of `values` takes.
const COALITIONS_MAX: usize = 1_024;

/// What one game gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Round half to even of φ·2³² bits per byte, by player; 0 for those who do not play.
    pub phi: Vec<i64>,
    /// v of all players of the game.
    pub all: f64,
    /// v of the fallback alone.
    pub none: f64,
}

/// Plays the game of the independents. `progress` is called after each block with blocks done and in all, and stops the
/// walk by returning false.
///
/// # Errors
/// `MIXTURE_ARGUMENT` or `MIXTURE_TOO_LARGE` for what is no game, `NATIVE_CANCELLED` when `progress` stopped it.
pub fn shapley(game: &Game, mut progress: impl FnMut(usize, usize) -> bool) -> Result<Outcome, Error> {
    game.check()?;
    let rows = game.rows();
    let (fallback, peers) = rows.split_at(1);
    let plays = |player: &usize| game.independents.get(*player).copied().unwrap_or(true);
    let players: Vec<usize> = (0..peers.len()).filter(plays).collect();
    let chosen: Vec<&Row> = players.iter().map(|&player| &peers[player]).collect();
    let positions = game.positions();
    let (width, mut sums) = (Width::best(), Sums::new(players.len()));
    for j in 0..positions / FACTORS {
        block(width, &fallback[0], &chosen, j, &mut sums);
        if !progress(j + 1, positions / FACTORS) {
            return Err(Error::Cancelled);
        }
    }
    let values: Vec<f64> = (0..1 << players.len()).map(|coalition| sums.value(coalition, positions)).collect();
    let clusters = Clusters::of(&players, &game.clusters);
    let mut phi = vec![0; peers.len()];
    for (slot, &player) in players.iter().enumerate() {
        phi[player] = (clusters.value(slot, &values) * STORED).round_ties_even() as i64;
    }
    Ok(Outcome { phi, all: values[values.len() - 1], none: values[0] })
}

/// The clusters of a game: masks of slots, and their unions.
struct Clusters {
    masks: Vec<usize>,
    /// All members of the clusters in R, by the mask R.
    unions: Vec<usize>,
}

impl Clusters {
    /// In the order of their first members: their numbers do not matter.
    fn of(players: &[usize], numbers: &[u16]) -> Self {
        let mut named: Vec<(Option<u16>, usize)> = Vec::new();
        for (slot, &player) in players.iter().enumerate() {
            let number = numbers.get(player).copied();
            match named.iter_mut().find(|(known, _)| number.is_some() && *known == number) {
                Some((_, mask)) => *mask |= 1 << slot,
                None => named.push((number, 1 << slot)),
            }
        }
        let masks: Vec<usize> = named.into_iter().map(|(_, mask)| mask).collect();
        let mut unions = vec![0; 1 << masks.len()];
        for r in 1..unions.len() {
            unions[r] = unions[r & (r - 1)] | masks[r.trailing_zeros() as usize];
        }
        Self { masks, unions }
    }

    /// The Owen value of a slot: first over the other clusters R, then over the members U of its own, masks increasing.
    /// With clusters of one it is the Shapley value.
    fn value(&self, slot: usize, values: &[f64]) -> f64 {
        let me = 1 << slot;
        let Some(own) = self.masks.iter().position(|mask| mask & me != 0) else { return 0.0 };
        let (m, b) = (self.masks.len(), self.masks[own].count_ones() as usize);
        let fellows = self.masks[own] & !me;
        let outer: Vec<u64> = (0..m).map(|k| m as u64 * binomial(m - 1, k) * b as u64).collect();
        let inner: Vec<u64> = (0..b).map(|k| binomial(b - 1, k)).collect();
        let mut phi = 0.0;
        for (r, &others) in self.unions.iter().enumerate().filter(|(r, _)| (r >> own) & 1 == 0) {
            let outer = outer[r.count_ones() as usize];
            let mut u = 0_usize;
            loop {
                let divisor = outer * inner[u.count_ones() as usize];
                phi += (values[others | u | me] - values[others | u]) / divisor as f64;
                if u == fellows {
                    break;
                }
                u = u.wrapping_sub(fellows) & fellows; // the next subset of `fellows`, increasing
            }
        }
        phi
    }
}

fn binomial(n: usize, k: usize) -> u64 {
    (0..k as u64).fold(1, |product, i| product * (n as u64 - i) / (i + 1))
}

/// v of chosen coalitions of all players, bit i of a mask being player i.
///
/// # Errors
/// `MIXTURE_ARGUMENT` or `MIXTURE_TOO_LARGE` for what is no game, a mask beyond its players, or over 1,024 masks.
pub fn values(game: &Game, coalitions: &[u32]) -> Result<Vec<f64>, Error> {
    game.check()?;
    if coalitions.len() > COALITIONS_MAX {
        return Err(Error::TooLarge { what: "coalitions", found: coalitions.len(), max: COALITIONS_MAX });
    }
    if coalitions.iter().any(|mask| u64::from(*mask) >> game.peers.len() != 0) {
        return Err(Error::Argument("a coalition has members that the game has not"));
    }
    let rows = game.rows();
    let positions = game.positions();
    Ok(coalitions.iter().map(|&mask| value(&rows, mask, positions)).collect())
}

/// v of one coalition: everybody in it joins the fallback, and the walk has nobody left to add.
pub(crate) fn value(rows: &[Row], mask: u32, positions: usize) -> f64 {
    let mut joined = rows[0].clone();
    for (_, row) in rows[1..].iter().enumerate().filter(|(player, _)| (mask >> player) & 1 == 1) {
        for (sum, value) in joined.weights.iter_mut().zip(&row.weights) {
            *sum += value;
        }
        for (sum, value) in joined.products.iter_mut().zip(&row.products) {
            *sum += value;
        }
    }
    let mut sums = Sums::new(0);
    for j in 0..positions / FACTORS {
        block(Width::best(), &joined, &[], j, &mut sums);
    }
    sums.value(0, positions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn game(players: usize) -> Game {
        let mut state = 11_u64;
        let mut row = || {
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as u16 % 9_000
            };
            (0..64).map(|_| next()).collect::<Vec<u16>>()
        };
        Game {
            length: 32,
            spans: 2,
            fallback: row(),
            peers: (0..players).map(|_| Some(row())).collect(),
            ..Game::default()
        }
    }

    fn play(game: &Game) -> Outcome {
        shapley(game, |_, _| true).unwrap_or_default()
    }

    #[test]
    fn the_walk_and_single_coalitions_agree_to_the_last_bit() {
        for players in 0..6 {
            let game = game(players);
            let outcome = play(&game);
            let single = values(&game, &[0, (1 << players) - 1]).unwrap_or_default();
            assert_eq!((single[0].to_bits(), single[1].to_bits()), (outcome.none.to_bits(), outcome.all.to_bits()));
        }
    }

    #[test]
    fn contributions_add_up_to_what_the_network_saves() {
        let game = game(7);
        for clusters in [vec![], vec![0, 1, 0, 2, 1, 0, 3], vec![5; 7]] {
            let outcome = play(&Game { clusters, ..game.clone() });
            let sum: i64 = outcome.phi.iter().sum();
            assert!((sum as f64 / STORED - (outcome.all - outcome.none)).abs() < 1e-8);
        }
    }

    #[test]
    fn clusters_of_one_are_the_shapley_value_whatever_their_numbers() {
        let game = game(5);
        assert_eq!(play(&Game { clusters: vec![9, 2, 7, 0, 4], ..game.clone() }), play(&game));
    }

    #[test]
    fn who_failed_or_does_not_play_earns_nothing_and_changes_nobody() {
        let mut game = game(4);
        game.peers[1] = None;
        let outcome = play(&game);
        assert_eq!(outcome.phi[1], 0);
        let apart = play(&Game { independents: vec![true, false, true, true], ..game.clone() });
        for player in [0, 2, 3] {
            assert!((apart.phi[player] - outcome.phi[player]).abs() <= 8);
        }
    }

    #[test]
    fn a_stopped_walk_is_cancelled() {
        assert_eq!(shapley(&game(2), |done, _| done < 2), Err(Error::Cancelled));
    }

    #[test]
    fn what_is_no_game_is_refused() {
        let good = game(2);
        let code = |game: Game| shapley(&game, |_, _| true).map_err(|error| error.code());
        assert_eq!(code(Game { spans: 3, ..good.clone() }), Err("MIXTURE_ARGUMENT"));
        assert_eq!(code(Game { length: 8, spans: 1, ..Game::default() }), Err("MIXTURE_ARGUMENT"));
        assert_eq!(code(Game { length: 8_192, spans: 1, ..Game::default() }), Err("MIXTURE_TOO_LARGE"));
        assert_eq!(code(Game { length: 4_096, spans: 17, ..Game::default() }), Err("MIXTURE_TOO_LARGE"));
        assert_eq!(code(Game { length: 2, spans: usize::MAX, ..Game::default() }), Err("MIXTURE_TOO_LARGE"));
        assert_eq!(code(Game { peers: vec![None; 17], ..good.clone() }), Err("MIXTURE_TOO_LARGE"));
        assert_eq!(code(Game { clusters: vec![1], ..good.clone() }), Err("MIXTURE_ARGUMENT"));
        assert_eq!(values(&good, &[4]).map_err(|error| error.code()), Err("MIXTURE_ARGUMENT"));
    }
}
