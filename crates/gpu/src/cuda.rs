//! The engine over CUDA's driver interface, loaded when it is there: no toolkit, no library of NVIDIA's is needed to build.
#![allow(unsafe_code)] // calls into the driver; each says why it is sound
use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use cudarc::driver::result::{self, DriverError, stream::StreamKind};
use cudarc::driver::sys;

use crate::accelerator::Accelerator;
use crate::cublas::Library;
use crate::device::{Device, DeviceInfo, Listing, lack_of_memory};
use crate::engine::{Engine, Family, Kernel, Module, PARAMS_MAX, Product};
use crate::error::Error;
use crate::matmul::has_tensor_cores;
use crate::shape::Dtype;
use crate::watch::Watch;

/// The lowest compute capability that any kernel is compiled for.
const CAPABILITY_MIN: u32 = 70;
/// Threads in flight per multiprocessor: a few turns of what its registers hold.
const THREADS_PER_PROCESSOR: u32 = 2_048;
/// Bytes of the compiler's messages that are kept.
const LOG: usize = 4_096;

/// All devices of the driver, or one row that says why there is none.
pub fn listings() -> Vec<Listing> {
    let absent = |reason: String| vec![Listing { info: DeviceInfo::absent("cuda", reason), open: None }];
    // SAFETY: loads and unloads the system's driver library, whose initialisers do nothing until it is called.
    if !unsafe { sys::is_culib_present() } {
        return absent(String::from("no NVIDIA driver (libcuda.so.1 not found)"));
    }
    // A driver that lacks a function makes the binding panic.
    match catch_unwind(AssertUnwindSafe(found)) {
        Ok(Ok(listings)) if listings.is_empty() => absent(String::from("the NVIDIA driver has no device")),
        Ok(Ok(listings)) => listings,
        Ok(Err(error)) => absent(format!("the NVIDIA driver does not start: {error}")),
        Err(_) => absent(String::from("the NVIDIA driver is too old")),
    }
}

fn found() -> Result<Vec<Listing>, DriverError> {
    result::init()?;
    (0..result::device::get_count()?).map(listing).collect()
}

fn attribute(device: sys::CUdevice, attribute: sys::CUdevice_attribute) -> Result<u32, DriverError> {
    // SAFETY: the device came from the driver.
    unsafe { result::device::get_attribute(device, attribute) }.map(|value| value.max(0) as u32)
}

fn capability(device: sys::CUdevice) -> Result<u32, DriverError> {
    let major = attribute(device, sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
    Ok(10 * major + attribute(device, sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?)
}

/// The version of the interface and, where the kernel module tells it, of the driver.
fn driver() -> String {
    let mut version = 0;
    // SAFETY: the driver writes one integer.
    unsafe { sys::cuDriverGetVersion(&raw mut version) };
    let cuda = format!("CUDA {}.{}", version / 1000, version % 1000 / 10);
    let text = std::fs::read_to_string("/proc/driver/nvidia/version").unwrap_or_default();
    let module = text.split_whitespace().find(|word| word.len() > 4 && word.starts_with(|c: char| c.is_ascii_digit()));
    module.map_or(cuda.clone(), |module| format!("{module}, {cuda}"))
}

/// Bytes that nobody uses when the devices are listed, which is before this process opens any. Only a context is told them,
/// so that one is made and given back; where the memory does not even do for it, that is the error.
///
/// No test reaches this call, as no machine of the project's has such a device; what follows from its answer is tested by
/// the fake device's `freeBytes`.
fn free_memory(device: sys::CUdevice) -> Result<u64, Error> {
    // SAFETY: the device came from the driver.
    let context = unsafe { result::primary_ctx::retain(device) }.map_err(failed)?;
    // SAFETY: the context was just retained.
    let free = unsafe { result::ctx::set_current(context) }.and_then(|()| result::mem_get_info());
    // SAFETY: retained above and released once; this thread, which only lists, has no current context afterwards.
    unsafe {
        let _ = result::ctx::set_current(std::ptr::null_mut());
        let _ = result::primary_ctx::release(device);
    }
    free.map(|(free, _)| free as u64).map_err(failed)
}

fn listing(index: i32) -> Result<Listing, DriverError> {
    let device = result::device::get(index)?;
    let capability = capability(device)?;
    // SAFETY: the device came from the driver.
    let memory = unsafe { result::device::total_mem(device) }?;
    let dtypes = if has_tensor_cores(capability) { Dtype::ALL.to_vec() } else { vec![Dtype::F32] };
    let mut features = vec![String::from("seal")];
    features.extend(dtypes.iter().map(|dtype| dtype.name().to_owned()));
    features.push(format!("sm_{capability}"));
    features.extend(Library::is_present().then(|| String::from("cublaslt")));
    let too_old = (capability < CAPABILITY_MIN)
        .then(|| format!("compute capability {}.{}: 7.0 is needed", capability / 10, capability % 10));
    let reason = too_old.or_else(|| match free_memory(device) {
        Ok(free) => lack_of_memory(free, memory as u64),
        Err(error) => Some(error.to_string()),
    });
    let info = DeviceInfo {
        id: format!("cuda:{index}"),
        backend: "cuda",
        name: result::device::get_name(device)?,
        memory_bytes: Some(memory as u64),
        driver: Some(driver()),
        features,
        usable: reason.is_none(),
        reason,
    };
    let usable = info.usable;
    let open = move || -> Result<Box<dyn Device>, Error> {
        Ok(Box::new(Accelerator::new(Cuda::open(index)?, dtypes.clone())?))
    };
    Ok(Listing { info, open: usable.then(|| Box::new(open) as _) })
}

/// What the driver's errors mean here: all but a lack of memory last until the process ends.
pub(crate) fn failed(error: DriverError) -> Error {
    if error.0 == sys::cudaError_enum::CUDA_ERROR_OUT_OF_MEMORY {
        let text =
            result::mem_get_info().map(|(free, total)| format!("{free} of {total} bytes of the device are free"));
        Error::Memory(text.unwrap_or_else(|_| String::from("of the device")))
    } else {
        Error::DeviceLost(error.to_string())
    }
}

/// The device's context and stream, which end when the last memory of it is freed.
pub struct Context {
    device: sys::CUdevice,
    pub(crate) stream: sys::CUstream,
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: made by `Cuda::open`; nothing that belongs to them is left, as that holds this context.
        unsafe {
            let _ = result::stream::destroy(self.stream);
            let _ = result::primary_ctx::release(self.device);
        }
    }
}

/// Memory of the device.
pub struct Buffer {
    pub(crate) at: sys::CUdeviceptr,
    bytes: usize,
    _context: Rc<Context>,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: allocated by `Engine::buffer` and freed once.
        let _ = unsafe { result::free_sync(self.at) };
    }
}

pub struct Cuda {
    context: Rc<Context>,
    capability: u32,
    processors: u32,
    modules: HashMap<&'static str, sys::CUmodule>,
    kernels: HashMap<&'static str, sys::CUfunction>,
    library: Option<Library>,
}

impl Cuda {
    /// Opens the device of that index in this thread.
    ///
    /// # Errors
    /// What the driver says.
    pub fn open(index: i32) -> Result<Self, Error> {
        let opened = || -> Result<Self, DriverError> {
            let device = result::device::get(index)?;
            // A thread that waits for the device sleeps: the cores have work of their own.
            let flags = sys::CUctx_flags::CU_CTX_SCHED_BLOCKING_SYNC as u32;
            // SAFETY: the device came from the driver. Where others use its context already, its flags stay as they are.
            let context = unsafe {
                let _ = sys::cuDevicePrimaryCtxSetFlags_v2(device, flags);
                result::primary_ctx::retain(device)?
            };
            // SAFETY: the context was just retained.
            unsafe { result::ctx::set_current(context) }?;
            let stream = result::stream::create(StreamKind::NonBlocking)?;
            Ok(Self {
                context: Rc::new(Context { device, stream }),
                capability: capability(device)?,
                processors: attribute(device, sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?,
                modules: HashMap::new(),
                kernels: HashMap::new(),
                library: None,
            })
        };
        let mut made = opened().map_err(failed)?;
        // Without it, or where it does not start, the own kernels do the same.
        made.library = Library::open(&made.context);
        Ok(made)
    }

    fn module(&mut self, module: &'static Module) -> Result<sys::CUmodule, Error> {
        if let Some(&loaded) = self.modules.get(module.name) {
            return Ok(loaded);
        }
        if self.capability < module.capability {
            return Err(Error::Shape(format!("{} needs compute capability {}", module.name, module.capability)));
        }
        let text = CString::new(module.ptx).map_err(|error| Error::Internal(error.to_string()))?;
        let mut log = vec![0_u8; LOG];
        let mut options =
            [sys::CUjit_option::CU_JIT_ERROR_LOG_BUFFER, sys::CUjit_option::CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES];
        let mut values = [log.as_mut_ptr().cast::<c_void>(), std::ptr::without_provenance_mut(LOG)];
        let mut loaded = std::ptr::null_mut();
        // SAFETY: the text ends with a zero, and the options are a buffer and its size, both outliving the call.
        let status = unsafe {
            sys::cuModuleLoadDataEx(
                &raw mut loaded,
                text.as_ptr().cast(),
                options.len() as u32,
                options.as_mut_ptr(),
                values.as_mut_ptr(),
            )
        };
        status.result().map_err(|error| {
            let log = String::from_utf8_lossy(&log);
            Error::DeviceUnusable(format!("{} does not compile: {error}: {}", module.name, log.trim_end_matches('\0')))
        })?;
        self.modules.insert(module.name, loaded);
        Ok(loaded)
    }

    fn kernel(&mut self, kernel: &'static Kernel) -> Result<sys::CUfunction, Error> {
        if let Some(&found) = self.kernels.get(kernel.name) {
            return Ok(found);
        }
        let module = kernel.cuda.ok_or_else(|| Error::Internal(format!("{} has no CUDA text", kernel.name)))?;
        let module = self.module(module)?;
        let name = CString::new(kernel.name).map_err(|error| Error::Internal(error.to_string()))?;
        // SAFETY: the module stays loaded as long as the context.
        let found = unsafe { result::module::get_function(module, name) }.map_err(failed)?;
        self.kernels.insert(kernel.name, found);
        Ok(found)
    }
}

/// Refuses copies beyond the end.
fn within(buffer: &Buffer, offset: usize, length: usize) -> Result<sys::CUdeviceptr, Error> {
    let end = offset.checked_add(length).filter(|&end| end <= buffer.bytes);
    end.map(|_| buffer.at + offset as u64)
        .ok_or_else(|| Error::Internal(format!("{length} bytes at {offset} of {}", buffer.bytes)))
}

impl Engine for Cuda {
    type Buffer = Buffer;

    fn family(&self) -> Family {
        Family::Cuda
    }

    fn width(&self) -> u32 {
        self.processors * THREADS_PER_PROCESSOR
    }

    fn buffer(&mut self, bytes: usize) -> Result<Buffer, Error> {
        let bytes = bytes.max(4).next_multiple_of(4);
        // SAFETY: the context of this thread is current; the memory is freed by the buffer.
        let at = unsafe { result::malloc_sync(bytes) }.map_err(failed)?;
        Ok(Buffer { at, bytes, _context: self.context.clone() })
    }

    fn upload(&mut self, to: &Buffer, offset: usize, data: &[u8]) -> Result<(), Error> {
        let at = within(to, offset, data.len())?;
        // SAFETY: the target is within the buffer, and the source outlives the wait.
        unsafe { result::memcpy_htod_async(at, data, self.context.stream) }.map_err(failed)?;
        self.wait()
    }

    fn download(&mut self, from: &Buffer, offset: usize, out: &mut [u8]) -> Result<(), Error> {
        let at = within(from, offset, out.len())?;
        // SAFETY: the source is within the buffer, and the target outlives the wait.
        unsafe { result::memcpy_dtoh_async(out, at, self.context.stream) }.map_err(failed)?;
        self.wait()
    }

    fn launch(
        &mut self,
        kernel: &'static Kernel,
        buffers: &[&Buffer],
        params: &[u32],
        groups: [u32; 3],
    ) -> Result<(), Error> {
        if buffers.len() != kernel.access.len() || params.len() != kernel.params || params.len() > PARAMS_MAX {
            return Err(Error::Internal(format!("{} was launched with other arguments", kernel.name)));
        }
        let function = self.kernel(kernel)?;
        let mut pointers: Vec<sys::CUdeviceptr> = buffers.iter().map(|buffer| buffer.at).collect();
        let mut arguments: Vec<*mut c_void> = vec![params.as_ptr().cast_mut().cast()];
        arguments.extend(pointers.iter_mut().map(|pointer| std::ptr::from_mut(pointer).cast::<c_void>()));
        let ([x, y, z], [wide, high, deep]) = (groups, kernel.group);
        // SAFETY: the driver copies each argument during the call, by the sizes that the kernel declares: the parameters'
        // words, whose number is checked above, and one pointer per buffer. The kernel stays within its buffers, as
        // tests/devices.rs shows and tests/cuda.rs under an address sanitizer.
        unsafe {
            result::launch_kernel(function, (x, y, z), (wide, high, deep), 0, self.context.stream, &mut arguments)
        }
        .map_err(failed)
    }

    fn wait(&mut self) -> Result<(), Error> {
        // SAFETY: the stream lives as long as the context.
        unsafe { result::stream::synchronize(self.context.stream) }.map_err(failed)
    }

    fn library_product(&mut self, product: &Product<Buffer>, watch: &Watch) -> Result<bool, Error> {
        let Some(library) = &self.library else { return Ok(false) };
        library.multiply(product, watch)
    }
}
