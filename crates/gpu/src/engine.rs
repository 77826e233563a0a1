//! The seam between work and drivers: memory of a device and launches of kernels, the same over wgpu and CUDA. Searches,
//! products and training are written once against [`Engine`]; a kernel is written in WGSL and in CUDA C under one name.
//!
//! Calls happen in order, as if each ended before the next began; a launch may still run when its call returns, and
//! [`Engine::download`] and [`Engine::wait`] wait for it. Whoever launches in a loop keeps single launches below 20 ms
//! (see [`crate::pace`]) and looks at its `Watch` in between, so that work can be cancelled within 50 ms.
use crate::error::Error;
use crate::watch::Watch;

/// Which language of its kernels an engine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Wgpu,
    Cuda,
}

/// PTX of one file of `cuda/`, which may hold several kernels.
#[derive(Debug)]
pub struct Module {
    pub name: &'static str,
    pub ptx: &'static str,
    /// The lowest compute capability it runs on, 10 · major + minor.
    pub capability: u32,
}

/// What a kernel does with a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

/// One kernel. In WGSL the parameters are a uniform structure at binding 0 of group 0 and the buffers are storage at
/// bindings 1, 2, ...; in CUDA the parameters are a structure passed by value, followed by one pointer per buffer.
#[derive(Debug)]
pub struct Kernel {
    /// Unique in the program, and the name of the entry point.
    pub name: &'static str,
    /// Threads of a group.
    pub group: [u32; 3],
    /// The buffers, in order.
    pub access: &'static [Access],
    /// 32-bit words of parameters, at most [`PARAMS_MAX`].
    pub params: usize,
    /// Its WGSL text, where it has one.
    pub wgsl: Option<fn() -> String>,
    /// The CUDA module that holds it, where one does.
    pub cuda: Option<&'static Module>,
}

/// Words of parameters of one launch.
pub const PARAMS_MAX: usize = 256;

/// Groups of a launch in y and z; in x CUDA has more, wgpu has not.
pub const GROUPS_MAX: u32 = 65_535;

/// Memory and launches of one device, used by one thread.
pub trait Engine {
    /// Memory of the device, freed when dropped.
    type Buffer;

    fn family(&self) -> Family;

    /// Threads that keep the device busy.
    fn width(&self) -> u32;

    /// Memory of at least `bytes` bytes and not less than 4; its content is undefined.
    ///
    /// # Errors
    /// `Memory` where there is none left.
    fn buffer(&mut self, bytes: usize) -> Result<Self::Buffer, Error>;

    /// Copies to the device; `offset` is a multiple of 4. A last word that `data` fills in part may be zeroed beyond it.
    fn upload(&mut self, to: &Self::Buffer, offset: usize, data: &[u8]) -> Result<(), Error>;

    /// Waits for everything before it and copies from the device; `offset` is a multiple of 4.
    fn download(&mut self, from: &Self::Buffer, offset: usize, out: &mut [u8]) -> Result<(), Error>;

    /// Runs a kernel on `groups` groups of threads.
    fn launch(
        &mut self,
        kernel: &'static Kernel,
        buffers: &[&Self::Buffer],
        params: &[u32],
        groups: [u32; 3],
    ) -> Result<(), Error>;

    /// Waits until everything is done.
    fn wait(&mut self) -> Result<(), Error>;

    /// A product by the vendor's library, where there is one that takes this shape: false where there is not.
    fn library_product(&mut self, _product: &Product<Self::Buffer>, _watch: &Watch) -> Result<bool, Error> {
        Ok(false)
    }
}

/// A whole product with its matrices on the device.
pub struct Product<'a, B> {
    pub shape: &'a crate::shape::Shape,
    pub a: &'a B,
    pub b: &'a B,
    pub c: &'a B,
    /// Whether the product is added to what is in C instead of replacing it.
    pub add: bool,
}
