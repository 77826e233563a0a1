//! A device that is none, for tests without any GPU: `TAUMESH_GPU_FAKE` describes it, and then it is the only one listed.
//! It computes on the CPU and can be told to misbehave at chosen calls (jobs, counted from 0):
//! `{"calls":[{"at":2,"do":"fail"},{"from":5,"do":"hang"}]}`; an empty object behaves well.
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use expert::model::{Model, Slice};
use serde::Deserialize;

use crate::device::{Device, DeviceInfo, Found, Listing, lack_of_memory};
use crate::error::Error;
use crate::host;
use crate::request::{Heads, Search};
use crate::shape::Shape;
use crate::train::{Job, Trained, whole_steps};
use crate::watch::Watch;

/// Nonces between two looks at the watch: 4 ms.
const SLICE: u64 = 1 << 12;

/// How it misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Do {
    /// Answers with a lost device.
    Fail,
    /// Answers that its memory is full.
    Memory,
    /// Answers, wrongly.
    Wrong,
    /// Never ends and cannot be cancelled; the program itself still answers.
    Hang,
    /// The whole program stops where it is.
    Freeze,
    /// The program ends with status 3.
    Exit,
    /// The program dies as in a crash of its driver.
    Abort,
    /// The thread panics.
    Panic,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    /// This call alone.
    at: Option<u64>,
    /// This call and all that follow.
    from: Option<u64>,
    r#do: Do,
}

/// The JSON of the environment variable.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Script {
    name: String,
    memory_bytes: Option<u64>,
    /// What others have left of its memory; all of it where this is absent.
    free_bytes: Option<u64>,
    /// Makes it unusable.
    reason: Option<String>,
    calls: Vec<Call>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            name: String::from("Fake device"),
            memory_bytes: Some(1 << 30),
            free_bytes: None,
            reason: None,
            calls: Vec::new(),
        }
    }
}

impl Script {
    /// # Errors
    /// `Request` for anything but the JSON described above.
    pub fn parse(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|error| Error::Request(format!("TAUMESH_GPU_FAKE: {error}")))
    }

    pub fn listing(self) -> Listing {
        let lack = || lack_of_memory(self.free_bytes?, self.memory_bytes.unwrap_or_default());
        let reason = self.reason.clone().or_else(lack);
        let info = DeviceInfo {
            id: String::from("fake:0"),
            backend: "fake",
            name: self.name.clone(),
            memory_bytes: self.memory_bytes,
            driver: Some(String::from("none")),
            features: ["seal", "f32", "f16", "bf16", "int8"].map(String::from).to_vec(),
            usable: reason.is_none(),
            reason,
        };
        let usable = info.usable;
        // The count of calls outlives a device that is opened again.
        let calls = std::sync::Arc::new(AtomicU64::new(0));
        let open = move || -> Result<Box<dyn Device>, Error> {
            Ok(Box::new(Fake { script: self.clone(), calls: calls.clone() }))
        };
        Listing { info, open: usable.then(|| Box::new(open) as _) }
    }
}

struct Fake {
    script: Script,
    calls: std::sync::Arc<AtomicU64>,
}

impl Fake {
    /// Counts a call and misbehaves; true when its answer shall be wrong.
    fn call(&self) -> Result<bool, Error> {
        let index = self.calls.fetch_add(1, Ordering::Relaxed);
        let due = |call: &&Call| call.at == Some(index) || call.from.is_some_and(|from| index >= from);
        match self.script.calls.iter().find(due).map(|call| call.r#do) {
            None => Ok(false),
            Some(Do::Wrong) => Ok(true),
            Some(Do::Fail) => Err(Error::DeviceLost(String::from("as it was told"))),
            Some(Do::Memory) => Err(Error::Memory(String::from("as it was told"))),
            Some(Do::Hang) => loop {
                thread::park();
            },
            Some(Do::Freeze) => {
                freeze();
                Ok(false)
            }
            Some(Do::Exit) => std::process::exit(3),
            Some(Do::Abort) => std::process::abort(),
            Some(Do::Panic) => std::panic::resume_unwind(Box::new("as it was told")),
        }
    }
}

#[cfg(unix)]
#[allow(unsafe_code)]
fn freeze() {
    // SAFETY: a signal to this process, with no memory involved.
    unsafe { libc::raise(libc::SIGSTOP) };
}

#[cfg(not(unix))]
fn freeze() {
    std::process::abort();
}

impl Device for Fake {
    fn search(&mut self, search: &Search, watch: &Watch) -> Result<Found, Error> {
        let wrong = self.call()?;
        for at in 0..search.count {
            if at % SLICE == 0 {
                watch.step(at, search.count)?;
            }
            let nonce = search.start.wrapping_add(at);
            if pow::meets(&pow::seal(&search.inner, nonce), search.difficulty) {
                return Ok(Found { nonce: Some(nonce.wrapping_add(u64::from(wrong))), hashes: at + 1 });
            }
        }
        Ok(Found { nonce: wrong.then_some(search.start), hashes: search.count })
    }

    fn heads(&mut self, heads: &Heads, watch: &Watch) -> Result<Vec<u64>, Error> {
        let wrong = self.call()?;
        let mut out = Vec::with_capacity(heads.count as usize);
        for at in 0..heads.count {
            if at % SLICE == 0 {
                watch.step(at, heads.count)?;
            }
            out.push(host::head(&heads.inner, heads.start.wrapping_add(at)) ^ u64::from(wrong));
        }
        Ok(out)
    }

    fn matmul(&mut self, shape: &Shape, a: &[u8], b: &[u8], watch: &Watch) -> Result<Vec<u8>, Error> {
        let wrong = self.call()?;
        let mut out = host::matmul(shape, a, b, watch)?;
        if let (true, Some(byte)) = (wrong, out.get_mut(3)) {
            *byte ^= 0x41;
        }
        Ok(out)
    }

    fn train(&mut self, job: &Job, checkpoint: &[u8], text: &[u8], watch: &Watch) -> Result<Trained, Error> {
        let wrong = self.call()?;
        let refused = |error: expert::error::Error| match error {
            expert::error::Error::Cancelled => Error::Cancelled,
            error => Error::Request(error.to_string()),
        };
        let model = Model::new(job.architecture.into(), job.seed).map_err(refused)?;
        if !checkpoint.is_empty() {
            model.load(checkpoint).map_err(refused)?;
        }
        model.set_text(text).map_err(refused)?;
        let slice = Slice { steps: job.steps, budget: job.budget, total_steps: job.total_steps };
        let (bridge, sizes) = (Bridge::default(), (text.len(), job.architecture.context()));
        let report = thread::scope(|scope| {
            let training = scope.spawn(|| whole_steps(&model, &slice, sizes, &bridge));
            while !training.is_finished() {
                thread::park_timeout(LOOK);
                if watch.step(bridge.done.load(Ordering::Relaxed), job.steps).is_err() {
                    bridge.cancelled.store(true, Ordering::Relaxed);
                }
            }
            training.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        let report = report.map_err(refused)?;
        let mut checkpoint = model.save(false).map_err(refused)?;
        if wrong {
            spoil(&mut checkpoint);
        }
        Ok(Trained { report, checkpoint })
    }
}

/// Between two looks whether the training has ended.
const LOOK: Duration = Duration::from_millis(2);

/// The watch of a job for the thread that trains.
#[derive(Default)]
struct Bridge {
    cancelled: AtomicBool,
    done: AtomicU64,
}

impl expert::watch::Watch for Bridge {
    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    fn progress(&self, done: u64, _: u64) {
        self.done.store(done, Ordering::Relaxed);
    }
}

/// Makes one weight another: the numbers begin behind the header and its length, and the first are weights.
fn spoil(checkpoint: &mut [u8]) {
    let header = checkpoint.first_chunk::<8>().map_or(0, |length| u64::from_le_bytes(*length));
    let numbers = usize::try_from(header).ok().and_then(|header| checkpoint.get_mut(header.saturating_add(8)..));
    if let Some(first) = numbers.and_then(|numbers| numbers.first_chunk_mut::<4>()) {
        *first = (f32::from_le_bytes(*first) + 1.0).to_le_bytes();
    }
}
