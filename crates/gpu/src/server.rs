//! The loop of the program: frames in, answers out. The reading thread answers `hello` and `ping` itself and never waits
//! for a device; one thread lists the devices and hands jobs on, and each device has a thread of its own.
use std::any::Any;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use expert::model::Report;
use serde_json::{Value, json};

use crate::device::{Device, Listing, Open};
use crate::error::Error;
use crate::frame;
use crate::request::{Decimal, Job, Op, Request};
use crate::train::Trained;
use crate::watch::Watch;

/// Version of the frames and ops, told by `hello`.
pub const VERSION: u32 = 1;
/// Requests that may wait or run at once.
const FLIGHTS_MAX: usize = 256;
/// Bytes of payload that those may hold together.
const FLIGHT_BYTES_MAX: usize = 2 << 30;

struct Flight {
    /// Shared with its task, and what tells it from a later one of the same id.
    cancelled: Arc<AtomicBool>,
    bytes: usize,
    /// Until the device begins.
    payload: Vec<u8>,
    begun: bool,
}

/// Where answers go, and what is still to be answered.
struct Desk {
    out: Mutex<Box<dyn Write + Send>>,
    flights: Mutex<HashMap<u32, Flight>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Answer = Result<(Value, Vec<u8>), Error>;

impl Desk {
    /// A stream that takes no more belongs to somebody who is gone: the end of the input will say so too.
    fn send(&self, header: &Value, payload: &[u8]) {
        let _ = frame::write(&mut *lock(&self.out), header.to_string().as_bytes(), payload);
    }

    fn begin(&self, id: u32, bytes: usize) -> Result<Arc<AtomicBool>, Error> {
        let mut flights = lock(&self.flights);
        if flights.contains_key(&id) {
            return Err(Error::Frame(format!("the id {id} is in use")));
        }
        let held: usize = flights.values().map(|flight| flight.bytes).sum();
        if flights.len() >= FLIGHTS_MAX || held + bytes > FLIGHT_BYTES_MAX {
            return Err(Error::Busy(format!("{} requests with {held} bytes", flights.len())));
        }
        let cancelled = Arc::new(AtomicBool::new(false));
        flights.insert(id, Flight { cancelled: cancelled.clone(), bytes, payload: Vec::new(), begun: false });
        Ok(cancelled)
    }

    fn fill(&self, id: u32, payload: Vec<u8>) {
        if let Some(flight) = lock(&self.flights).get_mut(&id) {
            flight.payload = payload;
        }
    }

    /// The payload of a task whose turn has come; none where it was cancelled, and answered, before.
    fn start(&self, task: &Task) -> Option<Vec<u8>> {
        let mut flights = lock(&self.flights);
        let same = |flight: &&mut Flight| Arc::ptr_eq(&flight.cancelled, &task.cancelled);
        let flight = flights.get_mut(&task.id).filter(same)?;
        flight.begun = true;
        Some(std::mem::take(&mut flight.payload))
    }

    /// What still waits is answered at once: its turn may be far away. What a device has begun answers when it stops.
    fn cancel(&self, id: u32) {
        let mut flights = lock(&self.flights);
        let Some(flight) = flights.get(&id) else { return };
        flight.cancelled.store(true, Ordering::Relaxed);
        if !flight.begun {
            flights.remove(&id);
            drop(flights);
            self.refuse(id, &Error::Cancelled);
        }
    }

    fn finish(&self, id: u32, answer: Answer) {
        if lock(&self.flights).remove(&id).is_none() {
            return;
        }
        match answer {
            Ok((value, payload)) => self.send(&json!({ "id": id, "ok": value }), &payload),
            Err(error) => self.refuse(id, &error),
        }
    }

    fn refuse(&self, id: u32, error: &Error) {
        let text: String = error.to_string().chars().take(2_000).collect();
        self.send(&json!({ "id": id, "error": { "code": error.code(), "text": text } }), &[]);
    }
}

/// One job on its way to a device.
struct Task {
    id: u32,
    job: Job,
    cancelled: Arc<AtomicBool>,
}

enum Order {
    List(u32),
    Work { device: String, task: Task },
}

/// Serves until the input ends. `list` finds the devices; it is called once, when one is first asked for.
///
/// # Errors
/// `Frame` where the input is broken, `Internal` where no thread can be had.
pub fn serve(
    input: &mut impl Read,
    out: Box<dyn Write + Send>,
    list: impl FnOnce() -> Vec<Listing> + Send + 'static,
) -> Result<(), Error> {
    let desk = Arc::new(Desk { out: Mutex::new(out), flights: Mutex::default() });
    let (orders, incoming) = channel();
    let clerk = desk.clone();
    spawn("devices", move || dispatch(&clerk, &incoming, list))?;
    while let Some(head) = frame::read_head(input)? {
        let request = match Request::decode(&head.header, head.payload) {
            Ok(request) => request,
            Err((0, error)) => return Err(Error::Frame(error.to_string())),
            Err((id, error)) => {
                frame::skip_payload(input, head.payload)?;
                desk.refuse(id, &error);
                continue;
            }
        };
        take(&desk, &orders, input, head.payload, request)?;
    }
    Ok(())
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map(drop).map_err(|error| Error::Internal(format!("no thread: {error}")))
}

fn take(
    desk: &Desk,
    orders: &Sender<Order>,
    input: &mut impl Read,
    size: usize,
    Request { id, op }: Request,
) -> Result<(), Error> {
    let order = match op {
        Op::Hello => {
            desk.send(&json!({ "id": id, "ok": { "version": VERSION, "pid": std::process::id() } }), &[]);
            return Ok(());
        }
        Op::Ping => {
            desk.send(&json!({ "id": id, "ok": {} }), &[]);
            return Ok(());
        }
        Op::Cancel(other) => {
            desk.cancel(other);
            return Ok(());
        }
        Op::Devices => desk.begin(id, 0).map(|_| Order::List(id)),
        Op::Work { device, job } => match desk.begin(id, size) {
            Err(error) => Err(error),
            Ok(cancelled) => match frame::read_payload(input, size) {
                Ok(payload) => {
                    desk.fill(id, payload);
                    Ok(Order::Work { device, task: Task { id, job, cancelled } })
                }
                Err(error) => {
                    if matches!(error, Error::Frame(_)) {
                        return Err(error);
                    }
                    desk.finish(id, Err(error));
                    return Ok(());
                }
            },
        },
    };
    match order {
        Err(error @ Error::Frame(_)) => Err(error),
        Err(error) => {
            frame::skip_payload(input, size)?;
            desk.refuse(id, &error);
            Ok(())
        }
        Ok(order) => orders.send(order).map_err(|_| Error::Internal(String::from("the thread of the devices ended"))),
    }
}

/// A device and the thread that works on it, once it was asked for.
struct Desked {
    listing: Listing,
    jobs: Option<Sender<Task>>,
}

fn dispatch(desk: &Arc<Desk>, orders: &Receiver<Order>, list: impl FnOnce() -> Vec<Listing>) {
    let mut list = Some(list);
    let mut devices: Vec<Desked> = Vec::new();
    for order in orders {
        if let Some(list) = list.take() {
            // A driver that panics while it is looked for leaves no device, not a program without this thread.
            let found = catch_unwind(AssertUnwindSafe(list)).unwrap_or_default();
            devices = found.into_iter().map(|listing| Desked { listing, jobs: None }).collect();
        }
        match order {
            Order::List(id) => {
                let infos: Vec<_> = devices.iter().map(|device| &device.listing.info).collect();
                desk.finish(id, Ok((json!({ "devices": infos }), Vec::new())));
            }
            Order::Work { device, task } => {
                let id = task.id;
                if let Err(error) = hand(desk, &mut devices, &device, task) {
                    desk.finish(id, Err(error));
                }
            }
        }
    }
}

fn hand(desk: &Arc<Desk>, devices: &mut [Desked], name: &str, task: Task) -> Result<(), Error> {
    let found = devices.iter_mut().find(|device| device.listing.info.id == name);
    let device = found.ok_or_else(|| Error::DeviceUnknown(name.to_owned()))?;
    if device.jobs.is_none() {
        let reason = || Error::DeviceUnusable(device.listing.info.reason.clone().unwrap_or_default());
        let open = device.listing.open.take().ok_or_else(reason)?;
        let (jobs, incoming) = channel();
        let clerk = desk.clone();
        spawn(name, move || work(&clerk, &incoming, &open))?;
        device.jobs = Some(jobs);
    }
    let gone = || Error::Internal(String::from("the thread of the device ended"));
    device.jobs.as_ref().ok_or_else(gone)?.send(task).map_err(|_| gone())
}

fn work(desk: &Arc<Desk>, tasks: &Receiver<Task>, open: &Open) {
    let mut device = None;
    for task in tasks {
        let Some(payload) = desk.start(&task) else { continue };
        let answer = catch_unwind(AssertUnwindSafe(|| perform(desk, &mut device, open, (&task, &payload))));
        let answer = answer.unwrap_or_else(|panic| Err(Error::Internal(text_of(panic.as_ref()))));
        if matches!(answer, Err(Error::DeviceLost(_) | Error::Internal(_) | Error::Wrong(_))) {
            // Opened anew for the next job. What is left of it may fail to go as well; then it stays.
            let _ = catch_unwind(AssertUnwindSafe(|| device = None));
        }
        desk.finish(task.id, answer);
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| String::from("a panic"))
}

fn perform(
    desk: &Arc<Desk>,
    device: &mut Option<Box<dyn Device>>,
    open: &Open,
    (task, payload): (&Task, &[u8]),
) -> Answer {
    let (clerk, id) = (desk.clone(), task.id);
    let report = move |done: u64, total: u64| {
        clerk.send(&json!({ "id": id, "progress": { "done": done, "total": total } }), &[]);
    };
    let watch = Watch::new(task.cancelled.clone(), Box::new(report));
    watch.step(0, 0)?;
    let device = match device {
        Some(device) => device,
        None => device.insert(open()?),
    };
    match &task.job {
        Job::Search(search) => {
            let found = device.search(search, &watch)?;
            Ok((json!({ "nonce": found.nonce.map(Decimal), "hashes": Decimal(found.hashes) }), Vec::new()))
        }
        Job::Heads(heads) => {
            let payload = device.heads(heads, &watch)?.iter().flat_map(|head| head.to_le_bytes()).collect();
            Ok((json!({}), payload))
        }
        Job::Matmul(shape) => {
            let (a, _, _) = shape.sizes()?;
            let (a, b) = payload.split_at_checked(a).unwrap_or_default();
            let product = device.matmul(shape, a, b, &watch)?;
            Ok((json!({ "seconds": watch.busy_seconds() }), product))
        }
        Job::Train(training) => {
            let (checkpoint, text) = payload.split_at_checked(training.checkpoint).unwrap_or_default();
            let Trained { report, checkpoint } = device.train(&training.job, checkpoint, text, &watch)?;
            let Report { steps, bytes, loss, seconds } = report;
            Ok((json!({ "steps": steps, "bytes": bytes, "loss": loss, "seconds": seconds }), checkpoint))
        }
    }
}
