//! Whole products of every dtype: checked, then multiplied on all threads while the caller waits. An element has the same bits for any number of threads, since k is cut and summed alike wherever the
//! element lies.
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
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::direct;
use crate::error::Error;
use crate::format::{BrainWide, Format, HalfWide, Single};
use crate::mode::Mode;
use crate::plan::Plan;
use crate::portable;
use crate::shape::Shape;
use crate::tile::Kernel;
use crate::tiled;
#[cfg(target_arch = "x86_64")]
use crate::{avx2, avx512};

/// Largest k of int8: (-128)²·131,071 < 2³¹.
pub const INT8_INNER_MAX: usize = 131_071;
/// Multiply-adds, and elements of all matrices, of a short product.
const SHORT_WORK_MAX: u64 = 1 << 27;
const SHORT_ELEMENTS_MAX: usize = 1 << 20;
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

/// A product to be computed out of the caller's memory.
trait Task {
    /// Whether tiles do it.
    fn is_tiled(&self) -> bool;
    fn run(&self, threads: usize, control: &Control) -> Result<Product, Error>;
}

type Give<T> = for<'a> fn(Shape, &'a [T], &'a [T]) -> Box<dyn Task + 'a>;

/// One kernel for one dtype and mode, and what it needs.
struct Choice<T> {
    name: &'static str,
    works: fn() -> bool,
    given: Give<T>,
}

macro_rules! choices {
    ($stored:ty, $portable:ty, [$($name:literal needs [$($feature:tt),*] $kernel:ty),* $(,)?]) => {
        &[
            $(
                #[cfg(target_arch = "x86_64")]
                Choice {
                    name: $name,
                    works: || $(std::is_x86_feature_detected!($feature))&&*,
                    given: given::<$kernel>,
                },
            )*
            Choice { name: "portable", works: || true, given: given::<$portable> },
        ]
    };
}

const F32: &[Choice<f32>] = choices!(f32, portable::Fused<Single>, [
    "avx512" needs ["avx512f"] avx512::Fused<Single>,
    "avx2" needs ["avx2", "fma"] avx2::Fused<Single>,
]);
const F16: &[Choice<u16>] = choices!(u16, portable::Fused<HalfWide>, [
    "avx512" needs ["avx512f"] avx512::Half,
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

/// A product whose shape was checked.
pub struct Multiplication<'a> {
    shape: Shape,
    threads: usize,
    /// Whether the sums are whole numbers.
    whole: bool,
    task: Option<Box<dyn Task + 'a>>,
}

impl<'a> Multiplication<'a> {
    /// For the fastest kernel of this CPU, on up to `threads` threads: the caller's, and those of the current rayon pool.
    pub fn new(shape: Shape, factors: &Factors<'a>, mode: Mode, threads: usize) -> Result<Self, Error> {
        Self::on(None, shape, factors, mode, threads)
    }

    /// `new` for the kernel of that name, one of `backends`; another is refused.
    pub fn on(
        backend: Option<&str>,
        shape: Shape,
        factors: &Factors<'a>,
        mode: Mode,
        threads: usize,
    ) -> Result<Self, Error> {
        let task = match (*factors, mode) {
            (Factors::F32(a, b), Mode::Fast) => choose(backend, F32, shape, a, b),
            (Factors::F32(a, b), Mode::Exact) => choose(backend, F32_EXACT, shape, a, b),
            (Factors::F16(a, b), Mode::Fast) => choose(backend, F16, shape, a, b),
            (Factors::F16(a, b), Mode::Exact) => choose(backend, F16_EXACT, shape, a, b),
            (Factors::Bf16(a, b), Mode::Fast) => choose(backend, BF16, shape, a, b),
            (Factors::Bf16(a, b), Mode::Exact) => choose(backend, BF16_EXACT, shape, a, b),
            (Factors::Int8(..), _) if shape.k > INT8_INNER_MAX => {
                Err(Error::Shape(format!("sums of int8 over more than {INT8_INNER_MAX} could leave 32 bits")))
            }
            (Factors::Int8(a, b), _) => choose(backend, INT8, shape, a, b),
        }?;
        Ok(Self { shape, threads, whole: matches!(factors, Factors::Int8(..)), task })
    }

    /// Whether `run` takes a few milliseconds at most, on one thread of any CPU: less than handing it over may cost.
    pub fn is_short(&self) -> bool {
        let Shape { batch, m, k, n, .. } = self.shape;
        let tiled = self.task.as_ref().is_none_or(|task| task.is_tiled());
        let most = if tiled { SHORT_WORK_MAX } else { SHORT_WORK_MAX / 32 };
        self.shape.work() <= most && batch * (m * k + k * n + m * n) <= SHORT_ELEMENTS_MAX
    }

    /// Multiplies while the caller, whose memory is read, waits. The product is zeros where there was nothing to multiply.
    pub fn run(&self, control: &Control) -> Result<Product, Error> {
        let Shape { batch, m, n, .. } = self.shape;
        let product = match &self.task {
            Some(task) => task.run(self.threads, control)?,
            None if self.whole => Product::I32(vec![0; batch * m * n]),
            None => Product::F32(vec![0.0; batch * m * n]),
        };
        if control.cancelled.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        control.done.store(self.shape.work(), Ordering::Relaxed);
        Ok(product)
    }
}

/// Checks, and gives the task where there is anything to multiply.
fn choose<'a, T>(
    backend: Option<&str>,
    choices: &[Choice<T>],
    shape: Shape,
    a: &'a [T],
    b: &'a [T],
) -> Result<Option<Box<dyn Task + 'a>>, Error> {
    shape.check(a.len(), b.len())?;
    let mut working = choices.iter().filter(|choice| (choice.works)());
    let choice = working.find(|choice| backend.is_none_or(|name| name == choice.name));
    let choice = choice.ok_or_else(|| Error::Device(format!("no kernel {} here", backend.unwrap_or_default())))?;
    Ok((shape.work() > 0).then(|| (choice.given)(shape, a, b)))
}

/// Factors in the caller's memory, for one kernel.
struct Given<'a, K: Kernel> {
    plan: Plan,
    shape: Shape,
    a: &'a [<K::Left as Format>::Stored],
    b: &'a [<K::Left as Format>::Stored],
}

fn given<'a, K: Kernel>(
    shape: Shape,
    a: &'a [<K::Left as Format>::Stored],
    b: &'a [<K::Left as Format>::Stored],
) -> Box<dyn Task + 'a> {
    Box::new(Given::<K> { plan: Plan::new::<K>(shape), shape, a, b })
}

impl<K: Kernel> Task for Given<'_, K> {
    fn is_tiled(&self) -> bool {
        self.plan.pays()
    }

    fn run(&self, threads: usize, control: &Control) -> Result<Product, Error> {
        if self.is_tiled() {
            tiled::product::<K>(self.plan, self.a, self.b, threads, control)
        } else {
            Ok(direct::product::<K>(self.shape, self.a, self.b, threads, control))
        }
    }
}

#[cfg(test)]
mod tests;
