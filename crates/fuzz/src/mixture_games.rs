//! Games (N4): the contributions of all players sum to what they gain together, and nobody who failed is paid.
use mixture::{Game, report, shapley as play, values};

use crate::reader::Reader;

/// One bit per byte in the stored unit, 2³².
const STORED: f64 = 4_294_967_296.0;

pub fn shapley(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let (length, spans, players) = (reader.up_to(40), reader.up_to(4), reader.up_to(7));
    let positions = length * spans + usize::from(reader.u8() == 255);
    let wild = reader.u8() == 255;
    let mut row = || (0..positions).map(|_| if wild { reader.u16() } else { reader.u16() % 56_784 }).collect();
    let fallback = row();
    let mut peers: Vec<Option<Vec<u16>>> = (0..players).map(|_| Some(row())).collect();
    for peer in &mut peers {
        if reader.u8() % 5 == 1 {
            *peer = None;
        }
    }
    let clusters =
        if reader.u8() & 1 == 1 { (0..players).map(|_| u16::from(reader.u8() % 3)).collect() } else { vec![] };
    let game = Game { length, spans, fallback, peers, clusters, independents: vec![] };
    let Ok(outcome) = play(&game, |_, _| true) else { return };
    assert_eq!(outcome.phi.len(), players);
    let sum: i128 = outcome.phi.iter().map(|&phi| i128::from(phi)).sum();
    let gain = (outcome.all - outcome.none) * STORED;
    assert!((sum as f64 - gain).abs() <= 64.0 + gain.abs() * 1e-9, "{sum} is not the gain {gain}");
    for (phi, peer) in outcome.phi.iter().zip(&game.peers) {
        assert!(peer.is_some() || *phi == 0, "a peer that failed is paid {phi}");
    }
    let everyone = (1_u32 << players) - 1;
    let v = values(&game, &[0, everyone]).unwrap_or_default();
    assert_eq!(v, [outcome.none, outcome.all], "v differs between two ways to compute it");
    assert!(report(&game).is_ok());
}
