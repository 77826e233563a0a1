//! Rates of products on this machine, the medians of several: `cargo run --release -p tensor --example rate -- [threads [n...]]`.
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Instant;

use tensor::error::Error;
use tensor::mode::Mode;
use tensor::product::{Control, Factors, Multiplication, backends};
use tensor::results::keep;
use tensor::shape::Shape;

fn main() -> Result<(), Error> {
    let threads = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(1);
    println!("threads {threads}");
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
                    let seconds = |a, b| {
                        let product = Multiplication::on(Some(backend), shape(a, b), &factors, mode, threads)?;
                        let mut runs: Vec<f64> = (0..times)
                            .map(|_| {
                                let start = Instant::now();
                                keep(product.run(&control)?);
                                Ok(start.elapsed().as_secs_f64())
                            })
                            .collect::<Result<_, Error>>()?;
                        runs.sort_by(f64::total_cmp);
                        Ok(runs[runs.len() / 2])
                    };
                    let rates = [(false, false), (true, false), (false, true)]
                        .map(|(a, b)| seconds(a, b).map(|seconds| work / seconds / 1e9));
                    let [plain, left, right] = rates;
                    println!(
                        "n {n:5} {name:5} {mode:?} {backend:12} AB {:7.1}, A'B {:7.1}, AB' {:7.1} GFLOP/s",
                        plain?, left?, right?,
                    );
                }
            }
        }
    }
    Ok(())
}
