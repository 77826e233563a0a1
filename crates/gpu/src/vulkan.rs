//! The engine over wgpu: Vulkan here, Metal and Direct3D on their systems.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::accelerator::Accelerator;
use crate::device::{Device, DeviceInfo, Listing};
use crate::engine::{Access, Engine, Family, Kernel, PARAMS_MAX};
use crate::error::Error;
use crate::shape::Dtype;

/// Bytes between the parameters of two launches; devices align them to 256 at most.
const SLOT: usize = PARAMS_MAX * 4;
/// Launches that are recorded before they are handed to the device.
const LAUNCHES: usize = 128;
/// Bytes of one copy from the device.
const STAGING: usize = 16 << 20;
/// A device that does not answer for so long never will.
const PATIENCE: Duration = Duration::from_secs(20);
/// Threads in flight that keep a device busy: many times what is resident, so that the last ones matter little.
const WIDTH: u32 = 1 << 18;
const SOFTWARE_WIDTH: u32 = 1 << 12;

/// All devices that wgpu finds, or one row that says why there is none.
pub fn listings(software: bool) -> Vec<Listing> {
    let absent = |reason: &str| vec![Listing { info: DeviceInfo::absent("wgpu", reason), open: None }];
    if !has_loader() {
        return absent("no Vulkan driver (libvulkan.so.1 not found)");
    }
    let adapters = adapters();
    if adapters.is_empty() {
        return absent("no device: the Vulkan loader is there, a driver is not");
    }
    adapters.into_iter().enumerate().map(|(index, adapter)| listing(index, adapter, software)).collect()
}

fn adapters() -> Vec<wgpu::Adapter> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.flags = wgpu::InstanceFlags::empty();
    let instance = wgpu::Instance::new(descriptor);
    pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY))
}

/// The engine of every device, software renderers included, with its id: for whoever launches kernels of his own.
///
/// # Errors
/// `DeviceUnusable` where a driver refuses.
pub fn engines() -> Result<Vec<(String, Wgpu)>, Error> {
    let found = if has_loader() { adapters() } else { Vec::new() };
    let open = |(index, adapter): (usize, &wgpu::Adapter)| {
        let software = adapter.get_info().device_type == wgpu::DeviceType::Cpu;
        Ok((format!("wgpu:{index}"), Wgpu::open(adapter, software)?))
    };
    found.iter().enumerate().map(open).collect()
}

/// Whether Vulkan's loader is installed; elsewhere the system brings its own interface.
#[allow(unsafe_code)]
fn has_loader() -> bool {
    // SAFETY: the loader of the system, whose initialisers do nothing until it is called.
    !cfg!(target_os = "linux") || unsafe { libloading::Library::new("libvulkan.so.1") }.is_ok()
}

fn listing(index: usize, adapter: wgpu::Adapter, software: bool) -> Listing {
    let info = adapter.get_info();
    let is_software = info.device_type == wgpu::DeviceType::Cpu;
    let reason = if is_software && !software {
        Some("software renderer: slower than the CPU's own code (TAUMESH_GPU_SOFTWARE=1 lets it be used)")
    } else if adapter.limits().max_compute_invocations_per_workgroup < 256 {
        Some("too old: it runs fewer than 256 threads in a group")
    } else {
        None
    };
    let mut features: Vec<String> = ["seal", "f32", "f16", "bf16", "int8"].map(String::from).to_vec();
    features.extend(is_software.then(|| String::from("software")));
    features.push(format!("{:?}", info.backend).to_lowercase());
    let described = DeviceInfo {
        id: format!("wgpu:{index}"),
        backend: "wgpu",
        name: info.name.clone(),
        memory_bytes: memory(&adapter),
        driver: Some(format!("{} {}", info.driver, info.driver_info).trim().to_owned()).filter(|text| !text.is_empty()),
        features,
        usable: reason.is_none(),
        reason: reason.map(String::from),
    };
    let open = move || -> Result<Box<dyn Device>, Error> {
        Ok(Box::new(Accelerator::new(Wgpu::open(&adapter, is_software)?, Dtype::ALL.to_vec())?))
    };
    Listing { info: described, open: reason.is_none().then(|| Box::new(open) as _) }
}

/// Bytes of the heaps that belong to the device.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn memory(adapter: &wgpu::Adapter) -> Option<u64> {
    // SAFETY: the handles are only read, while the adapter that owns them is borrowed.
    let properties = unsafe {
        let vulkan = adapter.as_hal::<wgpu::hal::api::Vulkan>()?;
        vulkan.shared_instance().raw_instance().get_physical_device_memory_properties(vulkan.raw_physical_device())
    };
    // Bit 0 of a heap's flags is "device local" (VK_MEMORY_HEAP_DEVICE_LOCAL_BIT).
    let heaps = properties.memory_heaps.iter().take(properties.memory_heap_count as usize);
    Some(heaps.filter(|heap| heap.flags.as_raw() & 1 == 1).map(|heap| heap.size).sum())
}

#[cfg(not(target_os = "linux"))]
fn memory(_: &wgpu::Adapter) -> Option<u64> {
    None
}

/// The first failure that the driver reported and nobody has taken yet.
type Fault = Arc<Mutex<Option<Error>>>;

struct Pipeline {
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
}

pub struct Wgpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
    fault: Fault,
    lost: Fault,
    pipelines: HashMap<&'static str, Pipeline>,
    /// Launches that were recorded and not yet handed over, and their parameters.
    encoder: Option<wgpu::CommandEncoder>,
    pending: Vec<u8>,
    params: wgpu::Buffer,
    staging: wgpu::Buffer,
    software: bool,
    buffer_max: u64,
}

fn put(fault: &Fault, error: Error) {
    fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
}

impl Wgpu {
    /// Opens the device of an adapter.
    ///
    /// # Errors
    /// `DeviceUnusable` where the driver refuses.
    pub fn open(adapter: &wgpu::Adapter, software: bool) -> Result<Self, Error> {
        let limits = adapter.limits();
        let buffer_max = limits.max_buffer_size.min(limits.max_storage_buffer_binding_size);
        let descriptor = wgpu::DeviceDescriptor {
            required_limits: limits,
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..wgpu::DeviceDescriptor::default()
        };
        let opened = pollster::block_on(adapter.request_device(&descriptor));
        let (device, queue) = opened.map_err(|error| Error::DeviceUnusable(format!("it cannot be opened: {error}")))?;
        let (fault, lost) = (Fault::default(), Fault::default());
        let to = fault.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let text = error.to_string();
            put(
                &to,
                if matches!(error, wgpu::Error::OutOfMemory { .. }) {
                    Error::Memory(text)
                } else {
                    Error::Internal(text)
                },
            );
        }));
        let to = lost.clone();
        device.set_device_lost_callback(move |_, text| put(&to, Error::DeviceLost(text)));
        let params = device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: (SLOT * LAUNCHES) as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let staging = device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: STAGING as u64,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let made = Self {
            device,
            queue,
            fault,
            lost,
            pipelines: HashMap::new(),
            encoder: None,
            pending: Vec::new(),
            params,
            staging,
            software,
            buffer_max,
        };
        made.faultless()?;
        Ok(made)
    }

    /// Takes what the driver has reported since.
    fn faultless(&self) -> Result<(), Error> {
        if let Some(error) = &*self.lost.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(error.clone());
        }
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }

    /// Hands over what was recorded.
    fn submit(&mut self) -> Result<(), Error> {
        if let Some(encoder) = self.encoder.take() {
            self.queue.write_buffer(&self.params, 0, &self.pending);
            self.pending.clear();
            self.queue.submit([encoder.finish()]);
        }
        self.faultless()
    }

    fn poll(&self) -> Result<(), Error> {
        let wait = wgpu::PollType::Wait { submission_index: None, timeout: Some(PATIENCE) };
        self.device.poll(wait).map_err(|error| Error::DeviceLost(format!("no answer in {PATIENCE:?}: {error}")))?;
        self.faultless()
    }

    fn compile(&mut self, kernel: &'static Kernel) -> Result<(), Error> {
        if self.pipelines.contains_key(kernel.name) {
            return Ok(());
        }
        let text = kernel.wgsl.ok_or_else(|| Error::Internal(format!("{} has no WGSL", kernel.name)))?();
        let module = trusted(&self.device, &text);
        let storage = |access: &Access| wgpu::BufferBindingType::Storage { read_only: *access == Access::Read };
        let types = std::iter::once(wgpu::BufferBindingType::Uniform).chain(kernel.access.iter().map(storage));
        let entries: Vec<_> = types
            .enumerate()
            .map(|(binding, ty)| wgpu::BindGroupLayoutEntry {
                binding: binding as u32,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: binding == 0, min_binding_size: None },
                count: None,
            })
            .collect();
        let layout = self
            .device
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(kernel.name), entries: &entries });
        let whole = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(kernel.name),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(kernel.name),
            layout: Some(&whole),
            module: &module,
            entry_point: Some(kernel.name),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &[],
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        });
        self.faultless()?;
        self.pipelines.insert(kernel.name, Pipeline { pipeline, layout });
        Ok(())
    }
}

/// The kernels check their own bounds; the driver need not do it again.
#[allow(unsafe_code)]
fn trusted(device: &wgpu::Device, text: &str) -> wgpu::ShaderModule {
    let descriptor = wgpu::ShaderModuleDescriptor { label: None, source: wgpu::ShaderSource::Wgsl(text.into()) };
    // SAFETY: the texts are this crate's own; every index is below the sizes that the host derives its buffers from, and
    // every loop counts up to such a size. `tests/devices.rs` runs them on shapes that are no multiples of any tile.
    unsafe { device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) }
}

impl Engine for Wgpu {
    type Buffer = wgpu::Buffer;

    fn family(&self) -> Family {
        Family::Wgpu
    }

    fn width(&self) -> u32 {
        if self.software { SOFTWARE_WIDTH } else { WIDTH }
    }

    fn buffer(&mut self, bytes: usize) -> Result<wgpu::Buffer, Error> {
        let size = bytes.max(4).next_multiple_of(4) as u64;
        if size > self.buffer_max {
            return Err(Error::Memory(format!(
                "{size} bytes in one buffer, the device has {} at most",
                self.buffer_max
            )));
        }
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        self.faultless()?;
        Ok(buffer)
    }

    fn upload(&mut self, to: &wgpu::Buffer, offset: usize, data: &[u8]) -> Result<(), Error> {
        // What was recorded before reads what was there before.
        self.submit()?;
        let whole = data.len() - data.len() % 4;
        let (words, rest) = data.split_at_checked(whole).unwrap_or_default();
        for (at, part) in words.chunks(STAGING).enumerate() {
            self.queue.write_buffer(to, (offset + at * STAGING) as u64, part);
            if part.len() == STAGING {
                // Its copy on this side is freed before the next one is made.
                self.queue.submit([]);
                self.poll()?;
            }
        }
        if !rest.is_empty() {
            let mut last = [0; 4];
            last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            self.queue.write_buffer(to, (offset + whole) as u64, &last);
        }
        self.faultless()
    }

    fn download(&mut self, from: &wgpu::Buffer, offset: usize, out: &mut [u8]) -> Result<(), Error> {
        self.submit()?;
        for (at, part) in out.chunks_mut(STAGING).enumerate() {
            let size = part.len().next_multiple_of(4) as u64;
            let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            encoder.copy_buffer_to_buffer(from, (offset + at * STAGING) as u64, &self.staging, 0, size);
            self.queue.submit([encoder.finish()]);
            let slice = self.staging.slice(..size);
            // Whether it was mapped is asked below, when its bytes are taken.
            slice.map_async(wgpu::MapMode::Read, |_| ());
            self.poll()?;
            let mapped = slice.get_mapped_range().map_err(|error| Error::DeviceLost(error.to_string()))?;
            part.iter_mut().zip(mapped.iter()).for_each(|(to, from)| *to = *from);
            drop(mapped);
            self.staging.unmap();
        }
        self.faultless()
    }

    fn launch(
        &mut self,
        kernel: &'static Kernel,
        buffers: &[&wgpu::Buffer],
        params: &[u32],
        groups: [u32; 3],
    ) -> Result<(), Error> {
        if buffers.len() != kernel.access.len() || params.len() != kernel.params || params.len() > PARAMS_MAX {
            return Err(Error::Internal(format!("{} was launched with other arguments", kernel.name)));
        }
        self.compile(kernel)?;
        if self.pending.len() >= SLOT * LAUNCHES {
            self.submit()?;
        }
        let offset = self.pending.len() as u32;
        self.pending.extend(params.iter().flat_map(|word| word.to_le_bytes()));
        self.pending.resize(offset as usize + SLOT, 0);
        let Some(Pipeline { pipeline, layout }) = self.pipelines.get(kernel.name) else {
            return Err(Error::Internal(format!("{} was not compiled", kernel.name)));
        };
        let uniform =
            wgpu::BufferBinding { buffer: &self.params, offset: 0, size: std::num::NonZeroU64::new(SLOT as u64) };
        let resources = std::iter::once(wgpu::BindingResource::Buffer(uniform))
            .chain(buffers.iter().map(|buffer| buffer.as_entire_binding()));
        let entries: Vec<_> = resources
            .enumerate()
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding: binding as u32, resource })
            .collect();
        let group =
            self.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries });
        let device = &self.device;
        let encoder = self
            .encoder
            .get_or_insert_with(|| device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default()));
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, &group, &[offset]);
        let [x, y, z] = groups;
        pass.dispatch_workgroups(x, y, z);
        drop(pass);
        self.faultless()
    }

    fn wait(&mut self) -> Result<(), Error> {
        self.submit()?;
        self.poll()
    }
}
