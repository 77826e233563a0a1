//! Cancellation counted in launches, not in time: how long a launch takes is the pace's business (`gpu::pace`), and how many
//! of them still come once a job is cancelled decides, with it, how long a device works for nobody.
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gpu::accelerator::Accelerator;
use gpu::device::Device;
use gpu::engine::{Engine, Family, Kernel, Product};
use gpu::error::Error;
use gpu::request::{HEADS_MAX, Heads, Search};
use gpu::shape::{Dtype, Shape};
use gpu::train::{Architecture, Job};
use gpu::watch::Watch;

use super::training::text;

/// Launches of a pass that stand between two looks at the watch, at most: a network's smallest kernels follow one another.
const UNWATCHED: u32 = 8;

/// What was launched since [`Count::begin`].
#[derive(Default)]
struct Count {
    cancelled: Arc<AtomicBool>,
    /// The launch that ends with the job cancelled.
    last: Cell<u32>,
    done: Cell<u32>,
}

impl Count {
    /// The watch of a job that is cancelled in the middle of its launch number `last`, counted from 1.
    fn begin(&self, last: u32) -> Watch {
        self.cancelled.store(false, Ordering::Relaxed);
        self.last.set(last);
        self.done.set(0);
        Watch::new(self.cancelled.clone(), Box::new(|_, _| ()))
    }

    /// Counts a launch; a job that never looks at its watch is ended here.
    fn launched(&self) -> Result<(), Error> {
        self.done.set(self.done.get() + 1);
        if self.done.get() == self.last.get() {
            self.cancelled.store(true, Ordering::Relaxed);
        }
        if self.done.get() > self.last.get().saturating_add(UNWATCHED) {
            return Err(Error::Internal(format!(
                "launch {} of a job cancelled in {}",
                self.done.get(),
                self.last.get()
            )));
        }
        Ok(())
    }

    /// Launches after the one in which the job was cancelled.
    fn after(&self) -> u32 {
        self.done.get() - self.last.get()
    }
}

/// An engine whose launches are counted.
struct Counted<E>(E, Rc<Count>);

impl<E: Engine> Engine for Counted<E> {
    type Buffer = E::Buffer;

    fn family(&self) -> Family {
        self.0.family()
    }

    fn width(&self) -> u32 {
        self.0.width()
    }

    fn buffer(&mut self, bytes: usize) -> Result<E::Buffer, Error> {
        self.0.buffer(bytes)
    }

    fn upload(&mut self, to: &E::Buffer, offset: usize, data: &[u8]) -> Result<(), Error> {
        self.0.upload(to, offset, data)
    }

    fn download(&mut self, from: &E::Buffer, offset: usize, out: &mut [u8]) -> Result<(), Error> {
        self.0.download(from, offset, out)
    }

    fn launch(
        &mut self,
        kernel: &'static Kernel,
        buffers: &[&E::Buffer],
        params: &[u32],
        groups: [u32; 3],
    ) -> Result<(), Error> {
        self.1.launched()?;
        self.0.launch(kernel, buffers, params, groups)
    }

    fn wait(&mut self) -> Result<(), Error> {
        self.0.wait()
    }

    fn library_product(&mut self, product: &Product<E::Buffer>, watch: &Watch) -> Result<bool, Error> {
        self.0.library_product(product, watch)
    }
}

fn counted<E: Engine>(engine: E, dtypes: &[Dtype]) -> (Accelerator<Counted<E>>, Rc<Count>) {
    // Nothing is cancelled while the device proves itself.
    let count = Rc::new(Count { last: Cell::new(u32::MAX), ..Count::default() });
    (Accelerator::new(Counted(engine, count.clone()), dtypes.to_vec()).unwrap(), count)
}

/// Searches, heads and products that are cancelled in the middle of a launch.
pub fn jobs<E: Engine>(id: &str, engine: E) {
    let (mut device, count) = counted(engine, &Dtype::ALL);
    for last in [1, 5] {
        let search = Search { inner: [9; 32], difficulty: u64::MAX, start: 0, count: u64::MAX };
        assert_eq!(device.search(&search, &count.begin(last)), Err(Error::Cancelled), "{id}");
        assert_eq!(count.after(), 0, "{id}: a search");
        let heads = Heads { inner: [9; 32], start: 0, count: HEADS_MAX };
        assert_eq!(device.heads(&heads, &count.begin(last)), Err(Error::Cancelled), "{id}");
        assert_eq!(count.after(), 0, "{id}: heads");
    }
    for dtype in Dtype::ALL {
        let shape = Shape { dtype, m: 65, k: 33, n: 129, batch: 1, transpose_a: false, transpose_b: false };
        let (a, b, _) = shape.sizes().unwrap();
        let product = device.matmul(&shape, &vec![0; a], &vec![0; b], &count.begin(1));
        assert_eq!(product, Err(Error::Cancelled), "{id}");
        assert_eq!(count.after(), 0, "{id}: a product of {}", dtype.name());
    }
}

/// A step of training that is cancelled in every third of its launches in turn, which is enough to meet any row of launches
/// without a look at the watch that is longer than [`UNWATCHED`] by more than three.
pub fn training<E: Engine>(id: &str, engine: E, architecture: Architecture) {
    let (mut device, count) = counted(engine, &[Dtype::F32]);
    let job = |steps| Job { architecture, seed: 1, steps, total_steps: 9, budget: Duration::from_mins(10) };
    device.train(&job(1), &[], &text(), &count.begin(u32::MAX)).unwrap();
    let launches = count.done.get();
    for last in (1..=launches).step_by(3) {
        let end = device.train(&job(2), &[], &text(), &count.begin(last)).err();
        assert_eq!(end, Some(Error::Cancelled), "{id} {architecture:?}: in launch {last} of {launches}");
    }
}
