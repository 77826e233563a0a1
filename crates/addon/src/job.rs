//! Long native work: a small bounded pool with two lanes, a handle that JavaScript can cancel and read progress
//! from, and a promise for the result. Training goes in the low lane, so that it yields to claims and users.
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread;

use napi::bindgen_prelude::{Env, Object, Result, ToNapiValue};
use napi_derive::napi;

use crate::failure::Failure;

/// Jobs that may wait; one more is refused, so that a flood cannot grow memory.
const WAITING_MAX: usize = 4_096;

/// Jobs that may run on a thread of their own at once; each may start as many threads as there are cores.
const OWN_MAX: usize = 64;

/// Which queue a job waits in. `Low` work starts only when nothing waits in `High`, and never takes the last thread.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(dead_code)] // the lanes are one set, whether or not a crate uses each of them today
pub enum Lane {
    High,
    Low,
    /// A thread of its own: for work that itself uses all cores for long (a proof-of-work search).
    Own,
}

/// What a running job and JavaScript share.
#[derive(Default)]
pub struct Shared {
    pub cancelled: AtomicBool,
    pub done: AtomicU64,
    pub total: AtomicU64,
}

/// The handle of one long job: pass it to an async export, then cancel it or read its progress.
#[napi]
pub struct Job {
    pub(crate) shared: Arc<Shared>,
}

#[napi]
impl Job {
    #[napi(constructor, catch_unwind)]
    #[allow(clippy::new_without_default)] // napi needs the constructor itself
    pub fn new() -> Self {
        Self { shared: Arc::default() }
    }

    /// Asks the work to stop; its promise then rejects with `NATIVE_CANCELLED`.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::Relaxed);
    }

    /// Units done so far (hashes, steps, ...).
    #[napi(getter, catch_unwind)]
    pub fn done(&self) -> f64 {
        self.shared.done.load(Ordering::Relaxed) as f64
    }

    /// Units in all; 0 while unknown.
    #[napi(getter, catch_unwind)]
    pub fn total(&self) -> f64 {
        self.shared.total.load(Ordering::Relaxed) as f64
    }
}

/// A handle goes when nobody waits for its work any more: with the JavaScript thread that held it, for example. `long` in
/// `src/native/errors.ts` keeps it until the promise is settled.
impl Drop for Job {
    fn drop(&mut self) {
        self.shared.cancelled.store(true, Ordering::Relaxed);
    }
}

type Work = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Queues {
    high: VecDeque<Work>,
    low: VecDeque<Work>,
    low_running: usize,
}

struct Pool {
    queues: Mutex<Queues>,
    ready: Condvar,
    /// Threads that could be had.
    threads: AtomicUsize,
    own_running: AtomicUsize,
}

impl Pool {
    fn next(&self) -> (Work, bool) {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(work) = queues.high.pop_front() {
                return (work, false);
            }
            if queues.low_running + 1 < self.threads.load(Ordering::Relaxed)
                && let Some(work) = queues.low.pop_front()
            {
                queues.low_running += 1;
                return (work, true);
            }
            queues = self.ready.wait(queues).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn run(&self) -> ! {
        loop {
            let (work, low) = self.next();
            work();
            if low {
                self.queues.lock().unwrap_or_else(PoisonError::into_inner).low_running -= 1;
                self.ready.notify_one();
            }
        }
    }
}

fn pool() -> &'static Pool {
    static POOL: OnceLock<&'static Pool> = OnceLock::new();
    POOL.get_or_init(|| {
        // Two at least, so that low work has one thread and high work finds another.
        let threads = thread::available_parallelism().map_or(2, usize::from).max(2);
        let pool: &'static Pool = Box::leak(Box::new(Pool {
            queues: Mutex::default(),
            ready: Condvar::new(),
            threads: AtomicUsize::new(0),
            own_running: AtomicUsize::new(0),
        }));
        for index in 0..threads {
            if thread::Builder::new().name(format!("taumesh-{index}")).spawn(|| pool.run()).is_ok() {
                pool.threads.fetch_add(1, Ordering::Relaxed);
            }
        }
        pool
    })
}

fn busy(text: String) -> Failure {
    Failure::new("NATIVE_BUSY", text)
}

fn submit(lane: Lane, work: Work) -> std::result::Result<(), Failure> {
    let pool = pool();
    if lane == Lane::Own {
        return submit_own(pool, work);
    }
    if pool.threads.load(Ordering::Relaxed) == 0 {
        return Err(busy("no thread to be had".into()));
    }
    let mut queues = pool.queues.lock().unwrap_or_else(PoisonError::into_inner);
    let queue = if lane == Lane::High { &mut queues.high } else { &mut queues.low };
    if queue.len() >= WAITING_MAX {
        return Err(busy(format!("{WAITING_MAX} native jobs are waiting already")));
    }
    queue.push_back(work);
    pool.ready.notify_one();
    Ok(())
}

fn submit_own(pool: &'static Pool, work: Work) -> std::result::Result<(), Failure> {
    if pool.own_running.fetch_add(1, Ordering::Relaxed) >= OWN_MAX {
        pool.own_running.fetch_sub(1, Ordering::Relaxed);
        return Err(busy(format!("{OWN_MAX} long native jobs are running already")));
    }
    let run = move || {
        work();
        pool.own_running.fetch_sub(1, Ordering::Relaxed);
    };
    thread::Builder::new().name("taumesh-own".into()).spawn(run).map(drop).map_err(|error| {
        pool.own_running.fetch_sub(1, Ordering::Relaxed);
        busy(format!("no thread to be had: {error}"))
    })
}

/// Runs `work` off the JavaScript thread and gives its promise. A panic inside rejects with `NATIVE_PANIC`.
pub fn promise<T, F>(env: &Env, lane: Lane, work: F) -> Result<Object<'_>>
where
    T: ToNapiValue + Send + 'static,
    F: FnOnce() -> std::result::Result<T, Failure> + Send + 'static,
{
    let (deferred, object) = env.create_deferred::<T, Box<dyn FnOnce(Env) -> Result<T> + Send>>()?;
    submit(
        lane,
        Box::new(move || match catch_unwind(AssertUnwindSafe(work)) {
            Ok(Ok(value)) => deferred.resolve(Box::new(move |_| Ok(value))),
            Ok(Err(failure)) => deferred.reject(failure.into()),
            Err(payload) => deferred.reject(Failure::panic(payload).into()),
        }),
    )?;
    Ok(object)
}
