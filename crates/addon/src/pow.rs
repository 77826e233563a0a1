//! Seals for JavaScript: see `src/native/pow.ts`.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// Nonces in one call of [`pow_heads`]: a few milliseconds.
const HEADS_MAX: u32 = 65_536;

/// The backend of that name; absent: the fastest.
fn backend(name: Option<String>) -> std::result::Result<pow::Backend, Failure> {
    match name {
        None => Ok(pow::Backend::best()),
        Some(name) => pow::Backend::named(&name).ok_or_else(|| pow::Error::Backend(name).into()),
    }
}

/// The first 8 bytes of the seals of `count` nonces from `start` on, as big-endian numbers.
#[napi(catch_unwind)]
pub fn pow_heads(
    block_hash: &[u8],
    hotkey: &[u8],
    start: BigInt,
    count: u32,
    name: Option<String>,
) -> Result<BigUint64Array> {
    let inner = pow::inner(&fixed("blockHash", block_hash)?, &fixed("hotkey", hotkey)?);
    if count > HEADS_MAX {
        return Err(Failure::from(pow::Error::BatchTooLarge(count as usize)).into());
    }
    let mut heads = vec![0; count as usize];
    backend(name)?.heads(&inner, unsigned("start", &start)?, &mut heads);
    Ok(heads.into())
}

#[napi(object, object_from_js = false)]
pub struct PowAnswer {
    pub nonce: BigInt,
    pub seal: Uint8Array,
    pub hashes: f64,
    pub seconds: f64,
}

#[napi(object, object_to_js = false)]
pub struct PowTask {
    pub difficulty: BigInt,
    pub start: BigInt,
    /// Nonces after which the search gives up.
    pub count: BigInt,
}

fn challenge(block_hash: &[u8], hotkey: &[u8], task: &PowTask) -> std::result::Result<pow::Challenge, Failure> {
    Ok(pow::Challenge {
        inner: pow::inner(&fixed("blockHash", block_hash)?, &fixed("hotkey", hotkey)?),
        difficulty: unsigned("difficulty", &task.difficulty)?,
        start: unsigned("start", &task.start)?,
        count: unsigned("count", &task.count)?,
    })
}

/// A search for a nonce, which can be pointed at another challenge while it runs.
#[napi]
pub struct PowSearch {
    search: Arc<pow::Search>,
    begun: AtomicBool,
}

#[napi]
impl PowSearch {
    #[napi(constructor, catch_unwind)]
    pub fn new(block_hash: &[u8], hotkey: &[u8], task: PowTask) -> Result<Self> {
        let search = Arc::new(pow::Search::new(challenge(block_hash, hotkey, &task)?));
        Ok(Self { search, begun: AtomicBool::new(false) })
    }

    /// Goes on with another challenge; false when the search is over, or about to be.
    #[napi(catch_unwind)]
    pub fn replace(&self, block_hash: &[u8], hotkey: &[u8], task: PowTask) -> Result<bool> {
        Ok(self.search.replace(challenge(block_hash, hotkey, &task)?))
    }
}

/// Runs a search, once, until a seal meets the difficulty: on `threads` threads (absent: one per core), thread i with
/// backend i modulo their number (none: the fastest).
#[napi(catch_unwind, ts_return_type = "Promise<PowAnswer>")]
pub fn pow_run<'env>(
    env: &'env Env,
    job: &Job,
    search: &PowSearch,
    backends: Vec<String>,
    threads: Option<u32>,
) -> Result<Object<'env>> {
    let mut crew = backends.into_iter().map(|name| backend(Some(name))).collect::<std::result::Result<Vec<_>, _>>()?;
    if crew.is_empty() {
        crew.push(pow::Backend::best());
    }
    if search.begun.swap(true, Ordering::Relaxed) {
        return Err(Failure::new("NATIVE_ARGUMENT", "a search runs once").into());
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.map_or(cores.min(pow::THREADS_MAX), |threads| threads as usize);
    let (shared, search) = (job.shared.clone(), Arc::clone(&search.search));
    promise(env, Lane::Own, move || {
        let control = pow::Control { cancelled: &shared.cancelled, hashes: &shared.done };
        let solution = search.run(&crew, threads, control)?;
        Ok(PowAnswer {
            nonce: solution.nonce.into(),
            seal: solution.seal.to_vec().into(),
            hashes: solution.hashes as f64,
            seconds: solution.seconds,
        })
    })
}
