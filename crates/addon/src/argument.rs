//! Checks on what JavaScript hands over, before anything is done with it.
use std::time::Duration;

use napi::bindgen_prelude::{BigInt, Float64Array};

use crate::failure::Failure;

fn refuse(text: String) -> Failure {
    Failure::new("NATIVE_ARGUMENT", text)
}

/// Exactly N bytes; a detached buffer has none.
pub fn fixed<const N: usize>(name: &str, bytes: &[u8]) -> Result<[u8; N], Failure> {
    bytes.try_into().map_err(|_| refuse(format!("{name} must be {N} bytes, not {}", bytes.len())))
}

/// A bigint in 0..2⁶⁴-1.
pub fn unsigned(name: &str, number: &BigInt) -> Result<u64, Failure> {
    let (negative, value, lossless) = number.get_u64();
    if lossless && (!negative || value == 0) {
        Ok(value)
    } else {
        Err(refuse(format!("{name} must be a bigint from 0 to 2^64-1")))
    }
}

/// A time in milliseconds; what is below 0 or over `most` is cut there.
pub fn milliseconds(name: &str, number: f64, most: f64) -> Result<Duration, Failure> {
    if number.is_nan() {
        return Err(refuse(format!("{name} must be a number")));
    }
    Ok(Duration::from_secs_f64(number.clamp(0.0, most) / 1_000.0))
}

/// Numbers that the caller lends for a result. JavaScript can hand over the same memory twice: what is written must lie
/// apart from all that is read for it.
#[allow(unsafe_code)] // memory of JavaScript is written
pub fn lent<'a>(into: &'a mut Float64Array, read: &[&[u8]]) -> Result<&'a mut [f64], Failure> {
    let (begin, end) = (into.as_ptr().addr(), into.as_ptr_range().end.addr());
    let shares = |bytes: &[u8]| bytes.as_ptr().addr() < end && begin < bytes.as_ptr_range().end.addr();
    if read.iter().any(|bytes| shares(bytes)) {
        return Err(refuse("the result shares memory with what it is made of".to_string()));
    }
    // SAFETY: no JavaScript runs on this thread until the call is over, memory that other threads can write is refused by
    // `src/native/argument.ts`, and as was just seen nothing else that this call holds lies there.
    Ok(unsafe { into.as_mut() })
}
