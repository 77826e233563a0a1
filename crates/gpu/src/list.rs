//! The devices of this machine, each with the reason where it cannot be used.
use crate::device::Listing;
use crate::error::Error;
use crate::fake::Script;
use crate::{cuda, vulkan};

/// What the environment and the command line say about devices.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// The fake device instead of all others.
    pub fake: Option<Script>,
    /// Software renderers may be used: correct, and slower than the CPU's own code.
    pub software: bool,
}

impl Choice {
    /// `TAUMESH_GPU_FAKE` (see [`crate::fake`]) and `TAUMESH_GPU_SOFTWARE=1`.
    ///
    /// # Errors
    /// `Request` for a fake device that is described wrongly.
    pub fn from_environment() -> Result<Self, Error> {
        let fake = std::env::var("TAUMESH_GPU_FAKE").ok().map(|text| Script::parse(&text)).transpose()?;
        Ok(Self { fake, software: std::env::var("TAUMESH_GPU_SOFTWARE").is_ok_and(|value| value == "1") })
    }
}

/// Looks for all devices.
pub fn devices(choice: Choice) -> Vec<Listing> {
    if let Some(script) = choice.fake {
        return vec![script.listing()];
    }
    let mut found = cuda::listings();
    found.extend(vulkan::listings(choice.software));
    found
}
