//! The product whose bits are the same on every CPU: each element is 16 running sums over k mod 16, added pairwise,
//! with no fused multiply-add. Vectors run over columns, so the sums of one element never meet another's, and neither
//! their width nor the cutting into tiles changes anything.
#![allow(unsafe_code)] // tiles write through a pointer
use std::cell::Cell;

#[cfg(target_arch = "x86_64")]
use pulp::Arch;

use crate::blocks::{Panels, Target, multiply as blocks};
use crate::format::Single;
#[cfg(target_arch = "x86_64")]
use crate::level::arch;
use crate::matmul::{Into, View, ViewMut};
use crate::pack::{Layout, pack};
use crate::portable;
use crate::tile::{Kernel, Order};

thread_local! {
    /// Memory of the packed factors, used again by the next product of this thread.
    static SCRATCH: Cell<Vec<u32>> = const { Cell::new(Vec::new()) };
}

/// Words that a thread keeps: 4 MiB.
const KEPT_MAX: usize = 1 << 20;

/// c = a·b or c += a·b on the caller's thread; shapes were checked by the caller.
pub fn multiply(a: View, b: View, c: ViewMut, into: Into) {
    #[cfg(target_arch = "x86_64")]
    {
        use crate::{avx2, avx512};
        match arch() {
            // SAFETY: the unit is there.
            Arch::V4(_) => return unsafe { with::<avx512::Exact<Single>>(a, b, c, into) },
            // SAFETY: the unit is there.
            Arch::V3(_) => return unsafe { with::<avx2::Exact<Single>>(a, b, c, into) },
            _ => {}
        }
    }
    // SAFETY: it needs no unit.
    unsafe { with::<portable::Exact<Single>>(a, b, c, into) }
}

/// # Safety
/// This CPU has the kernel's unit.
unsafe fn with<K: Kernel<Left = Single, Right = Single, Sum = f32>>(a: View, b: View, c: ViewMut, into: Into) {
    let ViewMut { data, rows, columns, row_stride } = c;
    if a.columns == 0 && into == Into::Replace {
        for row in 0..rows {
            data[row * row_stride..][..columns].fill(0.0);
        }
    }
    let left = Layout { lines: a.rows, words: a.columns, full: K::ROWS, step: K::ROWS / 3 };
    let right = Layout { lines: b.columns, words: a.columns, full: 2 * K::LANES, step: K::LANES };
    let mut scratch = SCRATCH.take();
    let length = left.size() + right.size();
    if scratch.len() < length {
        scratch.resize(length, 0);
    }
    let (left_words, right_words) = scratch[..length].split_at_mut(left.size());
    pack::<Single>(a, left, Order::Sixteen, 0, left_words);
    pack::<Single>(b.t(), right, Order::Sixteen, 0, right_words);
    let factors = (
        Panels { words: left_words, layout: left, stride: None },
        Panels { words: right_words, layout: right, stride: None },
    );
    let target = Target { c: data.as_mut_ptr(), stride: row_stride };
    // SAFETY: the unit is there, says the caller; `c` is borrowed exclusively, and the panels are those of its shape.
    unsafe { blocks::<K>(factors, (0..left.panels(), 0..right.panels()), &[], target, into, |_| true) };
    if scratch.len() <= KEPT_MAX {
        SCRATCH.set(scratch);
    }
}
