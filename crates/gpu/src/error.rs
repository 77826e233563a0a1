//! What can go wrong in the program; each error answers one request, except [`Error::Frame`], which ends the program.
use thiserror::Error;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// The stream itself is broken: nothing after this can be trusted.
    #[error("broken frame: {0}")]
    Frame(String),
    #[error("{0}")]
    Request(String),
    #[error("no device named {0}")]
    DeviceUnknown(String),
    /// The device is there and cannot be used; the text is the reason.
    #[error("{0}")]
    DeviceUnusable(String),
    /// The driver failed in a way that lasts until this process ends.
    #[error("the device was lost: {0}")]
    DeviceLost(String),
    #[error("{0}")]
    Shape(String),
    #[error("out of memory: {0}")]
    Memory(String),
    #[error("the device computes wrongly: {0}")]
    Wrong(String),
    #[error("too much work in flight: {0}")]
    Busy(String),
    #[error("the work was cancelled")]
    Cancelled,
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// The stable code that the other side matches.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Frame(_) => "GPU_FRAME",
            Self::Request(_) => "GPU_REQUEST",
            Self::DeviceUnknown(_) => "GPU_DEVICE_UNKNOWN",
            Self::DeviceUnusable(_) => "GPU_DEVICE_UNUSABLE",
            Self::DeviceLost(_) => "GPU_DEVICE_LOST",
            Self::Shape(_) => "GPU_SHAPE",
            Self::Memory(_) => "GPU_MEMORY",
            Self::Wrong(_) => "GPU_WRONG",
            Self::Busy(_) => "GPU_BUSY",
            Self::Cancelled => "GPU_CANCELLED",
            Self::Internal(_) => "GPU_INTERNAL",
        }
    }
}
