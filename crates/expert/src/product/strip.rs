//! Some columns of a product, tile by tile: a few rows times a few vectors of columns, all sums in registers.
//!
//! In fast mode an element is one chain of fused multiply-adds in the order of the inner index. In exact mode it has the
//! order of `tensor`'s exact product: sixteen running sums by the inner index mod 16, each rounded after the multiplication
//! and after the addition, then added pairwise.
use pulp::{MemMask, Simd};
use tensor::kernels::LANES;

/// Where the columns lie; whoever makes one vouches for its pointers.
pub struct Strip {
    pub a: *const f32,
    pub a_row: usize,
    pub a_inner: usize,
    pub b: *const f32,
    pub b_inner: usize,
    pub c: *mut f32,
    pub c_row: usize,
    pub rows: usize,
    pub inner: usize,
    pub add: bool,
}

/// One sum for each element of a tile.
type Sums<S, const R: usize, const V: usize> = [[<S as Simd>::f32s; V]; R];

/// Halvings of sixteen sums.
const HALVINGS: usize = LANES.ilog2() as usize;

impl Strip {
    /// All rows, `R` at a time, the last ones fewer.
    ///
    /// # Safety
    /// Every element of the three matrices in these columns, `mask` of one vector or `V` vectors, is there.
    #[inline(always)]
    pub unsafe fn columns<S: Simd, const R: usize, const V: usize, const EXACT: bool>(
        &self,
        simd: S,
        mask: Option<MemMask<S::m32s>>,
    ) {
        // SAFETY: rows below `self.rows` alone, as the caller promises.
        unsafe {
            let row = self.rows::<S, R, V, EXACT>(simd, 0, mask);
            let row = self.rows::<S, 4, V, EXACT>(simd, row, mask);
            let row = self.rows::<S, 2, V, EXACT>(simd, row, mask);
            self.rows::<S, 1, V, EXACT>(simd, row, mask);
        }
    }

    /// As many tiles of `R` rows from `row` on as there are; gives the first row that is left.
    ///
    /// # Safety
    /// As for [`Self::columns`].
    #[inline(always)]
    unsafe fn rows<S: Simd, const R: usize, const V: usize, const EXACT: bool>(
        &self,
        simd: S,
        mut row: usize,
        mask: Option<MemMask<S::m32s>>,
    ) -> usize {
        // Once for all tiles: it is only read where it was written for the same tile.
        let mut waiting = [[[simd.splat_f32s(0.0); V]; R]; HALVINGS];
        while row + R <= self.rows {
            // SAFETY: as the caller promises; which stride is 1 is told apart so that the compiler knows it.
            unsafe {
                let a = self.a.add(row * self.a_row);
                let sums = if self.a_row == 1 {
                    self.tile::<S, R, V, EXACT>(simd, a, (1, self.a_inner), mask, &mut waiting)
                } else {
                    self.tile::<S, R, V, EXACT>(simd, a, (self.a_row, 1), mask, &mut waiting)
                };
                self.write::<S, R, V>(simd, row, sums, mask);
            }
            row += R;
        }
        row
    }

    /// Sums into the `R` rows of C from `row` on, or onto what is there.
    ///
    /// # Safety
    /// As for [`Self::columns`], and C has these rows.
    #[inline(always)]
    unsafe fn write<S: Simd, const R: usize, const V: usize>(
        &self,
        simd: S,
        row: usize,
        sums: Sums<S, R, V>,
        mask: Option<MemMask<S::m32s>>,
    ) {
        for (r, sums) in sums.into_iter().enumerate() {
            for (v, sum) in sums.into_iter().enumerate() {
                // SAFETY: these elements are there, as the caller promises.
                unsafe {
                    let out = self.c.add((row + r) * self.c_row + v * S::F32_LANES);
                    if let Some(mask) = mask {
                        let sum = if self.add { simd.add_f32s(simd.mask_load_ptr_f32s(mask, out), sum) } else { sum };
                        simd.mask_store_ptr_f32s(mask, out, sum);
                    } else {
                        let out = out.cast::<S::f32s>();
                        let sum = if self.add { simd.add_f32s(out.read_unaligned(), sum) } else { sum };
                        out.write_unaligned(sum);
                    }
                }
            }
        }
    }

    /// Sums over the whole inner index.
    ///
    /// # Safety
    /// As for [`Self::columns`], and `a` points to `R` rows of A, `strides` from row to row and along the inner index.
    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize, const V: usize, const EXACT: bool>(
        &self,
        simd: S,
        a: *const f32,
        strides: (usize, usize),
        mask: Option<MemMask<S::m32s>>,
        waiting: &mut [Sums<S, R, V>; HALVINGS],
    ) -> Sums<S, R, V> {
        if !EXACT {
            // SAFETY: as the caller promises.
            return unsafe { self.chain::<S, R, V, EXACT>(simd, a, strides, mask, (0, 1)) };
        }
        let mut all = [[simd.splat_f32s(0.0); V]; R];
        // Sums in the order of their reversed bits, so that each pair is added as soon as both are there.
        for turn in 0..LANES {
            let sum = turn.reverse_bits() >> (usize::BITS as usize - HALVINGS);
            // SAFETY: as the caller promises.
            all = unsafe { self.chain::<S, R, V, EXACT>(simd, a, strides, mask, (sum, LANES)) };
            let pairs = turn.trailing_ones() as usize;
            for earlier in &waiting[..pairs] {
                for (all, earlier) in all.as_flattened_mut().iter_mut().zip(earlier.as_flattened()) {
                    *all = simd.add_f32s(*earlier, *all);
                }
            }
            if let Some(place) = waiting.get_mut(pairs) {
                *place = all;
            }
        }
        all
    }

    /// Sums over every `step`-th inner index from `first` on, in their order.
    ///
    /// # Safety
    /// As for [`Self::tile`].
    #[inline(always)]
    unsafe fn chain<S: Simd, const R: usize, const V: usize, const EXACT: bool>(
        &self,
        simd: S,
        a: *const f32,
        (a_row, a_inner): (usize, usize),
        mask: Option<MemMask<S::m32s>>,
        (first, step): (usize, usize),
    ) -> Sums<S, R, V> {
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        let mut k = first;
        while k < self.inner {
            // SAFETY: k is below the inner dimension, so these elements are there, as the caller promises.
            unsafe {
                let line = self.b.add(k * self.b_inner);
                let mut right = [simd.splat_f32s(0.0); V];
                for (v, right) in right.iter_mut().enumerate() {
                    *right = match mask {
                        Some(mask) => simd.mask_load_ptr_f32s(mask, line),
                        None => line.add(v * S::F32_LANES).cast::<S::f32s>().read_unaligned(),
                    };
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    let left = simd.splat_f32s(*a.add(r * a_row + k * a_inner));
                    for (sum, &right) in sums.iter_mut().zip(&right) {
                        *sum = if EXACT {
                            simd.add_f32s(*sum, simd.mul_f32s(left, right))
                        } else {
                            simd.mul_add_f32s(left, right, *sum)
                        };
                    }
                }
            }
            k += step;
        }
        sums
    }
}
