//! Every variant is the epoch of the input rebuilt with it, at every depth; what no epoch accepts is refused before any
//! is scored.
#![allow(clippy::expect_used)]
mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use consensus::{Control, Depth, Error, Output, OwnedInput, OwnedRows, Row, VARIANTS_MAX, Variant, WhatIf, epoch};
use support::cases::{Random, case, market};

/// A variant that owns what it changes.
struct Change {
    stake: Option<Vec<u64>>,
    rows: Vec<(u16, Vec<u16>, Vec<u16>)>,
    kappa: Option<u16>,
    bonds_moving_average: Option<u64>,
}

fn change(random: &mut Random, case: &OwnedInput) -> Change {
    let n = case.stake.len();
    let some = |random: &mut Random| random.one_in(2);
    let replaced = (0..n).filter(|_| n > 0 && random.one_in(3)).map(|uid| uid as u16).collect::<Vec<u16>>();
    let row = |random: &mut Random| (0..n).filter(|_| !random.one_in(4)).map(|uid| uid as u16).collect::<Vec<u16>>();
    Change {
        stake: some(random).then(|| (0..n).map(|_| random.below(1 << 40)).collect()),
        rows: replaced
            .into_iter()
            .map(|uid| {
                let uids = row(random);
                let values = uids.iter().map(|_| random.next() as u16).collect();
                (uid, uids, values)
            })
            .collect(),
        kappa: some(random).then(|| random.next() as u16),
        bonds_moving_average: some(random).then(|| random.below(1_000_001)),
    }
}

fn rebuilt(case: &OwnedInput, change: &Change) -> OwnedInput {
    let row = |uid: usize| {
        let new = change.rows.iter().find(|(other, ..)| usize::from(*other) == uid);
        let old = case.weights.lend().get(uid).expect("checked");
        new.map_or(old, |(_, uids, values)| Row { uids, values }).entries()
    };
    OwnedInput {
        weights: (0..case.stake.len()).map(row).collect(),
        stake: change.stake.clone().unwrap_or_else(|| case.stake.clone()),
        kappa: change.kappa.unwrap_or(case.kappa),
        bonds_moving_average: change.bonds_moving_average.unwrap_or(case.bonds_moving_average),
        ..case.clone()
    }
}

fn run(case: &OwnedInput, changes: &[Change], depth: Depth) -> Result<Vec<Output>, Error> {
    let rows: Vec<Vec<(u16, Row<'_>)>> = changes
        .iter()
        .map(|change| change.rows.iter().map(|(uid, uids, values)| (*uid, Row { uids, values })).collect())
        .collect();
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
    let (cancelled, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let outputs = WhatIf::prepare(case.lend())?.score(&variants, depth, Control { cancelled: &cancelled, done: &done });
    assert!(outputs.is_err() || done.into_inner() == changes.len() as u64);
    outputs
}

/// The output as far as a depth goes.
fn cut(output: Output, depth: Depth) -> Output {
    let output = if depth >= Depth::Bonds { output } else { Output { bonds: OwnedRows::default(), ..output } };
    if depth >= Depth::Rewards {
        return output;
    }
    Output {
        dividends: vec![],
        pruning_scores: vec![],
        emission: vec![],
        server_emission: vec![],
        validator_emission: vec![],
        ..output
    }
}

#[test]
fn every_variant_is_the_epoch_of_the_rebuilt_input() {
    let mut random = Random(17);
    let large = [market(40, 700), market(3, 90)];
    let small: Vec<OwnedInput> = (0..300)
        .map(|_| {
            let n = random.below(24) as usize;
            case(&mut random, n)
        })
        .collect();
    for case in large.into_iter().chain(small) {
        let changes: Vec<Change> = (0..5).map(|_| change(&mut random, &case)).collect();
        for depth in [Depth::Scores, Depth::Rewards, Depth::Bonds] {
            for count in [1, 5] {
                let outputs = run(&case, &changes[..count], depth).expect("accepted");
                for (output, change) in outputs.into_iter().zip(&changes) {
                    let whole = epoch(&rebuilt(&case, change).lend()).expect("accepted");
                    assert_eq!(output, cut(whole, depth), "{depth:?}");
                }
            }
        }
    }
}

#[test]
fn what_no_epoch_accepts_is_refused_before_any_is_scored() {
    let case = market(4, 20);
    let prepared = WhatIf::prepare(case.lend()).expect("accepted");
    let (cancelled, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let control = Control { cancelled: &cancelled, done: &done };
    let code = |variant: Variant<'_>| {
        let outputs = prepared.score(&[Variant::default(), variant], Depth::Bonds, control);
        outputs.map(|_| ()).map_err(|error| error.code())
    };
    assert_eq!(code(Variant { stake: Some(&[1; 19]), ..Variant::default() }), Err("CONSENSUS_INPUT_LENGTH"));
    assert_eq!(code(Variant { stake: Some(&[1 << 60; 20]), ..Variant::default() }), Err("CONSENSUS_INPUT_VALUE"));
    let bonds = Variant { bonds_moving_average: Some(1_000_001), ..Variant::default() };
    assert_eq!(code(bonds), Err("CONSENSUS_INPUT_VALUE"));
    let row = |uid: u16, uids: &[u16], values: &[u16]| {
        code(Variant { weights: &[(uid, Row { uids, values })], ..Variant::default() })
    };
    assert_eq!(row(20, &[1], &[1]), Err("CONSENSUS_INPUT_ROW"));
    assert_eq!(row(2, &[1, 1], &[1, 1]), Err("CONSENSUS_INPUT_ROW"));
    assert_eq!(row(2, &[20], &[1]), Err("CONSENSUS_INPUT_ROW"));
    assert_eq!(row(2, &[1, 2], &[1]), Err("CONSENSUS_INPUT_LENGTH"));
    let many = vec![Variant::default(); VARIANTS_MAX + 1];
    let refused = prepared.score(&many, Depth::Scores, control).map_err(|error| error.code());
    assert_eq!(refused.err(), Some("CONSENSUS_INPUT_TOO_LARGE"));
    let large = market(64, 4_096);
    let bytes = WhatIf::prepare(large.lend()).expect("accepted").score(&many[1..], Depth::Scores, control);
    assert_eq!(bytes.map_err(|error| error.code()).err(), Some("CONSENSUS_INPUT_TOO_LARGE"));
    assert_eq!(done.load(Ordering::Relaxed), 0);
    assert_eq!(row(2, &[1], &[1]), Ok(()));
}

#[test]
fn a_cancelled_call_scores_nothing_more() {
    let case = market(4, 20);
    let prepared = WhatIf::prepare(case.lend()).expect("accepted");
    let (cancelled, done) = (AtomicBool::new(true), AtomicU64::new(0));
    let outputs =
        prepared.score(&[Variant::default(); 9], Depth::Bonds, Control { cancelled: &cancelled, done: &done });
    assert_eq!((outputs, done.into_inner()), (Err(Error::Cancelled), 0));
}
