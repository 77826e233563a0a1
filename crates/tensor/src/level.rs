//! Which vectors the kernels use: the widest of this CPU, unless narrower ones are forced to compare bits.
use std::sync::atomic::{AtomicU8, Ordering};

use pulp::Arch;

/// A set of vector instructions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Level {
    /// Whatever this CPU has.
    Widest = 0,
    /// At most AVX2 with fused multiply-add.
    Avx2 = 1,
    /// One number at a time.
    Portable = 2,
}

static FORCED: AtomicU8 = AtomicU8::new(Level::Widest as u8);

/// Makes the whole process use `level` from now on; false when this CPU lacks it. For tests that compare bits: factors
/// that were packed before keep the form of the level they were packed under, so pack again.
pub fn force(level: Level) -> bool {
    if level == Level::Avx2 && avx2().is_none() {
        return false;
    }
    FORCED.store(level as u8, Ordering::SeqCst);
    true
}

#[cfg(target_arch = "x86_64")]
fn avx2() -> Option<Arch> {
    pulp::x86::V3::try_new().map(Arch::V3)
}

#[cfg(not(target_arch = "x86_64"))]
fn avx2() -> Option<Arch> {
    None
}

/// What to dispatch on.
#[inline]
pub fn arch() -> Arch {
    const AVX2: u8 = Level::Avx2 as u8;
    const PORTABLE: u8 = Level::Portable as u8;
    match FORCED.load(Ordering::Relaxed) {
        AVX2 => avx2().unwrap_or_default(),
        PORTABLE => Arch::Scalar,
        _ => Arch::new(),
    }
}
