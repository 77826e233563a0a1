//! Times epochs of full markets: `cargo run --release -p consensus --example time [repetitions] [threads] [level]`.
#![allow(clippy::expect_used)]
#[allow(dead_code)] // the tests use the rest
#[path = "../tests/support/cases.rs"]
mod cases;

use std::time::Instant;

use consensus::{Level, Way, Workspace};

fn main() {
    let only = std::env::args().nth(3);
    let mut numbers = std::env::args().skip(1).take(2).map(|text| text.parse::<usize>().expect("a number"));
    let repetitions = numbers.next().unwrap_or(11);
    if let Some(threads) = numbers.next() {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().expect("threads");
    }
    for (rows, n) in [(256, 256), (128, 4_096), (4_096, 4_096)] {
        let case = cases::market(rows, n);
        for level in
            Level::available().into_iter().filter(|level| only.as_ref().is_none_or(|only| only == level.name()))
        {
            let mut workspace = Workspace::with(level, Way::Suited);
            let mut times: Vec<f64> = (0..=repetitions)
                .map(|_| {
                    let start = Instant::now();
                    std::hint::black_box(workspace.epoch(&case.lend()).expect("accepted"));
                    start.elapsed().as_secs_f64() * 1e3
                })
                .skip(1)
                .collect();
            times.sort_by(f64::total_cmp);
            let (first, middle) = (times[0], times[times.len() / 2]);
            println!("{rows} x {n} {}: median {middle:.3} ms, least {first:.3} ms", level.name());
        }
    }
}
