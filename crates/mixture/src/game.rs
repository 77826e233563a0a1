//! The scoring arithmetic of 3: claims become posterior weights W and weighted probabilities N, in i64, so that adding
//! and removing a player is exact.
use crate::error::Error;
use crate::leaf::LENGTH_MAX;
use crate::logarithm::exp_claim;

/// Identities in one game, the fallback not counted.
pub const PLAYERS_MAX: usize = 16;
/// Positions of all spans of one game: what one report of an experiment covers.
pub const POSITIONS_MAX: usize = 65_536;
/// Positions whose factors are multiplied before one logarithm is taken.
pub(crate) const FACTORS: usize = 16;
/// γ = 0.9 in 65536ths.
const GAMMA: i64 = 58_982;
/// The weight of the leader, and the least of all: 14 nats below, a peer is still told from garbage.
const ONE: f64 = (1_u64 << 58) as f64;
const LEAST: i64 = 1 << 24;
/// Distance, in 4096ths of a nat, from which on every weight is the least.
const FAR: i64 = 131_072;

/// Claims of one scoring step: spans·length of the fallback and of each player; `None` = failed in this step.
#[derive(Clone, Debug, Default)]
pub struct Game {
    /// Positions of a span; the posterior restarts with each.
    pub length: usize,
    /// Number of spans.
    pub spans: usize,
    /// Claims of expert 0.
    pub fallback: Vec<u16>,
    /// Claims of the players.
    pub peers: Vec<Option<Vec<u16>>>,
    /// Cluster of each player (5.3); empty = each alone.
    pub clusters: Vec<u16>,
    /// Whether each player plays the Shapley game; empty = all do. The others (followers) only take part in `values`.
    pub independents: Vec<bool>,
}

/// W and N of one expert, by position.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub weights: Vec<i64>,
    pub products: Vec<i64>,
}

impl Game {
    /// Positions in all.
    pub fn positions(&self) -> usize {
        self.length * self.spans
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.length == 0 || self.spans == 0 {
            return Err(Error::Argument("a game has at least one span of one position"));
        }
        if self.length > LENGTH_MAX {
            return Err(Error::TooLarge { what: "positions of a span", found: self.length, max: LENGTH_MAX });
        }
        if self.spans > POSITIONS_MAX || self.positions() > POSITIONS_MAX {
            let found = self.length.saturating_mul(self.spans);
            return Err(Error::TooLarge { what: "positions of a game", found, max: POSITIONS_MAX });
        }
        if !self.positions().is_multiple_of(FACTORS) {
            return Err(Error::Argument("the positions of a game are a multiple of 16"));
        }
        if self.peers.len() > PLAYERS_MAX {
            return Err(Error::TooLarge { what: "players", found: self.peers.len(), max: PLAYERS_MAX });
        }
        let positions = self.positions();
        if self.fallback.len() != positions || self.peers.iter().flatten().any(|claims| claims.len() != positions) {
            return Err(Error::Argument("there is not one claim for each position"));
        }
        for given in [self.clusters.len(), self.independents.len()] {
            if given != 0 && given != self.peers.len() {
                return Err(Error::Argument("clusters and independents have one entry per player"));
            }
        }
        Ok(())
    }

    /// W and N of the fallback, then of each player. Only for a checked game.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let positions = self.positions();
        let everyone: Vec<Option<&[u16]>> =
            std::iter::once(Some(self.fallback.as_slice())).chain(self.peers.iter().map(Option::as_deref)).collect();
        let empty = Row { weights: vec![0; positions], products: vec![0; positions] };
        let mut rows = vec![empty; everyone.len()];
        for start in (0..positions).step_by(self.length) {
            let mut losses = vec![0_i64; everyone.len()];
            for t in start..start + self.length {
                let answered = everyone.iter().zip(&losses).filter(|(claims, _)| claims.is_some());
                let least = answered.map(|(_, &loss)| loss).min().unwrap_or(0);
                for ((claims, loss), row) in everyone.iter().zip(&mut losses).zip(&mut rows) {
                    let Some(claims) = claims else { continue };
                    let weight = weight(*loss - least);
                    row.weights[t] = weight;
                    row.products[t] = (weight as f64 * exp_claim(usize::from(claims[t]))) as i64;
                    *loss = ((*loss * GAMMA) >> 16) + i64::from(claims[t]);
                }
            }
        }
        rows
    }
}

fn weight(distance: i64) -> i64 {
    if distance >= FAR { LEAST } else { ((ONE * exp_claim(distance as usize)) as i64).max(LEAST) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leader_weighs_two_to_the_58_and_the_lost_two_to_the_24() {
        assert_eq!((weight(0), weight(FAR - 1), weight(FAR)), (1 << 58, LEAST, LEAST));
        assert!(weight(4_096 * 14) > LEAST);
    }

    #[test]
    fn a_failed_player_weighs_nothing_and_each_span_starts_level() {
        let game = Game {
            length: 8,
            spans: 2,
            fallback: vec![900; 16],
            peers: vec![Some(vec![300; 16]), None],
            ..Game::default()
        };
        let rows = game.rows();
        assert!(rows[2].weights.iter().chain(&rows[2].products).all(|&value| value == 0));
        assert_eq!((rows[0].weights[0], rows[0].weights[8], rows[1].weights[8]), (1 << 58, 1 << 58, 1 << 58));
        assert!(rows[0].weights[7] < rows[1].weights[7]);
    }
}
