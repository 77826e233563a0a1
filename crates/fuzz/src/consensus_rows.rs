//! Sparse scoring rows (N3): what is accepted is scored without overflow, the same with fresh and with used buffers, and
//! never pays more than there is.
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64};

use consensus::{Control, Depth, OwnedInput, OwnedRows, Row, Variant, WhatIf, Workspace, epoch as score};

use crate::reader::Reader;

thread_local! {
    /// Buffers that remember every case before this one.
    static USED: RefCell<Workspace> = RefCell::default();
}

/// Rows that are mostly, not always, well formed.
fn rows(reader: &mut Reader<'_>, n: usize) -> OwnedRows {
    let row = |reader: &mut Reader<'_>| {
        let dense = reader.u8();
        let mut next = 0;
        let entry = |_| {
            let uid = next + u16::from(reader.u8() % 4);
            next = uid + 1;
            (uid, if dense & 32 == 0 { reader.u16() } else { [0, 1, 32_767, 65_535][reader.up_to(3)] })
        };
        (0..dense % 16).map(entry).collect::<Vec<_>>()
    };
    let mut rows: OwnedRows = (0..n).map(|_| row(reader)).collect();
    if reader.u8() == 255 {
        // A broken one: it must be refused, or be harmless.
        let at = reader.up_to(n);
        rows.offsets[at] = reader.u32();
    }
    rows
}

/// Everything that an epoch needs; mostly, not always, such that it is accepted.
fn input(reader: &mut Reader<'_>) -> OwnedInput {
    let n = reader.up_to(64);
    let (weights, bonds) = (rows(reader, n), rows(reader, n));
    let wild = reader.u8() == 255;
    let mut number = |small: u64| if wild { reader.edge() } else { u64::from(reader.u16()) % small };
    let stake = (0..n).map(|_| number(1 << 16) << 20).collect();
    let last_update = (0..n).map(|_| number(2_000)).collect();
    let block_at_registration = (0..n).map(|_| number(2_000)).collect();
    let (block, emission, bonds_moving_average) = (number(4_000), number(1 << 16), number(1_000_001));
    OwnedInput {
        stake,
        weights,
        bonds,
        last_update,
        block_at_registration,
        validator_permit: (0..n).map(|_| reader.u8() & 1).collect(),
        block,
        activity_cutoff: reader.u16(),
        kappa: reader.u16(),
        bonds_moving_average,
        max_allowed_validators: u16::from(reader.u8()),
        emission,
    }
}

pub fn epoch(bytes: &[u8]) {
    let case = input(&mut Reader::new(bytes));
    let fresh = score(&case.lend());
    let used = USED.with_borrow_mut(|workspace| workspace.epoch(&case.lend()));
    assert_eq!(fresh, used, "a used workspace changes the result");
    if let Ok(output) = fresh {
        let paid: u128 = output.emission.iter().map(|&rao| u128::from(rao)).sum();
        assert!(paid <= u128::from(case.emission), "{paid} rao of {} were paid", case.emission);
        assert_eq!(output.bonds.offsets.len(), case.stake.len() + 1);
    }
}

/// A variant is the epoch of the input rebuilt with it, or is refused as that is.
pub fn variant(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let changes = reader.u8();
    let (kappa, pace) = (reader.u16(), if changes & 64 == 0 { reader.u64() % 1_000_001 } else { reader.edge() });
    let mut case = input(&mut reader);
    let n = case.stake.len();
    let stake: Vec<u64> = (0..n).map(|_| if changes & 64 == 0 { reader.u64() >> 24 } else { reader.edge() }).collect();
    let other = rows(&mut reader, n);
    let Ok(prepared) = WhatIf::prepare(case.lend()) else {
        return assert!(score(&case.lend()).is_err(), "what has an epoch cannot be prepared");
    };
    let rows: Vec<(u16, Row<'_>)> = (0..n).filter_map(|uid| Some((uid as u16, other.lend().get(uid)?))).collect();
    // All rows or none: then the input rebuilt has the rows of the variant and no others.
    let replaced = changes & 1 == 1 && rows.len() == n;
    let variant = Variant {
        stake: (changes & 2 == 2).then_some(&stake[..]),
        weights: if replaced { &rows } else { &[] },
        kappa: (changes & 4 == 4).then_some(kappa),
        bonds_moving_average: (changes & 8 == 8).then_some(pace),
    };
    let control = Control { cancelled: &AtomicBool::new(false), done: &AtomicU64::new(0) };
    let scored = prepared.score(&[variant, Variant::default()], Depth::Bonds, control);
    let unchanged = score(&case.lend());
    drop(prepared);

    if replaced {
        case.weights = rows.iter().map(|(_, row)| row.entries()).collect();
    }
    if let Some(stake) = variant.stake {
        case.stake = stake.to_vec();
    }
    case.kappa = variant.kappa.unwrap_or(case.kappa);
    case.bonds_moving_average = variant.bonds_moving_average.unwrap_or(case.bonds_moving_average);
    match (scored, score(&case.lend())) {
        (Ok(scored), rebuilt) => assert_eq!(vec![rebuilt, unchanged], scored.into_iter().map(Ok).collect::<Vec<_>>()),
        (Err(_), rebuilt) => assert!(rebuilt.is_err(), "a variant is refused that has an epoch"),
    }
}
