//! What a running job shares with the other side: the wish to end it, and how far it is.
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::Error;

/// Progress is told about ten times a second.
const INTERVAL: Duration = Duration::from_millis(100);

type Report = Box<dyn Fn(u64, u64)>;

pub struct Watch {
    cancelled: Arc<AtomicBool>,
    report: Report,
    last: Cell<Instant>,
    busy: Cell<Duration>,
}

impl Watch {
    /// `report` gets units done and in all.
    pub fn new(cancelled: Arc<AtomicBool>, report: Report) -> Self {
        Self { cancelled, report, last: Cell::new(Instant::now()), busy: Cell::default() }
    }

    /// One that nobody listens to.
    pub fn idle() -> Self {
        Self::new(Arc::default(), Box::new(|_, _| ()))
    }

    /// Time that the device itself worked: without copies to and from it.
    pub fn worked(&self, time: Duration) {
        self.busy.set(self.busy.get() + time);
    }

    /// What `worked` was told, in seconds.
    pub fn busy_seconds(&self) -> f64 {
        self.busy.get().as_secs_f64()
    }

    /// To be called between pieces of work of 20 ms or less.
    ///
    /// # Errors
    /// `Cancelled` once the work is no longer wanted.
    pub fn step(&self, done: u64, total: u64) -> Result<(), Error> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        if self.last.get().elapsed() >= INTERVAL {
            self.last.set(Instant::now());
            (self.report)(done, total);
        }
        Ok(())
    }
}
