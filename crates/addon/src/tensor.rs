//! `crates/tensor` for JavaScript.
use std::sync::Arc;

use napi::bindgen_prelude::{Env, Float32Array, Object, Result};
use napi_derive::napi;
use tensor::devices::devices;
use tensor::error::Error as TensorError;
use tensor::matmul::{Mode, check, matmul};

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

/// C[m,n] = A[m,k]·B[k,n]; shapes are checked before the factors are copied.
#[napi(catch_unwind, ts_return_type = "Promise<Float32Array>")]
#[allow(clippy::too_many_arguments)] // the shape is three numbers
pub fn tensor_matmul<'env>(
    env: &'env Env,
    a: Float32Array,
    b: Float32Array,
    m: u32,
    k: u32,
    n: u32,
    exact: bool,
    job: &Job,
) -> Result<Object<'env>> {
    let shape = (m as usize, k as usize, n as usize);
    check(a.len(), b.len(), shape).map_err(Failure::from)?;
    let (a, b, shared) = (a.to_vec(), b.to_vec(), Arc::clone(&job.shared));
    let mode = if exact { Mode::Exact } else { Mode::Fast };
    promise(env, Lane::High, move || Ok(Float32Array::from(matmul(mode, &a, &b, shape, &shared.cancelled)?)))
}
