//! What libFuzzer calls. Its own `main` reads the command line; `--target=NAME` is ours, it ignores flags with two dashes.
#![allow(unsafe_code)] // two functions with the C interface that libFuzzer prescribes
use std::ffi::{CStr, c_char, c_int};
use std::sync::OnceLock;

use crate::{TARGETS, Target, target};

static CHOSEN: OnceLock<Target> = OnceLock::new();

/// Called once, before any input.
///
/// # Safety
/// `argc` and `argv` are those of `main`, as libFuzzer passes them on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LLVMFuzzerInitialize(argc: *const c_int, argv: *const *const *const c_char) -> c_int {
    // SAFETY: libFuzzer passes pointers to main's own argc and argv, valid for the whole run.
    let (count, words) = unsafe { (*argc, *argv) };
    for index in 1..usize::try_from(count).unwrap_or(0) {
        // SAFETY: `words` has `count` entries, each a string that ends with zero.
        let word = unsafe { CStr::from_ptr(*words.add(index)) };
        if let Some(name) = word.to_str().ok().and_then(|word| word.strip_prefix("--target=")) {
            let Some(found) = target(name) else { refuse(&format!("there is no fuzz target {name}")) };
            CHOSEN.get_or_init(|| found);
        }
    }
    if CHOSEN.get().is_none() {
        refuse("--target=NAME is missing");
    }
    0
}

/// Called for each input.
///
/// # Safety
/// `data` points to `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LLVMFuzzerTestOneInput(data: *const u8, size: usize) -> c_int {
    // An empty input may come with a null pointer.
    // SAFETY: libFuzzer keeps `size` bytes at `data` readable and unchanged during this call.
    let input = if size == 0 { &[] } else { unsafe { std::slice::from_raw_parts(data, size) } };
    if let Some(target) = CHOSEN.get() {
        (target.run)(input);
    }
    0
}

fn refuse(why: &str) -> ! {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    eprintln!("fuzz: {why}; one of {}", names.join(", "));
    std::process::exit(2)
}
