//! Every case that the defining runtime computed, equal to the last bit, on one thread and on several.
#![allow(clippy::expect_used)]
use consensus::{Error, Input, Output, OwnedInput, Rows, Workspace, epoch};
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

fn bytes(bools: &[bool]) -> Vec<u8> {
    bools.iter().copied().map(u8::from).collect()
}

impl Inputs {
    fn own(self) -> OwnedInput {
        OwnedInput {
            stake: self.stake,
            weights: self.weights.into_iter().collect(),
            bonds: self.bonds.into_iter().collect(),
            last_update: self.last_update,
            block_at_registration: self.block_at_registration,
            validator_permit: bytes(&self.validator_permit),
            block: self.block,
            activity_cutoff: self.activity_cutoff,
            kappa: self.kappa,
            bonds_moving_average: self.bonds_moving_average,
            max_allowed_validators: self.max_allowed_validators,
            emission: self.emission,
        }
    }
}

impl Outputs {
    fn own(self) -> Output {
        Output {
            rank: self.rank,
            trust: self.trust,
            consensus: self.consensus,
            incentive: self.incentive,
            dividends: self.dividends,
            validator_trust: self.validator_trust,
            pruning_scores: self.pruning_scores,
            emission: self.emission,
            server_emission: self.server_emission,
            validator_emission: self.validator_emission,
            active: bytes(&self.active),
            validator_permit: bytes(&self.validator_permit),
            bonds: self.bonds.into_iter().collect(),
        }
    }
}

/// Name, input and output of every case.
fn cases() -> Vec<(String, OwnedInput, Output)> {
    let cases: Vec<Case> = serde_json::from_str(VECTORS).expect("the vectors are JSON of this shape");
    let case = |Case { input, output }: Case| {
        assert_eq!(input.n, input.stake.len());
        (input.name.clone(), input.own(), output.own())
    };
    cases.into_iter().map(case).collect()
}

#[test]
fn every_case_of_the_runtime_is_equal_to_the_last_bit() {
    let cases = cases();
    assert_eq!(cases.len(), 22);
    let mut workspace = Workspace::default();
    for (name, input, expected) in cases {
        assert_eq!(epoch(&input.lend()).as_ref(), Ok(&expected), "{name}");
        assert_eq!(workspace.epoch(&input.lend()).as_ref(), Ok(&expected), "{name} with used buffers");
    }
}

#[test]
fn the_number_of_threads_cannot_be_seen() {
    for threads in [1, 2, 3, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        for (name, input, expected) in cases() {
            assert_eq!(pool.install(|| epoch(&input.lend())), Ok(expected), "{name} on {threads}");
        }
    }
}

#[test]
fn what_the_definition_refuses_is_refused_and_nothing_else() {
    let (_, case, _) = cases().swap_remove(0);
    let good = case.lend();
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
