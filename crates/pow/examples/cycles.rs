//! Cycles per seal of every backend on one core, with the plain C prototype (`bench/rival/seal-avx512.c`) between them.
//!
//! `cargo run --release -p pow --example cycles [REPETITIONS [SUBJECT...]]` checks the answers, then prints a line of JSON per subject:
//! medians over the repetitions, in which the subjects take turns. The clock is measured beside each run by a chain of
//! dependent additions, one cycle each, so that the figures hold under any frequency; no performance counter is needed.
#![allow(unsafe_code)] // the chain of additions, which a compiler would otherwise shorten
#![allow(clippy::unwrap_used, clippy::panic)] // a program for measuring may end where it stands

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Instant;

use pow::{Backend, Challenge, Control, Hash, inner, solve};

/// Nonces of one run: a multiple of every backend's pass and slice, about 2 ms on the fastest.
const NONCES: u64 = 1 << 15;

/// Cycles per second, by 2²² dependent additions.
fn clock() -> f64 {
    const LOOPS: u64 = 1 << 16;
    let begun = Instant::now();
    // Each chain goes on from the last one: chains of their own would overlap.
    std::hint::black_box((0..LOOPS).fold(1, |sum, _| chain(sum)));
    (LOOPS * 64) as f64 / begun.elapsed().as_secs_f64()
}

/// 64 additions, each of which waits for the one before it; between registers, as some processors fold constants.
#[inline(always)]
fn chain(mut sum: u64) -> u64 {
    macro_rules! sixteen {
        ($line:literal) => {
            concat!(
                $line, $line, $line, $line, $line, $line, $line, $line, $line, $line, $line, $line, $line, $line,
                $line, $line
            )
        };
    }
    // SAFETY: adds between two registers, which are all that it touches.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!(
            sixteen!("add {0}, {1}\n"), sixteen!("add {0}, {1}\n"), sixteen!("add {0}, {1}\n"), sixteen!("add {0}, {1}\n"),
            inout(reg) sum, in(reg) 3_u64, options(nomem, nostack)
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!(
            sixteen!("add {0}, {0}, {1}\n"), sixteen!("add {0}, {0}, {1}\n"), sixteen!("add {0}, {0}, {1}\n"), sixteen!("add {0}, {0}, {1}\n"),
            inout(reg) sum, in(reg) 3_u64, options(nomem, nostack)
        );
    }
    sum
}

/// What is timed: finds the smallest nonce in a range whose seal begins with at most `head`.
enum Subject {
    Backend(Backend),
    Prototype { child: Child, input: ChildStdin, output: BufReader<ChildStdout> },
}

impl Subject {
    fn name(&self) -> &'static str {
        match self {
            Self::Backend(backend) => backend.name(),
            Self::Prototype { .. } => "c-prototype",
        }
    }

    /// Seconds for `count` nonces from `start`, and the nonce found.
    fn run(&mut self, inner: Hash, difficulty: u64, start: u64, count: u64) -> (Option<u64>, f64) {
        match self {
            Self::Backend(backend) => {
                let (cancelled, hashes) = (AtomicBool::new(false), AtomicU64::new(0));
                let control = Control { cancelled: &cancelled, hashes: &hashes };
                let begun = Instant::now();
                let found = solve(Challenge { inner, difficulty, start, count }, &[*backend], 1, control);
                (found.ok().map(|solution| solution.nonce), begun.elapsed().as_secs_f64())
            }
            Self::Prototype { input, output, .. } => {
                let hex = inner.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
                writeln!(input, "{hex} {} {start} {}", u64::MAX / difficulty, start + count - 1).unwrap();
                let mut line = String::new();
                output.read_line(&mut line).unwrap();
                let (nonce, nanoseconds) = line.trim().split_once(' ').unwrap();
                (nonce.parse().ok(), nanoseconds.parse::<f64>().unwrap() / 1e9)
            }
        }
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        if let Self::Prototype { child, .. } = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The prototype, where there are a C compiler and AVX-512.
fn prototype() -> Option<Subject> {
    Backend::named("avx512")?;
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../bench/rival/seal-avx512.c");
    let program = std::env::temp_dir().join(format!("taumesh-seal-avx512-{}", std::process::id()));
    let compiled = Command::new("cc").args(["-O3", "-march=native", "-o"]).arg(&program).arg(source).status();
    if !compiled.is_ok_and(|status| status.success()) {
        eprintln!("the C prototype is skipped: no C compiler");
        return None;
    }
    let mut child = Command::new(&program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::fs::remove_file(program).unwrap();
    let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    Some(Subject::Prototype { child, input, output })
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let repetitions: usize = std::env::args().nth(1).map_or(11, |text| text.parse().unwrap());
    let inner = inner(&[1; 32], &[2; 32]);
    let mut subjects: Vec<Subject> = Backend::available().into_iter().map(Subject::Backend).collect();
    if let Some(prototype) = prototype() {
        subjects.insert(1, prototype);
    }

    let only: Vec<String> = std::env::args().skip(2).collect();
    subjects.retain(|subject| only.is_empty() || only.iter().any(|name| name == subject.name()));

    for start in [0, 1 << 40] {
        let expected = Subject::Backend(Backend::PORTABLE).run(inner, 20_000, start, NONCES).0;
        assert!(expected.is_some());
        for subject in &mut subjects {
            assert_eq!(subject.run(inner, 20_000, start, NONCES).0, expected, "{}", subject.name());
        }
    }

    let mut cycles = vec![Vec::new(); subjects.len()];
    let mut clocks = Vec::new();
    let mut fastest = vec![f64::INFINITY; subjects.len()];
    for repetition in 0..repetitions {
        for ((subject, cycles), least) in subjects.iter_mut().zip(&mut cycles).zip(&mut fastest) {
            let before = clock();
            let (found, seconds) = subject.run(inner, 1 << 62, (repetition as u64) << 32, NONCES);
            assert_eq!(found, None, "a search to the end is timed");
            let hertz = f64::midpoint(before, clock());
            clocks.push(hertz);
            cycles.push(seconds * hertz / NONCES as f64);
            *least = seconds.min(*least);
        }
    }
    let hertz = median(&mut clocks);
    // On a busy machine a run is interrupted, never sped up: the fastest at the highest clock seen is the figure nearest to rest.
    let top = clocks[clocks.len() - 1];
    for ((subject, cycles), least) in subjects.iter().zip(&mut cycles).zip(fastest) {
        let middle = median(cycles);
        let spread = (cycles[cycles.len() * 3 / 4] - cycles[cycles.len() / 4]) / middle;
        println!(
            r#"{{"subject":"{}","cycles_per_hash":{middle:.1},"best":{:.1},"spread":{spread:.3},"hashes_per_second":{:.0},"clock_hz":{hertz:.0},"repetitions":{repetitions}}}"#,
            subject.name(),
            least * top / NONCES as f64,
            hertz / middle
        );
    }
}
