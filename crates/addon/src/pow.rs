//! Seals for JavaScript: see `src/native/pow.ts`.
use napi::bindgen_prelude::{BigInt, BigUint64Array, Env, Object, Result, Uint8Array};
use napi_derive::napi;

use crate::argument::{fixed, unsigned};
use crate::failure::Failure;
use crate::job::{Job, Lane, promise};

impl From<pow::Error> for Failure {
    fn from(error: pow::Error) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// Names of the solvers this machine can run, fastest first.
#[napi(catch_unwind)]
pub fn pow_backends() -> Vec<&'static str> {
    pow::Backend::available().iter().map(|backend| backend.name()).collect()
}

/// The seal of one nonce, 32 bytes.
#[napi(catch_unwind)]
pub fn pow_seal(block_hash: &[u8], hotkey: &[u8], nonce: BigInt) -> Result<Uint8Array> {
    let inner = pow::inner(&fixed("blockHash", block_hash)?, &fixed("hotkey", hotkey)?);
    Ok(pow::seal(&inner, unsigned("nonce", &nonce)?).to_vec().into())
}

#[napi(object, object_from_js = false)]
pub struct PowVerdicts {
    pub seals: Uint8Array,
    pub meets: Uint8Array,
}

/// Seals of n entries and whether each meets its difficulty.
#[napi(catch_unwind)]
pub fn pow_verify(
    block_hashes: &[u8],
    hotkeys: &[u8],
    nonces: BigUint64Array,
    difficulties: BigUint64Array,
) -> Result<PowVerdicts> {
    let batch = pow::Batch { block_hashes, hotkeys, nonces: &nonces, difficulties: &difficulties };
    let verdicts = pow::verify(pow::Backend::best(), &batch).map_err(Failure::from)?;
    Ok(PowVerdicts { seals: verdicts.seals.into(), meets: verdicts.meets.into() })
}

#[napi(object, object_from_js = false)]
pub struct PowAnswer {
    pub nonce: BigInt,
    pub seal: Uint8Array,
    pub hashes: f64,
    pub seconds: f64,
}

#[napi(object, object_to_js = false)]
pub struct PowSearch {
    pub difficulty: BigInt,
    pub start: BigInt,
    /// Absent: all cores.
    pub threads: Option<u32>,
    /// Absent: the fastest.
    pub backend: Option<String>,
}

/// Searches the first nonce from `start` on whose seal meets the difficulty.
#[napi(catch_unwind, ts_return_type = "Promise<PowAnswer>")]
pub fn pow_solve<'env>(
    env: &'env Env,
    job: &Job,
    block_hash: &[u8],
    hotkey: &[u8],
    search: PowSearch,
) -> Result<Object<'env>> {
    let challenge = pow::Challenge {
        inner: pow::inner(&fixed("blockHash", block_hash)?, &fixed("hotkey", hotkey)?),
        difficulty: unsigned("difficulty", &search.difficulty)?,
        start: unsigned("start", &search.start)?,
    };
    let backend = match search.backend {
        None => pow::Backend::best(),
        Some(name) => pow::Backend::named(&name).ok_or_else(|| Failure::from(pow::Error::Backend(name)))?,
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = search.threads.map_or(cores.min(pow::THREADS_MAX), |threads| threads as usize);
    let shared = job.shared.clone();
    promise(env, Lane::Own, move || {
        let control = pow::Control { cancelled: &shared.cancelled, hashes: &shared.done };
        let solution = pow::solve(challenge, pow::Options { threads, backend }, control)?;
        Ok(PowAnswer {
            nonce: solution.nonce.into(),
            seal: solution.seal.to_vec().into(),
            hashes: solution.hashes as f64,
            seconds: solution.seconds,
        })
    })
}
