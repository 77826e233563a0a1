//! `mixture` for JavaScript. Synchronous calls read typed arrays in place, since nothing else runs on the calling thread
//! until they return; the game is copied, because it is walked on another thread.
use std::sync::Arc;
use std::sync::atomic::Ordering;

use mixture::{Claim, Game, Reveal, Status};
use napi::bindgen_prelude::{
    BigInt64Array, Env, Float32Array, Float64Array, Object, Result, Uint8Array, Uint16Array, Uint32Array,
};
use napi_derive::napi;

use crate::argument::lent;
use crate::failure::Failure;
use crate::job::{Job, Lane, promise};

impl From<mixture::Error> for Failure {
    fn from(error: mixture::Error) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// u16 claim of each position.
#[napi(catch_unwind)]
pub fn mixture_claims(leaves: Uint8Array, text: Uint8Array) -> Result<Uint16Array> {
    Ok(mixture::claims(&leaves, &text).map_err(Failure::from)?.into())
}

/// Decoded, mixed probabilities of n leaves, into n·256 numbers. Rows are eight times their leaves: memory that JavaScript
/// keeps is not taken, cleared and collected anew with every call, which costs several times the decoding.
#[napi(catch_unwind)]
pub fn mixture_decode(leaves: Uint8Array, mut into: Float64Array) -> Result<()> {
    mixture::decode_into(&leaves, lent(&mut into, &[&leaves])?).map_err(Failure::from)?;
    Ok(())
}

/// Leaf codes of n·256 natural-log probabilities.
#[napi(catch_unwind)]
pub fn mixture_encode(ln_probabilities: Float32Array) -> Result<Uint8Array> {
    Ok(mixture::encode(&ln_probabilities).map_err(Failure::from)?.into())
}

#[napi(object, object_to_js = false)]
pub struct MixtureClaim {
    pub query_id: Uint8Array,
    pub hotkey: Uint8Array,
    pub leaves: Uint8Array,
    pub claims: Uint16Array,
    pub salt: Uint8Array,
}

#[napi(object, object_from_js = false)]
pub struct MixtureCommit {
    pub root: Uint8Array,
    pub commit: Uint8Array,
}

/// Root of the visible leaves, and the commit that binds them.
#[napi(catch_unwind)]
pub fn mixture_commit(input: MixtureClaim) -> Result<MixtureCommit> {
    let claim = Claim { query_id: &input.query_id, hotkey: &input.hotkey, claims: &input.claims, salt: &input.salt };
    let (root, commit) = mixture::commit(&claim, &input.leaves).map_err(Failure::from)?;
    Ok(MixtureCommit { root: root.to_vec().into(), commit: commit.to_vec().into() })
}

/// Opening paths of leaf positions.
#[napi(catch_unwind)]
pub fn mixture_paths(leaves: Uint8Array, positions: Uint16Array) -> Result<Vec<Uint8Array>> {
    let paths = mixture::paths(&leaves, &positions).map_err(Failure::from)?;
    Ok(paths.into_iter().map(Uint8Array::from).collect())
}

#[napi(object, object_to_js = false)]
pub struct MixtureReveal {
    pub commit: Uint8Array,
    pub query_id: Uint8Array,
    pub hotkey: Uint8Array,
    pub root: Uint8Array,
    pub salt: Uint8Array,
    pub last_leaf: Uint8Array,
    pub claims: Uint16Array,
    pub span: Uint8Array,
    pub positions: Uint16Array,
    pub leaves: Uint8Array,
    pub paths: Vec<Uint8Array>,
}

#[napi(object, object_from_js = false)]
pub struct MixtureVerdict {
    #[napi(ts_type = "'ok' | 'commit' | 'path' | 'claim' | 'shape'")]
    pub status: &'static str,
    pub last_claim: u16,
}

/// Checks a reveal against its commit.
#[napi(catch_unwind)]
pub fn mixture_check_reveal(input: MixtureReveal) -> Result<MixtureVerdict> {
    let paths: Vec<&[u8]> = input.paths.iter().map(|path| &path[..]).collect();
    let reveal = Reveal {
        commit: &input.commit,
        claim: Claim { query_id: &input.query_id, hotkey: &input.hotkey, claims: &input.claims, salt: &input.salt },
        root: &input.root,
        last_leaf: &input.last_leaf,
        span: &input.span,
        positions: &input.positions,
        leaves: &input.leaves,
        paths: &paths,
    };
    let (status, last_claim) = mixture::check_reveal(&reveal).map_err(Failure::from)?;
    let status = match status {
        Status::Ok => "ok",
        Status::Shape => "shape",
        Status::Commit => "commit",
        Status::Path => "path",
        Status::Claim => "claim",
    };
    Ok(MixtureVerdict { status, last_claim })
}

#[napi(object, object_to_js = false)]
pub struct MixtureGame {
    pub length: u32,
    pub spans: u32,
    pub fallback: Uint16Array,
    pub peers: Vec<Option<Uint16Array>>,
    pub clusters: Option<Uint16Array>,
    pub independents: Option<Uint8Array>,
}

impl MixtureGame {
    /// A copy, after its size was checked: nothing large is allocated for what would be refused.
    fn copy(&self) -> std::result::Result<Game, Failure> {
        let sizes = std::iter::once(&self.fallback).chain(self.peers.iter().flatten()).map(|claims| claims.len());
        let (positions, players) = (sizes.max().unwrap_or(0), self.peers.len());
        if positions > mixture::POSITIONS_MAX || players > mixture::PLAYERS_MAX {
            let text = format!("{players} players with {positions} positions");
            return Err(Failure::new("MIXTURE_TOO_LARGE", text));
        }
        Ok(Game {
            length: self.length as usize,
            spans: self.spans as usize,
            fallback: self.fallback.to_vec(),
            peers: self.peers.iter().map(|claims| claims.as_ref().map(|claims| claims.to_vec())).collect(),
            clusters: self.clusters.as_ref().map(|clusters| clusters.to_vec()).unwrap_or_default(),
            independents: self.independents.iter().flat_map(|flags| flags.iter()).map(|&flag| flag != 0).collect(),
        })
    }
}

#[napi(object, object_from_js = false)]
pub struct MixtureOutcome {
    pub phi: BigInt64Array,
    pub all: f64,
    pub none: f64,
}

/// Exact Shapley or Owen values of one game.
#[napi(catch_unwind, ts_return_type = "Promise<MixtureOutcome>")]
pub fn mixture_shapley<'env>(env: &'env Env, game: MixtureGame, job: &Job) -> Result<Object<'env>> {
    let game = game.copy()?;
    let shared = Arc::clone(&job.shared);
    promise(env, Lane::High, move || {
        let outcome = mixture::shapley(&game, |done, total| {
            shared.total.store(total as u64, Ordering::Relaxed);
            shared.done.store(done as u64, Ordering::Relaxed);
            !shared.cancelled.load(Ordering::Relaxed)
        })?;
        Ok(MixtureOutcome { phi: outcome.phi.into(), all: outcome.all, none: outcome.none })
    })
}

/// v of chosen coalitions.
#[napi(catch_unwind)]
pub fn mixture_values(game: MixtureGame, coalitions: Uint32Array) -> Result<Float64Array> {
    Ok(mixture::values(&game.copy()?, &coalitions).map_err(Failure::from)?.into())
}

#[napi(object, object_from_js = false)]
pub struct MixtureReport {
    pub network: f64,
    pub uniform: f64,
    pub fallback: f64,
    pub single: Float64Array,
}

/// Bits per byte of single players and of mixtures.
#[napi(catch_unwind)]
pub fn mixture_report(game: MixtureGame) -> Result<MixtureReport> {
    let report = mixture::report(&game.copy()?).map_err(Failure::from)?;
    Ok(MixtureReport {
        network: report.network,
        uniform: report.uniform,
        fallback: report.fallback,
        single: report.single.into(),
    })
}

/// Short form of n leaves.
#[napi(catch_unwind)]
pub fn mixture_ntd_encode(leaves: Uint8Array, top_p: f64, n_max: u32) -> Result<Uint8Array> {
    Ok(mixture::ntd_encode(&leaves, top_p, n_max as usize).map_err(Failure::from)?.into())
}

/// Probabilities of n short forms, into n·256 numbers.
#[napi(catch_unwind)]
pub fn mixture_ntd_decode(ntds: Uint8Array, fallback_leaves: Uint8Array, mut into: Float64Array) -> Result<()> {
    let out = lent(&mut into, &[&ntds, &fallback_leaves])?;
    mixture::ntd_decode_into(&ntds, &fallback_leaves, out).map_err(Failure::from)?;
    Ok(())
}
