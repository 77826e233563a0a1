//! Every case that the defining runtime computed, equal to the last bit, on one thread and on several.
#![allow(clippy::expect_used)]
use consensus::{Error, Input, Output, OwnedRows, Rows, Workspace, epoch};
use serde::Deserialize;

const VECTORS: &str = include_str!("../../../test/vectors/yuma-epoch.json");

#[derive(Deserialize)]
struct Case {
    input: Inputs,
    output: Outputs,
}

#[derive(Deserialize)]
struct Inputs {
    name: String,
    n: usize,
    stake: Vec<u64>,
    weights: Vec<Vec<(u16, u16)>>,
    bonds: Vec<Vec<(u16, u16)>>,
    last_update: Vec<u64>,
    block_at_registration: Vec<u64>,
    validator_permit: Vec<bool>,
    block: u64,
    activity_cutoff: u16,
    kappa: u16,
    bonds_moving_average: u64,
    max_allowed_validators: u16,
    emission: u64,
}

#[derive(Deserialize)]
struct Outputs {
    rank: Vec<u16>,
    trust: Vec<u16>,
    consensus: Vec<u16>,
    incentive: Vec<u16>,
    dividends: Vec<u16>,
    validator_trust: Vec<u16>,
    pruning_scores: Vec<u16>,
    emission: Vec<u64>,
    server_emission: Vec<u64>,
    validator_emission: Vec<u64>,
    active: Vec<bool>,
    validator_permit: Vec<bool>,
    bonds: Vec<Vec<(u16, u16)>>,
}

fn compress(rows: &[Vec<(u16, u16)>]) -> OwnedRows {
    let mut out = OwnedRows { offsets: vec![0], ..OwnedRows::default() };
    for row in rows {
        out.uids.extend(row.iter().map(|entry| entry.0));
        out.values.extend(row.iter().map(|entry| entry.1));
        out.offsets.push(out.uids.len() as u32);
    }
    out
}

fn borrow(rows: &OwnedRows) -> Rows<'_> {
    Rows { offsets: &rows.offsets, uids: &rows.uids, values: &rows.values }
}

fn bytes(bools: &[bool]) -> Vec<u8> {
    bools.iter().copied().map(u8::from).collect()
}

fn expected(output: Outputs) -> Output {
    Output {
        active: bytes(&output.active),
        validator_permit: bytes(&output.validator_permit),
        bonds: compress(&output.bonds),
        rank: output.rank,
        trust: output.trust,
        consensus: output.consensus,
        incentive: output.incentive,
        dividends: output.dividends,
        validator_trust: output.validator_trust,
        pruning_scores: output.pruning_scores,
        emission: output.emission,
        server_emission: output.server_emission,
        validator_emission: output.validator_emission,
    }
}

/// What an input owns while it is lent.
struct Owned {
    weights: OwnedRows,
    bonds: OwnedRows,
    permit: Vec<u8>,
}

fn own(input: &Inputs) -> Owned {
    Owned { weights: compress(&input.weights), bonds: compress(&input.bonds), permit: bytes(&input.validator_permit) }
}

fn lend<'a>(input: &'a Inputs, owned: &'a Owned) -> Input<'a> {
    Input {
        stake: &input.stake,
        weights: borrow(&owned.weights),
        bonds: borrow(&owned.bonds),
        last_update: &input.last_update,
        block_at_registration: &input.block_at_registration,
        validator_permit: &owned.permit,
        block: input.block,
        activity_cutoff: input.activity_cutoff,
        kappa: input.kappa,
        bonds_moving_average: input.bonds_moving_average,
        max_allowed_validators: input.max_allowed_validators,
        emission: input.emission,
    }
}

fn cases() -> Vec<Case> {
    serde_json::from_str(VECTORS).expect("the vectors are JSON of this shape")
}

#[test]
fn every_case_of_the_runtime_is_equal_to_the_last_bit() {
    let cases = cases();
    assert_eq!(cases.len(), 22);
    let mut workspace = Workspace::default();
    for Case { input, output } in cases {
        assert_eq!(input.n, input.stake.len());
        let owned = own(&input);
        let lent = lend(&input, &owned);
        let expected = expected(output);
        assert_eq!(epoch(&lent).as_ref(), Ok(&expected), "{}", input.name);
        assert_eq!(workspace.epoch(&lent).as_ref(), Ok(&expected), "{} with used buffers", input.name);
    }
}

#[test]
fn the_number_of_threads_cannot_be_seen() {
    for threads in [1, 2, 3, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        for Case { input, output } in cases() {
            let owned = own(&input);
            let lent = lend(&input, &owned);
            assert_eq!(pool.install(|| epoch(&lent)), Ok(expected(output)), "{} on {threads}", input.name);
        }
    }
}

#[test]
fn what_the_definition_refuses_is_refused_and_nothing_else() {
    let case = cases().swap_remove(0).input;
    let owned = own(&case);
    let good = lend(&case, &owned);
    let code = |input: Input<'_>| epoch(&input).map_err(|error: Error| error.code()).map(|_| ());
    assert_eq!(code(good), Ok(()));

    let at_limit = [(1 << 63) - 1, 0, 0, 0];
    assert_eq!(code(Input { stake: &at_limit, ..good }), Ok(()));
    assert_eq!(code(Input { stake: &[1 << 62, 1 << 62, 0, 0], ..good }), Err("CONSENSUS_INPUT_VALUE"));
    assert_eq!(code(Input { stake: &[u64::MAX; 4], ..good }), Err("CONSENSUS_INPUT_VALUE"));
    assert_eq!(code(Input { emission: (1 << 63) - 1, ..good }), Ok(()));
    assert_eq!(code(Input { emission: 1 << 63, ..good }), Err("CONSENSUS_INPUT_VALUE"));
    assert_eq!(code(Input { bonds_moving_average: 1_000_000, ..good }), Ok(()));
    assert_eq!(code(Input { bonds_moving_average: 1_000_001, ..good }), Err("CONSENSUS_INPUT_VALUE"));
    assert_eq!(code(Input { block: (1 << 63) - 1, ..good }), Ok(()));
    assert_eq!(code(Input { block: 1 << 63, ..good }), Err("CONSENSUS_INPUT_VALUE"));
    assert_eq!(code(Input { last_update: &[1 << 63, 0, 0, 0], ..good }), Err("CONSENSUS_INPUT_VALUE"));
    assert_eq!(code(Input { block_at_registration: &[1 << 63, 0, 0, 0], ..good }), Err("CONSENSUS_INPUT_VALUE"));
    assert_eq!(code(Input { validator_permit: &[2, 0, 0, 0], ..good }), Err("CONSENSUS_INPUT_VALUE"));
    assert_eq!(code(Input { last_update: &[0; 3], ..good }), Err("CONSENSUS_INPUT_LENGTH"));
    assert_eq!(code(Input { block_at_registration: &[0; 5], ..good }), Err("CONSENSUS_INPUT_LENGTH"));
    assert_eq!(code(Input { validator_permit: &[0; 3], ..good }), Err("CONSENSUS_INPUT_LENGTH"));
    assert_eq!(code(Input { stake: &vec![0; 4_097], ..good }), Err("CONSENSUS_INPUT_TOO_LARGE"));

    let rows = |offsets, uids, values| Input { weights: Rows { offsets, uids, values }, ..good };
    assert_eq!(code(rows(&[0, 2, 2, 2, 2], &[0, 3], &[0, 1])), Ok(()));
    assert_eq!(code(rows(&[0, 2, 2, 2, 2], &[3, 3], &[1, 1])), Err("CONSENSUS_INPUT_ROW"));
    assert_eq!(code(rows(&[0, 2, 2, 2, 2], &[3, 1], &[1, 1])), Err("CONSENSUS_INPUT_ROW"));
    assert_eq!(code(rows(&[0, 1, 1, 1, 1], &[4], &[1])), Err("CONSENSUS_INPUT_ROW"));
    assert_eq!(code(rows(&[0, 9, 1, 1, 1], &[1], &[1])), Err("CONSENSUS_INPUT_ROW"));
    assert_eq!(code(rows(&[1, 1, 1, 1, 1], &[1], &[1])), Err("CONSENSUS_INPUT_ROW"));
    assert_eq!(code(rows(&[0, 0, 0, 0, 0], &[1], &[1])), Err("CONSENSUS_INPUT_ROW"));
    assert_eq!(code(rows(&[0, 1, 1, 1, 1], &[1], &[])), Err("CONSENSUS_INPUT_LENGTH"));
    assert_eq!(code(rows(&[0, 0, 0, 0], &[], &[])), Err("CONSENSUS_INPUT_LENGTH"));
    let bonds = Rows { offsets: &[0, 1, 1, 1, 1], uids: &[4], values: &[1] };
    assert_eq!(code(Input { bonds, ..good }), Err("CONSENSUS_INPUT_ROW"));
}
