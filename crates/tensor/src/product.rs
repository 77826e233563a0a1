//! Whole products of every dtype: checked, packed out of the caller's memory, multiplied on all threads. An element has
//! the same bits for any number of threads, since k is cut and summed alike wherever the element lies.
//!
//! Tolerances against binary64 (tested for every kernel, transposition and batch). The bound holds for any factors, S being
//! the sum of |a·b| of the element; random factors in [-1, 1) stay within 2⁻²³·(k + 1), about six standard deviations.
//!
//! | dtype | sums | bound on the error of an element | remarks |
//! |---|---|---|---|
//! | f32 | f32 | (k + 2)·2⁻²⁴·S | `Exact` too |
//! | f16 | f32 | (k + 2)·2⁻²⁴·S | of the product of the f16 numbers as they are |
//! | bf16 | f32 | (k + 2)·2⁻²⁴·S | likewise; the AVX-512 unit takes subnormal numbers (below 1.2·10⁻³⁸) for zero |
//! | int8 | i32 | 0 | k is at most 131,071, so no sum leaves i32 |
#![allow(unsafe_code)] // threads write their parts of one product through a pointer
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::blocks::{Panels, Target, multiply};
use crate::direct::Direct;
use crate::error::Error;
use crate::format::{BrainWide, Format, HalfWide, Number, Single};
use crate::matmul::{Into, Mode};
use crate::memory::Words;
use crate::pack::{Layout, corrections, pack};
use crate::portable;
use crate::results::room;
use crate::shape::Shape;
use crate::share::share;
use crate::tile::Kernel;
#[cfg(target_arch = "x86_64")]
use crate::{avx2, avx512};

/// Largest k of int8: (-128)²·131,071 < 2³¹.
pub const INT8_INNER_MAX: usize = 131_071;
/// Multiply-adds for which another thread is woken.
const WORK_PER_THREAD: u64 = 1 << 20;
/// Parts of a product for each thread, so that a late one does not hold up the others for long.
const PARTS: usize = 4;
/// Multiply-adds, and elements of all matrices, of a short product.
const SHORT_WORK_MAX: u64 = 1 << 27;
const SHORT_ELEMENTS_MAX: usize = 1 << 20;
/// Words of a piece that one thread packs at a time: 64 KiB.
const PIECE: usize = 1 << 14;
/// Words below which packing wakes nobody.
const PACK_ALONE: usize = 1 << 16;
/// Packing may take this many times the words that the factors have elements; tiny matrices are multiplied unpacked.
const PACKED_MAX: usize = 3;

/// Factors as the caller has them: f16 and bf16 by their bits.
#[derive(Clone, Copy)]
pub enum Factors<'a> {
    F32(&'a [f32], &'a [f32]),
    F16(&'a [u16], &'a [u16]),
    Bf16(&'a [u16], &'a [u16]),
    Int8(&'a [i8], &'a [i8]),
}

#[derive(Debug, PartialEq)]
pub enum Product {
    F32(Vec<f32>),
    I32(Vec<i32>),
}

/// What a running product shares with whoever waits for it.
pub struct Control<'a> {
    pub cancelled: &'a AtomicBool,
    /// Multiply-adds done, of `Shape::work`.
    pub done: &'a AtomicU64,
}

/// A product that may be computed, without the caller's memory.
pub(crate) trait Work: Send + Sync {
    /// Whether tiles do it.
    fn is_packed(&self) -> bool;
    fn run(&self, threads: usize, control: &Control) -> Result<Product, Error>;
}

type Prepare<T> = fn(Shape, &[T], &[T], usize) -> Box<dyn Work>;

/// One kernel for one dtype and mode, and what it needs.
struct Choice<T> {
    name: &'static str,
    works: fn() -> bool,
    prepare: Prepare<T>,
}

macro_rules! choices {
    ($stored:ty, $portable:ty, [$($name:literal needs [$($feature:tt),*] $kernel:ty),* $(,)?]) => {
        &[
            $(
                #[cfg(target_arch = "x86_64")]
                Choice {
                    name: $name,
                    works: || $(std::is_x86_feature_detected!($feature))&&*,
                    prepare: prepare::<$kernel>,
                },
            )*
            Choice { name: "portable", works: || true, prepare: prepare::<$portable> },
        ]
    };
}

const F32: &[Choice<f32>] = choices!(f32, portable::Fused<Single>, [
    "avx512" needs ["avx512f"] avx512::Fused<Single>,
    "avx2" needs ["avx2", "fma"] avx2::Fused<Single>,
]);
const F16: &[Choice<u16>] = choices!(u16, portable::Fused<HalfWide>, [
    "avx512" needs ["avx512f"] avx512::Fused<HalfWide>,
    "avx2" needs ["avx2", "fma"] avx2::Fused<HalfWide>,
]);
const BF16: &[Choice<u16>] = choices!(u16, portable::Fused<BrainWide>, [
    "avx512-bf16" needs ["avx512f", "avx512bf16"] avx512::Brain,
    "avx512" needs ["avx512f"] avx512::Fused<BrainWide>,
    "avx2" needs ["avx2", "fma"] avx2::Fused<BrainWide>,
]);
const INT8: &[Choice<i8>] = choices!(i8, portable::Short, [
    "avx512-vnni" needs ["avx512f", "avx512vnni"] avx512::Byte,
    "avx512" needs ["avx512f", "avx512bw"] avx512::Short,
    "avx2" needs ["avx2", "fma"] avx2::Short,
]);
const F32_EXACT: &[Choice<f32>] = choices!(f32, portable::Exact<Single>, [
    "avx512" needs ["avx512f"] avx512::Exact<Single>,
    "avx2" needs ["avx2", "fma"] avx2::Exact<Single>,
]);
const F16_EXACT: &[Choice<u16>] = choices!(u16, portable::Exact<HalfWide>, [
    "avx512" needs ["avx512f"] avx512::Exact<HalfWide>,
    "avx2" needs ["avx2", "fma"] avx2::Exact<HalfWide>,
]);
const BF16_EXACT: &[Choice<u16>] = choices!(u16, portable::Exact<BrainWide>, [
    "avx512" needs ["avx512f"] avx512::Exact<BrainWide>,
    "avx2" needs ["avx2", "fma"] avx2::Exact<BrainWide>,
]);

/// Kernels of this CPU for the dtype of `factors`, fastest first.
pub fn backends(factors: &Factors, mode: Mode) -> Vec<&'static str> {
    fn working<T>(choices: &[Choice<T>]) -> Vec<&'static str> {
        choices.iter().filter(|choice| (choice.works)()).map(|choice| choice.name).collect()
    }
    match (factors, mode) {
        (Factors::F32(..), Mode::Fast) => working(F32),
        (Factors::F32(..), Mode::Exact) => working(F32_EXACT),
        (Factors::F16(..), Mode::Fast) => working(F16),
        (Factors::F16(..), Mode::Exact) => working(F16_EXACT),
        (Factors::Bf16(..), Mode::Fast) => working(BF16),
        (Factors::Bf16(..), Mode::Exact) => working(BF16_EXACT),
        (Factors::Int8(..), _) => working(INT8),
    }
}

/// A product whose factors were copied; dropping it frees them.
pub struct Prepared {
    shape: Shape,
    threads: usize,
    work: Option<Box<dyn Work>>,
    whole: bool,
}

impl Prepared {
    /// Checks the shape, then packs the factors for the fastest kernel of this CPU, on up to `threads` threads.
    pub fn new(shape: Shape, factors: &Factors, mode: Mode, threads: usize) -> Result<Self, Error> {
        Self::on(None, shape, factors, mode, threads)
    }

    /// `new` for the kernel of that name, one of `backends`; another is refused.
    pub fn on(
        backend: Option<&str>,
        shape: Shape,
        factors: &Factors,
        mode: Mode,
        threads: usize,
    ) -> Result<Self, Error> {
        let work = match (*factors, mode) {
            (Factors::F32(a, b), Mode::Fast) => choose(backend, F32, (shape, threads), a, b),
            (Factors::F32(a, b), Mode::Exact) => choose(backend, F32_EXACT, (shape, threads), a, b),
            (Factors::F16(a, b), Mode::Fast) => choose(backend, F16, (shape, threads), a, b),
            (Factors::F16(a, b), Mode::Exact) => choose(backend, F16_EXACT, (shape, threads), a, b),
            (Factors::Bf16(a, b), Mode::Fast) => choose(backend, BF16, (shape, threads), a, b),
            (Factors::Bf16(a, b), Mode::Exact) => choose(backend, BF16_EXACT, (shape, threads), a, b),
            (Factors::Int8(..), _) if shape.k > INT8_INNER_MAX => {
                Err(Error::Shape(format!("sums of int8 over more than {INT8_INNER_MAX} could leave 32 bits")))
            }
            (Factors::Int8(a, b), _) => choose(backend, INT8, (shape, threads), a, b),
        }?;
        Ok(Self { shape, threads, work, whole: matches!(factors, Factors::Int8(..)) })
    }

    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Whether `run` takes a few milliseconds at most, on one thread of any CPU: less than handing it over may cost.
    pub fn is_short(&self) -> bool {
        let Shape { batch, m, k, n, .. } = self.shape;
        let packed = self.work.as_ref().is_none_or(|work| work.is_packed());
        let most = if packed { SHORT_WORK_MAX } else { SHORT_WORK_MAX / 32 };
        self.shape.work() <= most && batch * (m * k + k * n + m * n) <= SHORT_ELEMENTS_MAX
    }

    /// Multiplies on as many threads as it was packed on at most: the caller's, and those of the current rayon pool.
    pub fn run(&self, control: &Control) -> Result<Product, Error> {
        let product = match &self.work {
            Some(work) => work.run(self.threads, control)?,
            None if self.whole => Product::I32(vec![0; self.shape.batch * self.shape.m * self.shape.n]),
            None => Product::F32(vec![0.0; self.shape.batch * self.shape.m * self.shape.n]),
        };
        if control.cancelled.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        control.done.store(self.shape.work(), Ordering::Relaxed);
        Ok(product)
    }
}

/// Checks, and prepares where there is anything to multiply.
fn choose<T>(
    backend: Option<&str>,
    choices: &[Choice<T>],
    (shape, threads): (Shape, usize),
    a: &[T],
    b: &[T],
) -> Result<Option<Box<dyn Work>>, Error> {
    shape.check(a.len(), b.len())?;
    let mut working = choices.iter().filter(|choice| (choice.works)());
    let choice = working.find(|choice| backend.is_none_or(|name| name == choice.name));
    let choice = choice.ok_or_else(|| Error::Device(format!("no kernel {} here", backend.unwrap_or_default())))?;
    Ok((shape.work() > 0).then(|| (choice.prepare)(shape, a, b, threads)))
}

fn prepare<K: Kernel>(
    shape: Shape,
    a: &[<K::Left as Format>::Stored],
    b: &[<K::Left as Format>::Stored],
    threads: usize,
) -> Box<dyn Work> {
    let words = shape.k.div_ceil(<K::Left as Format>::GROUP);
    let left = Layout { lines: shape.m, words, full: K::ROWS, step: K::ROWS / 3 };
    let right = Layout { lines: shape.n, words, full: 2 * K::LANES, step: K::LANES };
    if (left.size() + right.size()) * shape.batch > PACKED_MAX * (a.len() + b.len()) {
        return Box::new(Direct::<K>::new(shape, a, b));
    }
    let (mut left_words, mut right_words) =
        (Words::new(left.size() * shape.batch), Words::new(right.size() * shape.batch));
    let mut starts = Vec::new();
    if K::RAISED {
        for index in 0..shape.batch {
            starts.extend(corrections::<K::Left>(shape.left(a, index)));
        }
    }
    let threads = if left_words.len() + right_words.len() < PACK_ALONE { 1 } else { threads };
    let lefts = pieces(&mut left_words, left);
    let rights = pieces(&mut right_words, right);
    share(lefts.len() + rights.len(), threads, &|task| {
        // Each piece is locked once, by the thread that packs it.
        if let Some(piece) = lefts.get(task) {
            let mut out = piece.out.lock().unwrap_or_else(PoisonError::into_inner);
            pack::<K::Left>(shape.left(a, piece.index), left, K::ORDER, piece.panel, &mut out);
        } else if let Some(piece) = rights.get(task - lefts.len()) {
            let mut out = piece.out.lock().unwrap_or_else(PoisonError::into_inner);
            pack::<K::Right>(shape.right(b, piece.index).t(), right, K::ORDER, piece.panel, &mut out);
        }
    });
    drop((lefts, rights));
    Box::new(Packed::<K> { shape, left, right, left_words, right_words, starts, kernel: std::marker::PhantomData })
}

/// Some panels of one matrix of the batch, to be packed.
struct Piece<'a> {
    index: usize,
    panel: usize,
    out: Mutex<&'a mut [u32]>,
}

fn pieces(words: &mut [u32], layout: Layout) -> Vec<Piece<'_>> {
    let panel = layout.full * layout.words;
    let panels = (PIECE / panel).max(1);
    let matrices = words.chunks_mut(layout.size()).enumerate();
    let pieces = matrices.flat_map(|(index, matrix)| {
        let pieces = matrix.chunks_mut(panels * panel).enumerate();
        pieces.map(move |(piece, out)| Piece { index, panel: piece * panels, out: Mutex::new(out) })
    });
    pieces.collect()
}

/// Packed factors of all products of the batch.
struct Packed<K: Kernel> {
    shape: Shape,
    left: Layout,
    right: Layout,
    left_words: Words,
    right_words: Words,
    /// What the sums of each row begin with; empty for zero.
    starts: Vec<K::Sum>,
    kernel: std::marker::PhantomData<K>,
}

/// How many pieces the panels of rows and of columns are cut into.
fn grid(left: Layout, right: Layout, wanted: usize) -> (usize, usize) {
    let (mut rows, mut columns) = (1, 1);
    while rows * columns < wanted {
        let (high, wide) = (left.lines / rows, right.lines / columns);
        if wide >= high && wide >= 2 * right.full {
            columns *= 2;
        } else if high >= 2 * left.full {
            rows *= 2;
        } else {
            break;
        }
    }
    (rows, columns)
}

impl<K: Kernel> Work for Packed<K> {
    fn is_packed(&self) -> bool {
        true
    }

    fn run(&self, threads: usize, control: &Control) -> Result<Product, Error> {
        let Self { shape, left, right, .. } = self;
        let threads = threads.min(usize::try_from(shape.work() / WORK_PER_THREAD).unwrap_or(usize::MAX)).max(1);
        let wanted = if threads == 1 { 1 } else { (threads * PARTS).div_ceil(shape.batch) };
        let (rows, columns) = grid(*left, *right, wanted);
        let length = shape.batch * shape.m * shape.n;
        let mut c = room::<K::Sum>(length);
        let target = Target { c: c.as_mut_ptr(), stride: shape.n };
        let tasks = shape.batch * rows * columns;
        let task = |task: usize| {
            if control.cancelled.load(Ordering::Relaxed) {
                return;
            }
            let (index, part) = (task / (rows * columns), task % (rows * columns));
            let (row, column) = (part / columns, part % columns);
            let cut =
                |panels: usize, pieces: usize, piece: usize| panels * piece / pieces..panels * (piece + 1) / pieces;
            let parts = (cut(left.panels(), rows, row), cut(right.panels(), columns, column));
            let factors = (
                Panels { words: &self.left_words[index * left.size()..][..left.size()], layout: *left },
                Panels { words: &self.right_words[index * right.size()..][..right.size()], layout: *right },
            );
            let starts = self.starts.get(index * shape.m..(index + 1) * shape.m).unwrap_or_default();
            let go_on = |done: usize| {
                control.done.fetch_add((done * <K::Left as Format>::GROUP) as u64, Ordering::Relaxed);
                !control.cancelled.load(Ordering::Relaxed)
            };
            let here = Target { c: target.at(index * shape.m * shape.n), ..target };
            // SAFETY: `prepare` is only called for units that are there; each task is taken by one thread, and the
            // panels of different tasks stand for different elements of C, which has room for all of them. The first
            // pass over k writes, so nothing is read before.
            unsafe { multiply::<K>(factors, parts, starts, here, Into::Replace, go_on) };
        };
        share(tasks, threads, &task);
        if control.cancelled.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        // SAFETY: nothing was cancelled, so every task was done, and together they wrote every element.
        unsafe { c.set_len(length) };
        Ok(K::Sum::product(c))
    }
}

#[cfg(test)]
mod tests;
