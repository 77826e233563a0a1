//! How a failure crosses to JavaScript: `CODE: text` in the message, which `src/native/errors.ts` turns into a
//! `NodeError`. The code begins with the crate it comes from.
use std::any::Any;

use napi::bindgen_prelude::{Error, Status, panic_to_error};

/// A typed failure of a native call.
#[derive(Debug)]
pub struct Failure {
    code: &'static str,
    text: String,
}

impl Failure {
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// Of a panic that was caught, in its own words.
    pub fn panic(payload: Box<dyn Any + Send>) -> Self {
        Self::new("NATIVE_PANIC", panic_to_error(payload).reason.clone())
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Error::new(Status::GenericFailure, format!("{}: {}", failure.code, failure.text))
    }
}
