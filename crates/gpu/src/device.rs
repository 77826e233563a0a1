//! A device as the program sees it: what it can be asked, and how it is listed.
use serde::Serialize;

use crate::error::Error;
use crate::request::{Heads, Search};
use crate::shape::Shape;
use crate::train::{Job, Trained};
use crate::watch::Watch;

/// Bytes that must be free on a device: the largest pass of training keeps 256 MiB, and what it computes of them takes about
/// as much again.
pub const FREE_MIN: u64 = 512 << 20;

/// Why a device that has `free` of `total` bytes left cannot be used; none when it can.
pub fn lack_of_memory(free: u64, total: u64) -> Option<String> {
    let mib = |bytes: u64| bytes >> 20;
    (free < FREE_MIN)
        .then(|| format!("out of memory: {} of {} MiB are free, {} are needed", mib(free), mib(total), mib(FREE_MIN)))
}

/// One row of `taumesh devices`, in the form of the port's `DeviceInfo`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceInfo {
    /// `cuda:0`, `wgpu:0`, `fake:0`, ...
    pub id: String,
    pub backend: &'static str,
    pub name: String,
    /// Bytes of its own memory; none where the driver does not say.
    pub memory_bytes: Option<u64>,
    pub driver: Option<String>,
    pub features: Vec<String>,
    pub usable: bool,
    /// Why it cannot be used; none when it can.
    pub reason: Option<String>,
}

impl DeviceInfo {
    /// A backend that has no device here, so that nobody looks for it in vain.
    pub fn absent(backend: &'static str, reason: impl Into<String>) -> Self {
        Self {
            id: format!("{backend}:0"),
            backend,
            name: String::from("none"),
            memory_bytes: None,
            driver: None,
            features: Vec::new(),
            usable: false,
            reason: Some(reason.into()),
        }
    }
}

/// What a search came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The smallest nonce of the range, counted from its start, that meets the difficulty.
    pub nonce: Option<u64>,
    pub hashes: u64,
}

/// Work that every device does, with the same results: bits for seals and int8, tolerances for the floating products.
pub trait Device {
    /// # Errors
    /// `Cancelled`, `Wrong` where the definition refuses what was found, and what the driver says.
    fn search(&mut self, search: &Search, watch: &Watch) -> Result<Found, Error>;

    /// # Errors
    /// `Cancelled`, and what the driver says.
    fn heads(&mut self, heads: &Heads, watch: &Watch) -> Result<Vec<u64>, Error>;

    /// The factors and the product are little-endian bytes of the shape's sizes.
    ///
    /// # Errors
    /// `Shape`, `Memory`, `Cancelled`, and what the driver says.
    fn matmul(&mut self, shape: &Shape, a: &[u8], b: &[u8], watch: &Watch) -> Result<Vec<u8>, Error>;

    /// Trains one slice from a checkpoint, which may be empty, on a text; see [`crate::train`].
    ///
    /// # Errors
    /// `Request` for what the trainer refuses, `Memory`, `Cancelled`, and what the driver says.
    fn train(&mut self, job: &Job, checkpoint: &[u8], text: &[u8], watch: &Watch) -> Result<Trained, Error>;
}

/// Opens a device in the thread that will use it.
pub type Open = Box<dyn Fn() -> Result<Box<dyn Device>, Error> + Send>;

/// A device with the way to open it; only usable ones have one.
pub struct Listing {
    pub info: DeviceInfo,
    pub open: Option<Open>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_needs_its_least_memory_and_no_byte_more() {
        assert_eq!(lack_of_memory(FREE_MIN, 1 << 30), None);
        let reason = lack_of_memory(FREE_MIN - 1, 1 << 30);
        assert_eq!(reason.as_deref(), Some("out of memory: 511 of 1024 MiB are free, 512 are needed"));
    }
}
