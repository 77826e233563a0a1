//! Both ways through an epoch, with every set of instructions, against the definition on random and adversarial inputs.
//! `CONSENSUS_CASES` says how many, `TAUMESH_SEED` which.
#![allow(clippy::expect_used)]
mod support;

use std::sync::atomic::{AtomicUsize, Ordering};

use consensus::{Level, OwnedInput, Way, Workspace};
use rayon::prelude::*;
use support::cases::{Random, case, market};
use support::definition;

/// Inputs that one run scores; a longer one is asked for by name.
const CASES: usize = 10_000;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

fn workspaces() -> Vec<(String, Workspace)> {
    let mut all = vec![("lists".into(), Workspace::with(Level::best(), Way::Sparse))];
    for level in Level::available() {
        all.push((format!("tiles, {}", level.name()), Workspace::with(level, Way::Dense)));
    }
    all.push(("the suited way".into(), Workspace::default()));
    all
}

#[test]
fn every_way_gives_what_the_definition_gives() {
    let cases = number("CONSENSUS_CASES", CASES as u64) as usize;
    let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let seed = number("TAUMESH_SEED", time.as_secs());
    println!("{cases} cases of seed {seed}");
    let paid = AtomicUsize::new(0);
    (0..cases).into_par_iter().for_each_init(workspaces, |workspaces, index| {
        let mut random = Random(seed.wrapping_mul(1 << 32).wrapping_add(index as u64));
        // Small ones mostly: their edges are nearer. Some cross the borders of tiles and blocks.
        let n = match random.below(40) {
            0 => 60 + random.below(80),
            1..=4 => 14 + random.below(24),
            _ => random.below(13),
        };
        let case = case(&mut random, n as usize);
        let expected = definition::epoch(&case.lend());
        paid.fetch_add(usize::from(expected.dividends.iter().any(|&share| share > 0)), Ordering::Relaxed);
        for (name, workspace) in workspaces {
            let output = workspace.epoch(&case.lend());
            assert_eq!(output.as_ref(), Ok(&expected), "case {index} of seed {seed}, {name}: {case:?}");
        }
    });
    // Most of them must get as far as bonds and dividends.
    assert!(paid.load(Ordering::Relaxed) * 5 > cases, "only {paid:?} cases pay");
}

#[test]
fn neither_threads_nor_instructions_can_be_seen_in_a_large_epoch() {
    for (rows, n) in [(4_096, 4_096), (130, 1_000), (1, 300), (2, 300), (700, 700)] {
        let mut case = market(rows, n);
        if n == 700 {
            // Rows with holes, entries that registrations remove, and validators that fell silent.
            let mut random = Random(9);
            case.block_at_registration = (0..n).map(|_| random.below(91)).collect();
            case.last_update = (0..n).map(|_| 30 + random.below(70)).collect();
            case.validator_permit = (0..n).map(|_| u8::from(!random.one_in(3))).collect();
        }
        let expected = Workspace::with(Level::best(), Way::Sparse).epoch(&case.lend()).expect("accepted");
        for level in Level::available() {
            for threads in [1, 2, 5] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
                let output = pool.install(|| Workspace::with(level, Way::Dense).epoch(&case.lend()));
                assert!(output.as_ref() == Ok(&expected), "{rows} x {n} with {} on {threads}", level.name());
            }
        }
    }
}

#[test]
fn a_column_whose_sum_is_one_and_whose_largest_is_a_unit_below_is_exact() {
    // Ranks of 2^31 - 1 and 1 in column 2 give shares of 1 - 2^-31 and 2^-31; half of each, with half of the only old
    // bond, is a unit below 1 and a unit.
    let case = OwnedInput {
        stake: vec![(1 << 32) - 1, 1, 0, 0],
        weights: [vec![(2, 1), (3, 1)], vec![(2, 1)], vec![], vec![]].into_iter().collect(),
        bonds: [vec![(2, 5)], vec![], vec![], vec![]].into_iter().collect(),
        last_update: vec![9; 4],
        block_at_registration: vec![0; 4],
        validator_permit: vec![1; 4],
        block: 10,
        activity_cutoff: 50,
        kappa: 0,
        bonds_moving_average: 500_000,
        max_allowed_validators: 4,
        emission: (1 << 63) - 1,
    };
    let expected = definition::epoch(&case.lend());
    assert_eq!(expected.bonds.values, [65_535, 65_535, 0]);
    for (name, mut workspace) in workspaces() {
        assert_eq!(workspace.epoch(&case.lend()).as_ref(), Ok(&expected), "{name}");
    }
}
