//! Threads that help with calls: those of the rayon pool. One that has helped looks around for the next call for a moment
//! before it leaves, since to wake a sleeping thread takes about as long as a short product.
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::share::Call;

/// How long a helper looks around: about what waking it would take.
const LINGER: Duration = Duration::from_micros(50);

/// Helpers that look around, and calls for them: never more than there are helpers, so that none is forgotten.
struct Around {
    helpers: usize,
    calls: VecDeque<Arc<Call>>,
}

static AROUND: Mutex<Around> = Mutex::new(Around { helpers: 0, calls: VecDeque::new() });
/// Calls there, to be looked at without the lock.
static CALLS: AtomicUsize = AtomicUsize::new(0);

fn around() -> MutexGuard<'static, Around> {
    AROUND.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has one more thread help with a call, as soon as there is one.
pub(crate) fn summon(call: &Arc<Call>) {
    let call = Arc::clone(call);
    let mut around = around();
    if around.calls.len() < around.helpers {
        around.calls.push_back(call);
        CALLS.store(around.calls.len(), Ordering::Relaxed);
        return;
    }
    drop(around);
    rayon::spawn(move || {
        call.help();
        drop(call);
        linger();
    });
}

fn linger() {
    around().helpers += 1;
    let mut since = Instant::now();
    loop {
        let over = since.elapsed() > LINGER;
        if CALLS.load(Ordering::Relaxed) == 0 && !over {
            std::hint::spin_loop();
            continue;
        }
        let mut here = around();
        if let Some(call) = here.calls.pop_front() {
            CALLS.store(here.calls.len(), Ordering::Relaxed);
            here.helpers -= 1;
            drop(here);
            call.help();
            drop(call);
            around().helpers += 1;
            since = Instant::now();
        } else if over {
            here.helpers -= 1;
            return;
        }
    }
}
