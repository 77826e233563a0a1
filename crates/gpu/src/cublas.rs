//! cuBLASLt, where it is installed: its products are the vendor's fastest. It counts columns first, so that it is asked
//! for Cᵗ = Bᵗ·Aᵗ, which lies in memory as C does in rows.
#![allow(unsafe_code)] // calls into the library; each says why it is sound
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use cudarc::cublaslt::result::{self, CublasError};
use cudarc::cublaslt::sys;
use cudarc::driver::result as driver;

use crate::cuda::{Buffer, Context, failed};
use crate::engine::Product;
use crate::error::Error;
use crate::shape::Dtype;
use crate::watch::Watch;

/// Bytes that an algorithm may use beside the matrices.
const WORKSPACE: usize = 32 << 20;

pub struct Library {
    handle: sys::cublasLtHandle_t,
    workspace: u64,
    context: Rc<Context>,
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: both were made by `open` and are freed once, while the context is alive.
        unsafe {
            let _ = result::destroy_handle(self.handle);
            let _ = driver::free_sync(self.workspace);
        }
    }
}

/// A layout or description of the library's, destroyed when dropped.
struct Owned<T: Copy>(T, unsafe fn(T) -> Result<(), CublasError>);

impl<T: Copy> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: made by the library and destroyed once, by its own function.
        let _ = unsafe { (self.1)(self.0) };
    }
}

/// A value as the library's attributes take it.
fn bytes_of<T>(value: &T) -> (*const c_void, usize) {
    (std::ptr::from_ref(value).cast(), size_of::<T>())
}

impl Library {
    pub fn is_present() -> bool {
        // SAFETY: loads and unloads the library, whose initialisers do nothing until it is called.
        unsafe { sys::is_culib_present() }
    }

    /// None where it is missing or does not start.
    pub fn open(context: &Rc<Context>) -> Option<Self> {
        if !Self::is_present() {
            return None;
        }
        let handle = catch_unwind(AssertUnwindSafe(result::create_handle)).ok()?.ok()?;
        // SAFETY: the context is current in this thread; freed with the library.
        let workspace = unsafe { driver::malloc_sync(WORKSPACE) };
        if let Ok(workspace) = workspace {
            return Some(Self { handle, workspace, context: context.clone() });
        }
        // SAFETY: just made, used by nobody.
        let _ = unsafe { result::destroy_handle(handle) };
        None
    }

    /// False where the library has no algorithm for this shape.
    pub fn multiply(&self, product: &Product<Buffer>, watch: &Watch) -> Result<bool, Error> {
        let shape = product.shape;
        // Whole numbers are multiplied only as lines along k of a length that is a multiple of 4.
        let suits = !shape.transpose_a && shape.transpose_b && shape.k.is_multiple_of(16) && shape.n.is_multiple_of(4);
        if shape.dtype == Dtype::Int8 && !suits {
            return Ok(false);
        }
        // Some milliseconds on the slowest card with a library, so that a long product can be cancelled.
        let work = if shape.dtype == Dtype::F32 { 1_u64 << 35 } else { 1 << 37 };
        let rows = usize::try_from(work / (shape.k * shape.n * shape.batch).max(1) as u64).unwrap_or(1);
        let rows = rows.max(256).next_multiple_of(128).min(shape.m);
        let mut first = 0;
        while first < shape.m {
            watch.step(first as u64, shape.m as u64)?;
            let rows = rows.min(shape.m - first);
            match catch_unwind(AssertUnwindSafe(|| self.rows(product, first, rows))) {
                Ok(Ok(())) => {}
                // The own kernels begin again, which they cannot once something was added.
                _ if first == 0 || !product.add => return Ok(false),
                _ => return Err(Error::Internal(String::from("cuBLASLt stopped within a product"))),
            }
            // SAFETY: the stream lives as long as the context.
            unsafe { driver::stream::synchronize(self.context.stream) }.map_err(failed)?;
            first += rows;
        }
        Ok(true)
    }

    /// Rows [first, first + rows) of C.
    fn rows(&self, product: &Product<Buffer>, first: usize, rows: usize) -> Result<(), CublasError> {
        let shape = product.shape;
        let (m, k, n) = (shape.m as u64, shape.k as u64, shape.n as u64);
        let (element, factor, sum, compute) = match shape.dtype {
            Dtype::F32 => (
                4,
                sys::cudaDataType::CUDA_R_32F,
                sys::cudaDataType::CUDA_R_32F,
                sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
            ),
            Dtype::F16 => (
                2,
                sys::cudaDataType::CUDA_R_16F,
                sys::cudaDataType::CUDA_R_32F,
                sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
            ),
            Dtype::Bf16 => (
                2,
                sys::cudaDataType::CUDA_R_16BF,
                sys::cudaDataType::CUDA_R_32F,
                sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
            ),
            Dtype::Int8 => (
                1,
                sys::cudaDataType::CUDA_R_8I,
                sys::cudaDataType::CUDA_R_32I,
                sys::cublasComputeType_t::CUBLAS_COMPUTE_32I,
            ),
        };
        let description = Owned(result::create_matmul_desc(compute, sum)?, result::destroy_matmul_desc);
        let operation = |attribute, transposed: bool| {
            let (value, size) = (i32::from(transposed), size_of::<i32>());
            // SAFETY: the attribute is an i32, 1 for "transposed" and 0 for "as it is".
            unsafe { result::set_matmul_desc_attribute(description.0, attribute, bytes_of(&value).0, size) }
        };
        operation(sys::cublasLtMatmulDescAttributes_t::CUBLASLT_MATMUL_DESC_TRANSA, shape.transpose_b)?;
        operation(sys::cublasLtMatmulDescAttributes_t::CUBLASLT_MATMUL_DESC_TRANSB, shape.transpose_a)?;
        let layout = |kind, (high, wide): (u64, u64), ahead: u64, step: u64| -> Result<_, CublasError> {
            let layout =
                Owned(result::create_matrix_layout(kind, high, wide, ahead as i64)?, result::destroy_matrix_layout);
            let (count, step) = (shape.batch as i32, step as i64);
            let set = |attribute, (value, size)| {
                // SAFETY: the attributes are an i32 and an i64.
                unsafe { result::set_matrix_layout_attribute(layout.0, attribute, value, size) }
            };
            set(sys::cublasLtMatrixLayoutAttribute_t::CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, bytes_of(&count))?;
            set(sys::cublasLtMatrixLayoutAttribute_t::CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, bytes_of(&step))?;
            Ok(layout)
        };
        let some = rows as u64;
        let b = layout(
            factor,
            if shape.transpose_b { (k, n) } else { (n, k) },
            if shape.transpose_b { k } else { n },
            k * n,
        )?;
        let a = layout(
            factor,
            if shape.transpose_a { (some, k) } else { (k, some) },
            if shape.transpose_a { m } else { k },
            m * k,
        )?;
        let c = layout(sum, (n, some), n, m * n)?;
        let preference = Owned(result::create_matmul_pref()?, result::destroy_matmul_pref);
        let (space, size) = (WORKSPACE, size_of::<usize>());
        let attribute = sys::cublasLtMatmulPreferenceAttributes_t::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
        // SAFETY: the attribute is a size; every layout and description was made above and is alive.
        let found = unsafe {
            result::set_matmul_pref_attribute(preference.0, attribute, bytes_of(&space).0, size)?;
            result::get_matmul_algo_heuristic(self.handle, description.0, b.0, a.0, c.0, c.0, preference.0)?
        };
        let from = first as u64 * if shape.transpose_a { 1 } else { k } * element;
        let to = product.c.at + first as u64 * n * 4;
        // Factors of sums: numbers of the type of the sums.
        let (one, before) = (1.0_f32, f32::from(u8::from(product.add)));
        let (whole_one, whole_before) = (1_i32, i32::from(product.add));
        let (alpha, beta) = if shape.dtype == Dtype::Int8 {
            (bytes_of(&whole_one).0, bytes_of(&whole_before).0)
        } else {
            (bytes_of(&one).0, bytes_of(&before).0)
        };
        // SAFETY: the layouts describe exactly the memory of the three buffers from these rows on, the workspace has the
        // size that was told, and the stream is the context's.
        unsafe {
            result::matmul(
                self.handle,
                description.0,
                alpha,
                beta,
                product.b.at as *const c_void,
                b.0,
                (product.a.at + from) as *const c_void,
                a.0,
                to as *const c_void,
                c.0,
                to as *mut c_void,
                c.0,
                &raw const found.algo,
                self.workspace as *mut c_void,
                WORKSPACE,
                self.context.stream.cast(),
            )
        }
    }
}
