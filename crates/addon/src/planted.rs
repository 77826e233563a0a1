//! Bugs for tests to find (feature `planted`, in no addon that is shipped): panics, where an export can have one, and a leak.
#![allow(clippy::panic, clippy::unused_self)] // that is what they are for, and napi calls a method on an object
use napi::bindgen_prelude::{Env, Object, Result};
use napi_derive::napi;

use crate::job::{Lane, promise};

/// While JavaScript waits.
#[napi(catch_unwind)]
pub fn planted_panic() {
    panic!("planted here");
}

/// In a job, off the JavaScript thread.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn planted_job_panic(env: &Env) -> Result<Object<'_>> {
    promise(env, Lane::High, || -> std::result::Result<(), crate::failure::Failure> { panic!("planted in a job") })
}

/// Memory that nobody gives back, written so that it is there.
#[napi(catch_unwind)]
pub fn planted_leak(bytes: u32) {
    vec![1_u8; bytes as usize].leak();
}

/// In a getter, a method and a constructor.
#[napi]
pub struct Planted;

#[napi]
impl Planted {
    #[napi(constructor, catch_unwind)]
    pub fn new(fails: bool) -> Self {
        assert!(!fails, "planted in a constructor");
        Self
    }

    #[napi(getter, catch_unwind)]
    pub fn value(&self) -> u32 {
        panic!("planted in a getter");
    }

    #[napi(catch_unwind)]
    pub fn work(&self) {
        panic!("planted in a method");
    }
}
