//! Fuzz targets: every function of these crates that takes bytes of a stranger, with a property that must hold for all of
//! them (reliability.md, S6 and 9.4). A target panics where the property does not hold.
//!
//! `node test/fuzz/run.ts` builds this crate with coverage instrumentation and feeds it by libFuzzer; `cargo test -p fuzz`
//! plays the committed corpus on an ordinary build.
#![allow(clippy::panic, clippy::missing_panics_doc)] // a panic is how a target reports what it found

mod consensus_rows;
mod entry;
mod expert_models;
mod gpu_requests;
mod matrices;
mod mixture_bytes;
mod mixture_games;
mod reader;
mod seals;
mod signatures;

/// One property over arbitrary bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// As `--target=NAME` has it, and the corpus folder.
    pub name: &'static str,
    /// Longest input worth making, bytes.
    pub longest: usize,
    /// Panics where the property does not hold.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "consensus", longest: 4_096, run: consensus_rows::epoch },
    Target { name: "consensus-what-if", longest: 4_096, run: consensus_rows::variant },
    Target { name: "mixture-leaves", longest: 8_192, run: mixture_bytes::leaves },
    Target { name: "mixture-encode", longest: 4_096, run: mixture_bytes::logarithms },
    Target { name: "mixture-ntd", longest: 4_096, run: mixture_bytes::distributions },
    Target { name: "mixture-reveal", longest: 8_192, run: mixture_bytes::reveal },
    Target { name: "mixture-game", longest: 2_048, run: mixture_games::shapley },
    Target { name: "seals", longest: 2_048, run: seals::backends_agree },
    Target { name: "ed25519", longest: 4_096, run: signatures::ed25519 },
    Target { name: "sr25519", longest: 4_096, run: signatures::sr25519 },
    Target { name: "secrets", longest: 512, run: signatures::secrets },
    Target { name: "matrix", longest: 4_096, run: matrices::products },
    Target { name: "checkpoint", longest: 16_384, run: expert_models::checkpoint },
    Target { name: "fallback", longest: 4_096, run: expert_models::fallback },
    Target { name: "gpu-header", longest: 4_096, run: gpu_requests::header },
    Target { name: "gpu-stream", longest: 4_096, run: gpu_requests::stream },
    Target { name: "order", longest: 4_096, run: expert_models::order },
];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}
