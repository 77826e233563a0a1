//! Which instructions this processor has, and code compiled once for each set of them. All give the same bits.
#![allow(unsafe_code)] // calls into code compiled for instruction sets that were looked for first
use crate::lanes::{Lanes, Plain};

/// Work written over lanes. `run` and all that is hot in it must be `inline(always)`, so that it is compiled with the
/// instructions of the function it lands in.
pub trait Work {
    type Output;
    fn run<V: Lanes>(self) -> Self::Output;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

/// A set of instructions that this processor has: only [`Level::available`] makes one, after asking it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Kind);

impl Level {
    /// All that run here, fastest first.
    pub fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if crate::avx512::available() {
                found.push(Self(Kind::Avx512));
            }
            if is_x86_feature_detected!("avx2") {
                found.push(Self(Kind::Avx2));
            }
        }
        found.push(Self(Kind::Portable));
        found
    }

    /// The fastest one.
    pub fn best() -> Self {
        Self::available().first().copied().unwrap_or(Self(Kind::Portable))
    }

    /// Its name, for reports and tests.
    pub const fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            Kind::Portable => "portable",
        }
    }

    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        match self.0 {
            // SAFETY: such a level exists only where the processor said that it has these instructions.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { avx512(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { avx2(work) },
            Kind::Portable => work.run::<Plain>(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2,popcnt")]
fn avx512<W: Work>(work: W) -> W::Output {
    work.run::<crate::avx512::Vector>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2<W: Work>(work: W) -> W::Output {
    work.run::<Plain>()
}
