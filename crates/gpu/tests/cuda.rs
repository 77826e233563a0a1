//! The CUDA kernels without a GPU. Their text is compiled as plain C++, where a small header runs the threads of a block
//! as fibers, and then does what real devices do behind the same host code; memory ends at a page that nobody may touch.
//! The committed PTX is what clang 19 makes of that text. Both parts are skipped, by name, where no compiler is, or
//! fail (`TAUMESH_NEED=c++,clang-19`).
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(unsafe_code)] // memory with a guard page, and calls into the compiled kernels
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail where it stands
use std::collections::HashMap;
use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, PoisonError};

use gpu::accelerator::Accelerator;
use gpu::device::Device;
use gpu::engine::{Engine, Family, Kernel};
use gpu::error::Error;
use gpu::shape::Dtype;

mod suite;

/// Files of `cuda/` with the lowest architecture that each is compiled for.
const FILES: [(&str, &str); 4] = [("seal", "sm_70"), ("matmul", "sm_70"), ("tensor", "sm_80"), ("train", "sm_70")];
const PAGE: usize = 4096;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn runs(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Memory whose end is the end of a page, with a page behind it that traps.
struct Guarded {
    base: *mut c_void,
    at: *mut u8,
    bytes: usize,
}

impl Guarded {
    fn whole(bytes: usize) -> usize {
        bytes.next_multiple_of(PAGE) + PAGE
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: mapped by `buffer` with this size.
        unsafe { libc::munmap(self.base, Self::whole(self.bytes)) };
    }
}

type Run = unsafe extern "C" fn(*const u32, *const *mut u8, *const u32, *const u32);

/// The fibers of all tests live in static memory of the compiled kernels.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The kernels, compiled once per process; none where no C++ compiler is.
static KERNELS: LazyLock<Option<Vec<libloading::Library>>> = LazyLock::new(|| {
    let compiler = ["g++", "clang++-19", "c++"].into_iter().find(|program| runs(program))?;
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let build = |(file, _): (&str, &str)| {
        // A name of its own per process: tests of several checkouts may share the folder.
        let library = out.join(format!("{file}-{}.so", std::process::id()));
        let status = Command::new(compiler)
            .args(["-std=c++17", "-O2", "-shared", "-fPIC", "-Wall", "-Wextra", "-Wno-unknown-pragmas"])
            .args(["-Wno-unused-function", "-Werror", "-x", "c++", "-I"])
            .arg(folder("tests/cuda"))
            .arg(folder("cuda").join(format!("{file}.cu")))
            .arg("-o")
            .arg(&library)
            .status();
        assert!(status.unwrap().success(), "{file}.cu does not compile as C++");
        // SAFETY: just compiled from this repository; its initialisers only allocate memory.
        let loaded = unsafe { libloading::Library::new(&library) }.unwrap();
        std::fs::remove_file(library).unwrap();
        loaded
    };
    Some(FILES.map(build).into())
});

struct OnCpu {
    libraries: &'static [libloading::Library],
    found: HashMap<&'static str, Run>,
}

impl Engine for OnCpu {
    type Buffer = Guarded;

    fn family(&self) -> Family {
        Family::Cuda
    }

    fn width(&self) -> u32 {
        1024
    }

    fn buffer(&mut self, bytes: usize) -> Result<Guarded, Error> {
        let bytes = bytes.max(4).next_multiple_of(4);
        let whole = Guarded::whole(bytes);
        // SAFETY: a new mapping, whose last page is then taken away.
        let base = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let base = libc::mmap(std::ptr::null_mut(), whole, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
            assert_ne!(base, libc::MAP_FAILED);
            assert_eq!(libc::mprotect(base.byte_add(whole - PAGE), PAGE, libc::PROT_NONE), 0);
            base
        };
        // SAFETY: within the mapping.
        let at: *mut u8 = unsafe { base.byte_add(whole - PAGE - bytes) }.cast();
        // Memory of a device has no defined content.
        // SAFETY: `bytes` bytes from `at` on are writable.
        unsafe { at.write_bytes(0x5a, bytes) };
        Ok(Guarded { base, at, bytes })
    }

    fn upload(&mut self, to: &Guarded, offset: usize, data: &[u8]) -> Result<(), Error> {
        assert!(offset.is_multiple_of(4) && offset + data.len() <= to.bytes);
        // SAFETY: within the buffer, as asserted.
        unsafe { to.at.add(offset).copy_from_nonoverlapping(data.as_ptr(), data.len()) };
        Ok(())
    }

    fn download(&mut self, from: &Guarded, offset: usize, out: &mut [u8]) -> Result<(), Error> {
        assert!(offset.is_multiple_of(4) && offset + out.len() <= from.bytes);
        // SAFETY: within the buffer, as asserted.
        unsafe { from.at.add(offset).copy_to_nonoverlapping(out.as_mut_ptr(), out.len()) };
        Ok(())
    }

    fn launch(
        &mut self,
        kernel: &'static Kernel,
        buffers: &[&Guarded],
        params: &[u32],
        groups: [u32; 3],
    ) -> Result<(), Error> {
        assert_eq!((buffers.len(), params.len(), groups[2]), (kernel.access.len(), kernel.params, 1));
        let libraries = self.libraries;
        let run = *self.found.entry(kernel.name).or_insert_with(|| {
            let name = format!("host_{}", kernel.name);
            // SAFETY: every entry point of the compiled kernels has this type.
            let found =
                |library: &libloading::Library| unsafe { library.get::<Run>(name.as_bytes()) }.ok().map(|run| *run);
            libraries.iter().find_map(found).expect("a kernel of that name")
        });
        let pointers: Vec<*mut u8> = buffers.iter().map(|buffer| buffer.at).collect();
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the arguments are what the entry point takes; whatever a kernel does beyond a buffer's end traps.
        unsafe { run(params.as_ptr(), pointers.as_ptr(), groups.as_ptr(), kernel.group.as_ptr()) };
        Ok(())
    }

    fn wait(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// Gives a check the engine that runs the kernels on the CPU, where they can be compiled.
fn on_cpu_engine(check: impl FnOnce(&str, OnCpu)) {
    match &*KERNELS {
        Some(libraries) => check("cuda on the CPU", OnCpu { libraries, found: HashMap::new() }),
        None => suite::lacking("c++", "the CUDA kernels on the CPU: no C++ compiler"),
    }
}

fn on_cpu(check: impl Fn(&str, &mut dyn Device)) {
    on_cpu_engine(|id, engine| check(id, &mut Accelerator::new(engine, Dtype::ALL.to_vec()).unwrap()));
}

#[test]
fn cuda_seals_equal_the_portable_definition() {
    on_cpu(|id, device| suite::seals(id, device, 20_000));
}

#[test]
fn a_cuda_search_finds_the_first_nonce_that_meets_the_difficulty() {
    on_cpu(suite::searches);
}

#[test]
fn cuda_products_of_every_type_layout_and_shape_agree_with_binary64() {
    on_cpu(|id, device| suite::products(id, device, &[(1, 1, 1, 1), (3, 5, 7, 2), (65, 33, 129, 1), (130, 70, 40, 2)]));
}

#[test]
fn training_by_the_cuda_kernels_is_that_of_the_cpu() {
    let networks = [suite::training::transformer(16, 1, 2, 20), suite::training::gru(8, 24, 20)];
    on_cpu_engine(|id, engine| {
        suite::training::gradients(id, &mut Accelerator::new(engine, vec![Dtype::F32]).unwrap(), &networks);
    });
}

#[test]
fn a_cancelled_job_launches_no_more_cuda_kernels() {
    on_cpu_engine(suite::cancel::jobs);
}

#[test]
fn the_committed_ptx_is_what_clang_makes_of_the_kernels() {
    // Another version orders and names things differently: this one alone is compared. A toolkit that it finds would
    // raise the version of the PTX, so it is told of none.
    let compiler = "clang-19";
    if !runs(compiler) {
        return suite::lacking(compiler, &format!("freshness of the PTX: no {compiler}"));
    }
    for (file, architecture) in FILES {
        let output = Command::new(compiler)
            .args([
                "-x",
                "cuda",
                "--cuda-device-only",
                "-nocudainc",
                "-nocudalib",
                "--cuda-path=/nowhere",
                "-std=c++17",
                "-O3",
                "-S",
            ])
            .arg(format!("--cuda-gpu-arch={architecture}"))
            .arg(folder("cuda").join(format!("{file}.cu")))
            .args(["-o", "-"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let path = folder("cuda").join(format!("{file}.ptx"));
        if std::env::var("TAUMESH_WRITE_PTX").is_ok_and(|value| value == "1") {
            std::fs::write(&path, &output.stdout).unwrap();
        }
        assert!(
            std::fs::read(path).unwrap() == output.stdout,
            "{file}.ptx is stale: run this test with TAUMESH_WRITE_PTX=1 and commit it"
        );
    }
}

#[test]
fn the_vendors_assembler_takes_the_committed_ptx() {
    if !runs("ptxas") {
        return suite::lacking("ptxas", "assembling the PTX: no ptxas");
    }
    for (file, lowest) in FILES {
        for architecture in ["sm_70", "sm_80", "sm_90"].into_iter().filter(|&one| one >= lowest) {
            let text = folder("cuda").join(format!("{file}.ptx"));
            let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{file}-{}.cubin", std::process::id()));
            let output =
                Command::new("ptxas").arg(format!("-arch={architecture}")).arg(text).arg("-o").arg(&out).output();
            let output = output.unwrap();
            assert!(output.status.success(), "{file} {architecture}: {}", String::from_utf8_lossy(&output.stderr));
            std::fs::remove_file(out).unwrap();
        }
    }
}
