//! Kernels in plain Rust, which compilers turn into the vectors that every CPU of the target has (NEON on arm64).
use crate::format::ShortPair;
use crate::tile::{Order, kernel, tile_function};

const LANES: usize = 8;

/// Whether a fused multiply-add is one instruction on every CPU of this target.
const FUSED: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));

type Floats = [f32; LANES];
type Wholes = [i32; LANES];

#[inline(always)]
fn map<T: Copy>(mut x: [T; LANES], y: [T; LANES], with: impl Fn(T, T) -> T) -> [T; LANES] {
    for (x, y) in x.iter_mut().zip(y) {
        *x = with(*x, y);
    }
    x
}

macro_rules! portable_tile {
    ($name:ident, $sum:ty, $order:expr, splat: $splat:expr, plus: $plus:expr, step: $step:expr) => {
        tile_function! {
            fn $name(sum: $sum, vector: [$sum; LANES], lanes: 8, step of rows: 2, order: $order),
            zero: [<$sum>::default(); LANES],
            // SAFETY: words and numbers have one size and alignment, and any bits are a number.
            load: |from: *const u32| unsafe { from.cast::<[$sum; LANES]>().read() },
            // SAFETY: as for `load`.
            store: |to: *mut u32, vector: [$sum; LANES]| unsafe { to.cast::<[$sum; LANES]>().write(vector) },
            // SAFETY: as for `load`.
            right of u32: |from: *const u32| unsafe { from.cast::<[$sum; LANES]>().read() },
            splat: $splat,
            plus: $plus,
            step: $step,
        }
    };
}

portable_tile!(
    fused_tile, f32, Order::Straight,
    splat: |word: u32| [f32::from_bits(word); LANES],
    plus: |x: Floats, y: Floats| map(x, y, |x, y| x + y),
    step: |sum: Floats, left: Floats, right: Floats| {
        if FUSED {
            let mut sum = sum;
            for (sum, (left, right)) in sum.iter_mut().zip(left.into_iter().zip(right)) {
                *sum = left.mul_add(right, *sum);
            }
            sum
        } else {
            map(sum, map(left, right, |x, y| x * y), |x, y| x + y)
        }
    }
);
portable_tile!(
    exact_tile, f32, Order::Sixteen,
    splat: |word: u32| [f32::from_bits(word); LANES],
    plus: |x: Floats, y: Floats| map(x, y, |x, y| x + y),
    step: |sum: Floats, left: Floats, right: Floats| map(sum, map(left, right, |x, y| x * y), |x, y| x + y)
);
portable_tile!(
    short_tile, i32, Order::Straight,
    splat: |word: u32| [word as i32; LANES],
    plus: |x: Wholes, y: Wholes| map(x, y, i32::wrapping_add),
    step: |sum: Wholes, left: Wholes, right: Wholes| {
        let low = map(left, right, |x, y| i32::from(x as i16) * i32::from(y as i16));
        let high = map(left, right, |x, y| (x >> 16) * (y >> 16));
        map(sum, map(low, high, i32::wrapping_add), i32::wrapping_add)
    }
);

kernel!(/** Numbers widened to f32, fused where the target can. */
    Fused<F>, F, F, f32, fused_tile, rows: 2, lanes: 8, Order::Straight);
kernel!(/** The exact order of numbers widened to f32. */
    Exact<F>, F, F, f32, exact_tile, rows: 2, lanes: 8, Order::Sixteen);
kernel!(/** Pairs of int8 as i16. */
    Short, ShortPair, ShortPair, i32, short_tile, rows: 2, lanes: 8, Order::Straight);
