//! What a panic says: its words go to the caller as `NATIVE_PANIC` (by napi's `catch_unwind` and by `promise` of `job.rs`),
//! and nothing to the terminal, unless somebody asked for it by `RUST_BACKTRACE`.
use std::{env, panic};

#[napi_derive::module_init]
fn quiet() {
    if env::var_os("RUST_BACKTRACE").is_none() {
        panic::set_hook(Box::new(|_| {}));
    }
}
