//! Checks on what JavaScript hands over, before anything is done with it.
use napi::bindgen_prelude::BigInt;

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
