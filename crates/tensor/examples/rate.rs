//! Rates of products on this machine: `cargo run --release -p tensor --example rate -- [threads [n...]]`. The clock is calibrated
//! in the same run by a chain of dependent additions, one a cycle.
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Instant;

use tensor::error::Error;
use tensor::mode::Mode;
use tensor::product::{Control, Factors, Multiplication, backends};
use tensor::shape::Shape;

fn best(times: usize, mut work: impl FnMut()) -> f64 {
    (0..times)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}

fn clock() -> f64 {
    const STEPS: u64 = 50_000_000;
    let seconds = best(3, || {
        let mut sum = 0_u64;
        for step in 0..STEPS {
            sum = std::hint::black_box(sum + step);
        }
        std::hint::black_box(sum);
    });
    STEPS as f64 / seconds
}

fn main() -> Result<(), Error> {
    let threads = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(1);
    println!("threads {threads}, chain {:.2} G/s", clock() / 1e9);
    let sizes: Vec<usize> = std::env::args().skip(2).filter_map(|word| word.parse().ok()).collect();
    for n in if sizes.is_empty() { vec![256, 512, 1024, 2048] } else { sizes } {
        let floats: Vec<f32> = (0..n * n).map(|i| ((i * 37 % 1009) as f32 - 504.0) / 504.0).collect();
        let halves: Vec<u16> = floats.iter().map(|x| (x.to_bits() >> 16) as u16).collect();
        let bytes: Vec<i8> = (0..n * n).map(|i| (i * 37 % 251) as u8 as i8).collect();
        let work = 2.0 * (n * n * n) as f64;
        let times = (4e10 / work).clamp(3.0, 200.0) as usize;
        let shape = |transpose_a, transpose_b| Shape { batch: 1, m: n, k: n, n, transpose_a, transpose_b };
        for (name, factors) in [
            ("f32", Factors::F32(&floats, &floats)),
            ("f16", Factors::F16(&halves, &halves)),
            ("bf16", Factors::Bf16(&halves, &halves)),
            ("int8", Factors::Int8(&bytes, &bytes)),
        ] {
            for mode in [Mode::Fast, Mode::Exact] {
                for backend in backends(&factors, mode) {
                    if (backend == "portable" || backend == "avx2") && n != 512 || mode == Mode::Exact && name == "int8"
                    {
                        continue;
                    }
                    let (never, done) = (AtomicBool::new(false), AtomicU64::new(0));
                    let control = Control { cancelled: &never, done: &done };
                    let pack = |a, b| {
                        Multiplication::on(Some(backend), shape(a, b), &factors, mode, threads)
                            .map(|product| product.prepare())
                    };
                    let packing = [(false, false), (true, false), (false, true)]
                        .map(|(a, b)| format!("{:.1}", best(times, || drop(pack(a, b))) * 1e6));
                    let prepared = pack(false, false)?;
                    let seconds = best(times, || drop(prepared.run(&control)));
                    let all = best(times, || drop(pack(false, false).map(|prepared| prepared.run(&control))));
                    println!(
                        "n {n:5} {name:5} {mode:?} {backend:12} {:8.1} GFLOP/s, with packing {:8.1}; packing of AB, A'B and AB' {} us",
                        work / seconds / 1e9,
                        work / all / 1e9,
                        packing.join(", "),
                    );
                }
            }
        }
    }
    Ok(())
}
