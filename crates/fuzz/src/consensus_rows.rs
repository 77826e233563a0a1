//! Sparse scoring rows (N3): what is accepted is scored without overflow, the same with fresh and with used buffers, and
//! never pays more than there is.
use std::cell::RefCell;

use consensus::{Input, OwnedRows, Rows, Workspace, epoch as score};

use crate::reader::Reader;

thread_local! {
    /// Buffers that remember every case before this one.
    static USED: RefCell<Workspace> = RefCell::default();
}

/// Rows that are mostly, not always, well formed.
fn rows(reader: &mut Reader<'_>, n: usize) -> OwnedRows {
    let mut rows = OwnedRows { offsets: vec![0], ..OwnedRows::default() };
    for _ in 0..n {
        let dense = reader.u8();
        let mut uid = 0;
        for _ in 0..usize::from(dense % 16) {
            uid += 1 + u16::from(reader.u8() % 4);
            rows.uids.push(uid - 1);
            rows.values.push(if dense & 32 == 0 { reader.u16() } else { [0, 1, 32_767, 65_535][reader.up_to(3)] });
        }
        rows.offsets.push(rows.uids.len() as u32);
    }
    if reader.u8() == 255 {
        // A broken one: it must be refused, or be harmless.
        let at = reader.up_to(n);
        rows.offsets[at] = reader.u32();
    }
    rows
}

fn borrowed(rows: &OwnedRows) -> Rows<'_> {
    Rows { offsets: &rows.offsets, uids: &rows.uids, values: &rows.values }
}

pub fn epoch(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let n = reader.up_to(64);
    let (weights, bonds) = (rows(&mut reader, n), rows(&mut reader, n));
    let wild = reader.u8() == 255;
    let mut number = |small: u64| if wild { reader.edge() } else { u64::from(reader.u16()) % small };
    let stake: Vec<u64> = (0..n).map(|_| number(1 << 16) << 20).collect();
    let last_update: Vec<u64> = (0..n).map(|_| number(2_000)).collect();
    let block_at_registration: Vec<u64> = (0..n).map(|_| number(2_000)).collect();
    let (block, emission, bonds_moving_average) = (number(4_000), number(1 << 16), number(1_000_001));
    let validator_permit: Vec<u8> = (0..n).map(|_| reader.u8() & 1).collect();
    let input = Input {
        stake: &stake,
        weights: borrowed(&weights),
        bonds: borrowed(&bonds),
        last_update: &last_update,
        block_at_registration: &block_at_registration,
        validator_permit: &validator_permit,
        block,
        activity_cutoff: reader.u16(),
        kappa: reader.u16(),
        bonds_moving_average,
        max_allowed_validators: u16::from(reader.u8()),
        emission,
    };
    let fresh = score(&input);
    let used = USED.with_borrow_mut(|workspace| workspace.epoch(&input));
    assert_eq!(fresh, used, "a used workspace changes the result");
    if let Ok(output) = fresh {
        let paid: u128 = output.emission.iter().map(|&rao| u128::from(rao)).sum();
        assert!(paid <= u128::from(emission), "{paid} rao of {emission} were paid");
        assert_eq!(output.bonds.offsets.len(), n + 1);
    }
}
