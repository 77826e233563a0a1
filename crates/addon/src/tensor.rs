//! `crates/tensor` for JavaScript.
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use napi::bindgen_prelude::{
    Either, Either3, Env, Float32Array, Int8Array, Int32Array, Object, ObjectFinalize, Result, Uint16Array,
};
use napi_derive::napi;
use tensor::devices::devices;
use tensor::error::Error as TensorError;
use tensor::held::{Held, Numbers};
use tensor::mode::Mode;
use tensor::product::{Control, Factors, Multiplication, Product};
use tensor::results::keep;
use tensor::shape::Shape;

use crate::failure::Failure;
use crate::job::{Job, Lane, promise};

impl From<TensorError> for Failure {
    fn from(error: TensorError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// One device as `DeviceInfo` of the port has it.
#[napi(object, object_from_js = false)]
pub struct NativeDevice {
    pub id: String,
    pub backend: String,
    pub name: String,
    pub memory_bytes: Option<f64>,
    pub driver: Option<String>,
    pub features: Vec<String>,
    pub reason: Option<String>,
}

#[napi(catch_unwind, ts_return_type = "Promise<NativeDevice[]>")]
pub fn tensor_devices(env: &Env) -> Result<Object<'_>> {
    promise(env, Lane::High, || {
        let listed = devices().into_iter().map(|device| NativeDevice {
            id: device.id.into(),
            backend: device.backend.into(),
            name: device.name,
            memory_bytes: device.memory_bytes.map(|bytes| bytes as f64),
            driver: None,
            features: device.features.into_iter().map(String::from).collect(),
            reason: device.reason.map(String::from),
        });
        Ok(listed.collect::<Vec<_>>())
    })
}

/// `MatmulShape` of the port without its defaults; `threads` 0 stands for all cores.
#[napi(object, object_to_js = false)]
pub struct NativeProduct {
    pub batch: i64,
    pub m: i64,
    pub k: i64,
    pub n: i64,
    pub transpose_a: bool,
    pub transpose_b: bool,
    pub exact: bool,
    pub threads: u32,
}

/// A promise of the product, or a short product itself.
type Answer<'env> = Either3<Object<'env>, Float32Array, Int32Array>;

/// C = A·B of f32.
#[napi(catch_unwind, ts_return_type = "Promise<Float32Array | Int32Array> | Float32Array | Int32Array")]
pub fn tensor_matmul_f32<'env>(
    env: &'env Env,
    a: Float32Array,
    b: Float32Array,
    product: NativeProduct,
    job: &Job,
) -> Result<Answer<'env>> {
    matmul(env, &Factors::F32(&a, &b), &product, job)
}

/// C = A·B of the bits of f16, f32 sums.
#[napi(catch_unwind, ts_return_type = "Promise<Float32Array | Int32Array> | Float32Array | Int32Array")]
pub fn tensor_matmul_f16<'env>(
    env: &'env Env,
    a: Uint16Array,
    b: Uint16Array,
    product: NativeProduct,
    job: &Job,
) -> Result<Answer<'env>> {
    matmul(env, &Factors::F16(&a, &b), &product, job)
}

/// C = A·B of the bits of bf16, f32 sums.
#[napi(catch_unwind, ts_return_type = "Promise<Float32Array | Int32Array> | Float32Array | Int32Array")]
pub fn tensor_matmul_bf16<'env>(
    env: &'env Env,
    a: Uint16Array,
    b: Uint16Array,
    product: NativeProduct,
    job: &Job,
) -> Result<Answer<'env>> {
    matmul(env, &Factors::Bf16(&a, &b), &product, job)
}

/// C = A·B of int8, exact i32 sums.
#[napi(catch_unwind, ts_return_type = "Promise<Float32Array | Int32Array> | Float32Array | Int32Array")]
pub fn tensor_matmul_int8<'env>(
    env: &'env Env,
    a: Int8Array,
    b: Int8Array,
    product: NativeProduct,
    job: &Job,
) -> Result<Answer<'env>> {
    matmul(env, &Factors::Int8(&a, &b), &product, job)
}

/// An array over the memory of a product, kept for later products once JavaScript is done with it.
#[allow(unsafe_code)] // JavaScript is handed the memory of a vector
fn floats(mut c: Vec<f32>) -> Float32Array {
    let (place, length) = (c.as_mut_ptr(), c.len());
    // SAFETY: the closure owns the vector, which stays where it is and untouched until V8 gives the memory back.
    unsafe { Float32Array::with_external_data(place, length, move |_, _| keep(Product::F32(c))) }
}

/// `floats` of whole numbers.
#[allow(unsafe_code)] // as in `floats`
fn wholes(mut c: Vec<i32>) -> Int32Array {
    let (place, length) = (c.as_mut_ptr(), c.len());
    // SAFETY: as in `floats`.
    unsafe { Int32Array::with_external_data(place, length, move |_, _| keep(Product::I32(c))) }
}

/// Sizes, mode and number of threads as the crate has them.
fn sizes(product: &NativeProduct) -> std::result::Result<(Shape, Mode, usize), Failure> {
    let size = |value: i64| usize::try_from(value).map_err(|_| Failure::new("TENSOR_SHAPE", "a size is negative"));
    let shape = Shape {
        batch: size(product.batch)?,
        m: size(product.m)?,
        k: size(product.k)?,
        n: size(product.n)?,
        transpose_a: product.transpose_a,
        transpose_b: product.transpose_b,
    };
    let mode = if product.exact { Mode::Exact } else { Mode::Fast };
    Ok((shape, mode, if product.threads == 0 { cores() } else { product.threads as usize }))
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// A short product is made at once; the factors of a longer one are copied here, while the JavaScript thread waits, so that
/// later changes of the caller's memory change nothing.
fn matmul<'env>(env: &'env Env, factors: &Factors, product: &NativeProduct, job: &Job) -> Result<Answer<'env>> {
    multiply(env, factors, product, job, |threads| {
        let (a, b) = Held::both(factors, threads)?;
        Ok((Arc::new(a), Arc::new(b)))
    })
}

/// C = A·B of factors that the addon holds, both of one dtype.
#[napi(catch_unwind, ts_return_type = "Promise<Float32Array | Int32Array> | Float32Array | Int32Array")]
pub fn tensor_matmul_held<'env>(
    env: &'env Env,
    a: &NativeFactor,
    b: &NativeFactor,
    product: NativeProduct,
    job: &Job,
) -> Result<Answer<'env>> {
    let (a, b) = (a.held()?, b.held()?);
    let factors = Held::factors(a, b).map_err(Failure::from)?;
    multiply(env, &factors, &product, job, |_| Ok((Arc::clone(a), Arc::clone(b))))
}

/// A product of checked sizes: at once where it is short, else on other threads, of what `hold` gives.
fn multiply<'env>(
    env: &'env Env,
    factors: &Factors,
    product: &NativeProduct,
    job: &Job,
    hold: impl FnOnce(usize) -> std::result::Result<(Arc<Held>, Arc<Held>), TensorError>,
) -> Result<Answer<'env>> {
    let (shape, mode, threads) = sizes(product)?;
    let multiplication = Multiplication::new(shape, factors, mode, threads).map_err(Failure::from)?;
    let shared = Arc::clone(&job.shared);
    shared.total.store(shape.work(), Ordering::Relaxed);
    if multiplication.is_short() {
        let control = Control { cancelled: &shared.cancelled, done: &shared.done };
        return Ok(match multiplication.run(&control).map_err(Failure::from)? {
            Product::F32(c) => Either3::B(floats(c)),
            Product::I32(c) => Either3::C(wholes(c)),
        });
    }
    let (a, b) = hold(threads).map_err(Failure::from)?;
    let work = promise(env, Lane::High, move || {
        let control = Control { cancelled: &shared.cancelled, done: &shared.done };
        let factors = Held::factors(&a, &b)?;
        Ok(match Multiplication::new(shape, &factors, mode, threads)?.run(&control)? {
            Product::F32(c) => Either::A(floats(c)),
            Product::I32(c) => Either::B(wholes(c)),
        })
    })?;
    Ok(Either3::A(work))
}

/// Numbers that the addon holds for products: copied once, then never changed.
#[napi(custom_finalize)]
pub struct NativeFactor {
    held: Option<Arc<Held>>,
    /// What JavaScript's collector was told of.
    bytes: i64,
}

#[napi]
impl NativeFactor {
    /// `values` as `dtype` (`f32`, `f16`, `bf16` or `int8`) stores them.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, dtype: String, values: Either3<Float32Array, Uint16Array, Int8Array>) -> Result<Self> {
        let threads = cores();
        let held = match (dtype.as_str(), &values) {
            ("f32", Either3::A(values)) => Numbers::new(values, threads).map(Held::F32),
            ("f16", Either3::B(values)) => Numbers::new(values, threads).map(Held::F16),
            ("bf16", Either3::B(values)) => Numbers::new(values, threads).map(Held::Bf16),
            ("int8", Either3::C(values)) => Numbers::new(values, threads).map(Held::Int8),
            _ => {
                return Err(Failure::new("NATIVE_ARGUMENT", "these numbers are not stored as any such dtype is").into());
            }
        };
        let held = Arc::new(held.map_err(Failure::from)?);
        let bytes = held.bytes() as i64;
        env.adjust_external_memory(bytes)?;
        Ok(Self { held: Some(held), bytes })
    }

    /// A copy of the numbers.
    #[napi(catch_unwind)]
    pub fn values(&self) -> Result<Either3<Float32Array, Uint16Array, Int8Array>> {
        Ok(match &**self.held()? {
            Held::F32(numbers) => Either3::A(Float32Array::with_data_copied(numbers.as_slice())),
            Held::F16(numbers) | Held::Bf16(numbers) => Either3::B(Uint16Array::with_data_copied(numbers.as_slice())),
            Held::Int8(numbers) => Either3::C(Int8Array::with_data_copied(numbers.as_slice())),
        })
    }

    /// Gives the memory back as soon as no product reads it any more; the factor is of no use then.
    #[napi(catch_unwind)]
    pub fn release(&mut self, env: Env) -> Result<()> {
        self.held = None;
        env.adjust_external_memory(-std::mem::take(&mut self.bytes))?;
        Ok(())
    }

    fn held(&self) -> std::result::Result<&Arc<Held>, Failure> {
        self.held.as_ref().ok_or_else(|| Failure::new("NATIVE_ARGUMENT", "the factor was released"))
    }
}

impl ObjectFinalize for NativeFactor {
    fn finalize(mut self, env: Env) -> Result<()> {
        self.release(env)
    }
}
