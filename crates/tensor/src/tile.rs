//! The innermost loop: a few rows times two vectors of columns, all sums in registers. The same text for every vector
//! unit and dtype; what differs is how a word is loaded, spread and multiplied.
use crate::format::{Format, Number};

/// In which order the words of k lie in a panel, and so are summed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    /// As they come, one running sum.
    Straight,
    /// All k = 0 mod 16 first, then k = 1 mod 16, ...: sixteen running sums, added pairwise.
    Sixteen,
}

/// Running sums of `Order::Sixteen`.
pub(crate) const SUMS: usize = 16;

impl Order {
    /// Where word `word` of `words` lies.
    #[inline(always)]
    pub(crate) fn place(self, word: usize, words: usize) -> usize {
        match self {
            Self::Straight => word,
            Self::Sixteen => self.first(word % SUMS, words) + word / SUMS,
        }
    }

    /// Where the words of one running sum begin.
    #[inline(always)]
    pub(crate) fn first(self, sum: usize, words: usize) -> usize {
        match self {
            Self::Straight => 0,
            Self::Sixteen => sum * (words / SUMS) + sum.min(words % SUMS),
        }
    }
}

/// One dtype on one vector unit.
pub(crate) trait Kernel: Send + Sync + 'static {
    type Left: Format<Number = Self::Sum>;
    type Right: Format<Stored = <Self::Left as Format>::Stored>;
    type Sum: Number;
    /// Rows of a full tile: three steps.
    const ROWS: usize;
    /// Columns in one vector; a full tile has two.
    const LANES: usize;
    const ORDER: Order;
    /// Whether the right factor is raised by 128, which the sums of the left rows take off again.
    const RAISED: bool = false;
    /// What vectors of a right factor that is not packed are made of.
    type Lying: Copy + Send + Sync + 'static;
    /// The right factor for `tile_as_it_lies`, where the kernel has one.
    fn lying(right: &[<Self::Left as Format>::Stored]) -> Option<&[Self::Lying]>;
    /// Adds the product of two panels to a part of C, or puts it there.
    ///
    /// # Safety
    /// This CPU has the kernel's vector unit, and `tile.c` points to `tile.rows` rows of `tile.columns` elements that
    /// may be written, `tile.stride` elements from one to the next.
    unsafe fn tile(tile: &Tile<Self::Sum>);
    /// `tile` whose right factor lies as the caller has it.
    ///
    /// # Safety
    /// As `tile`.
    unsafe fn tile_as_it_lies(tile: &Tile<Self::Sum, Self::Lying>);
}

/// What one tile works on.
pub(crate) struct Tile<'a, S, R = u32> {
    /// `words` times `height` words: the rows side by side for each word of k; what lies beyond `rows` is any number.
    pub left: &'a [u32],
    /// For each word of k `vectors` vectors, columns side by side.
    pub right: &'a [R],
    /// From the vectors of one word to those of the next: as long as they are where they are packed.
    pub right_stride: usize,
    pub words: usize,
    /// Rows of the panel: one, two or three steps.
    pub height: usize,
    /// Vectors of the panel: 1 or 2.
    pub vectors: usize,
    /// The bits of what each row's sums begin with; empty for zero.
    pub start: &'a [u32],
    pub c: *mut S,
    pub stride: usize,
    pub rows: usize,
    pub columns: usize,
    /// Add to what is there.
    pub add: bool,
}

/// Has the memory of a row of C brought near, which is needed once the sums are done: it was written or read long ago, and
/// waiting for it costs more than all the tile's additions to it.
#[inline(always)]
#[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "the hint is an instruction of x86-64"))]
pub(crate) fn soon<S>(row: *const S, columns: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        const LINE: usize = 64;
        let end = row.wrapping_add(columns).cast::<i8>().wrapping_sub(1);
        for line in (0..columns * size_of::<S>()).step_by(LINE) {
            // SAFETY: a hint, which reads nothing and takes any address.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(row.cast::<i8>().wrapping_add(line)) };
        }
        // SAFETY: as above.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(end) };
    }
}

/// Defines `unsafe fn name(&Tile)`. The parts: `zero` vector, `load` and `store` of a vector by pointer, `right`, the load of
/// a vector of the right factor, `splat` of a word, `plus` of two vectors, and `step(sum, left, right)`.
macro_rules! tile_function {
    (
        $(#[$attribute:meta])*
        fn $name:ident(sum: $sum:ty, vector: $vector:ty, lanes: $lanes:literal, step of rows: $rows:literal, order: $order:expr),
        zero: $zero:expr, load: $load:expr, store: $store:expr, right of $right:ty: $load_right:expr, splat: $splat:expr,
        plus: $plus:expr, step: $step:expr $(,)?
    ) => {
        /// # Safety
        /// As `Kernel::tile`.
        #[allow(clippy::redundant_closure_call)]
        unsafe fn $name(tile: &$crate::tile::Tile<$sum, $right>) {
            use $crate::tile::{Order, SUMS, Tile, soon};

            /// # Safety
            /// As `Kernel::tile`.
            $(#[$attribute])*
            #[allow(clippy::redundant_closure)]
            unsafe fn sized<const R: usize, const V: usize>(tile: &Tile<$sum, $right>) {
                let (zero, load, store, load_right) = ($zero, $load, $store, $load_right);
                let (splat, plus, step) = ($splat, $plus, $step);
                assert!(tile.left.len() >= tile.words * R);
                assert!(tile.words == 0 || tile.right.len() >= (tile.words - 1) * tile.right_stride + V * $lanes);
                assert!(tile.rows <= R && tile.columns <= V * $lanes);
                for row in 0..tile.rows {
                    soon(tile.c.wrapping_add(row * tile.stride), tile.columns);
                }
                let run = |first: usize, count: usize, mut sums: [[$vector; V]; R]| {
                    // SAFETY: the callers below stay within `tile.words`, for which both panels are long enough (asserted).
                    unsafe {
                        let mut left = tile.left.as_ptr().add(first * R);
                        let mut right = tile.right.as_ptr().wrapping_add(first * tile.right_stride);
                        for _ in 0..count {
                            let mut line = [zero; V];
                            for (index, line) in line.iter_mut().enumerate() {
                                *line = load_right(right.add(index * $lanes));
                            }
                            for (row, sums) in sums.iter_mut().enumerate() {
                                let factor = splat(*left.add(row));
                                for (sum, &line) in sums.iter_mut().zip(&line) {
                                    *sum = step(*sum, factor, line);
                                }
                            }
                            left = left.add(R);
                            right = right.wrapping_add(tile.right_stride);
                        }
                    }
                    sums
                };
                let sums = if $order == Order::Straight {
                    let mut start = [[zero; V]; R];
                    if let Some(from) = tile.start.get(..R) {
                        for (row, &from) in start.iter_mut().zip(from) {
                            *row = [splat(from); V];
                        }
                    }
                    run(0, tile.words, start)
                } else {
                    // Sums in the order of their reversed bits, so that each pair is added as soon as both are there.
                    let mut waiting = [[[zero; V]; R]; 4];
                    let mut all = [[zero; V]; R];
                    for turn in 0..SUMS {
                        let sum = (turn as u8).reverse_bits() as usize >> 4;
                        let first = $order.first(sum, tile.words);
                        all = run(first, $order.first(sum + 1, tile.words) - first, [[zero; V]; R]);
                        let pairs = turn.trailing_ones() as usize;
                        for earlier in &waiting[..pairs] {
                            for (all, earlier) in all.iter_mut().zip(earlier) {
                                for (all, &earlier) in all.iter_mut().zip(earlier) {
                                    *all = plus(earlier, *all);
                                }
                            }
                        }
                        if let Some(place) = waiting.get_mut(pairs) {
                            *place = all;
                        }
                    }
                    all
                };
                for (row, sums) in sums.iter().enumerate() {
                    for (index, &sum) in sums.iter().enumerate() {
                        let columns = tile.columns.saturating_sub(index * $lanes).min($lanes);
                        if row >= tile.rows || columns == 0 {
                            continue;
                        }
                        // SAFETY: this row and these columns lie within what the caller says may be written; a part of a
                        // vector goes through an array of its own.
                        unsafe {
                            let out = tile.c.add(row * tile.stride + index * $lanes);
                            if columns == $lanes {
                                let out = out.cast::<u32>();
                                store(out, if tile.add { plus(load(out), sum) } else { sum });
                            } else {
                                let mut part = [<$sum>::default(); $lanes];
                                if tile.add {
                                    std::ptr::copy_nonoverlapping(out, part.as_mut_ptr(), columns);
                                }
                                let place = part.as_mut_ptr().cast::<u32>();
                                store(place, if tile.add { plus(load(place), sum) } else { sum });
                                std::ptr::copy_nonoverlapping(part.as_ptr(), out, columns);
                            }
                        }
                    }
                }
            }
            // SAFETY: the caller's promise, passed on.
            unsafe {
                match (tile.height / $rows, tile.vectors) {
                    (1, 1) => sized::<$rows, 1>(tile),
                    (1, _) => sized::<$rows, 2>(tile),
                    (2, 1) => sized::<{ 2 * $rows }, 1>(tile),
                    (2, _) => sized::<{ 2 * $rows }, 2>(tile),
                    (_, 1) => sized::<{ 3 * $rows }, 1>(tile),
                    _ => sized::<{ 3 * $rows }, 2>(tile),
                }
            }
        }
    };
}
pub(crate) use tile_function;

/// Defines a kernel that calls a tile function.
macro_rules! kernel {
    ($(#[$attribute:meta])* $name:ident$(<$wide:ident>)?, $left:ty, $right:ty, $sum:ty, $function:ident, rows: $rows:literal, lanes: $lanes:literal, $order:expr $(, raised: $raised:literal)?) => {
        $(#[$attribute])*
        pub(crate) struct $name$(<$wide>(std::marker::PhantomData<$wide>))?;

        impl$(<$wide: $crate::format::Format<Number = $sum> + Send + Sync + 'static>)? $crate::tile::Kernel for $name$(<$wide>)? {
            type Left = $left;
            type Right = $right;
            type Sum = $sum;
            const ROWS: usize = 3 * $rows;
            const LANES: usize = $lanes;
            const ORDER: $crate::tile::Order = $order;
            $(const RAISED: bool = $raised;)?
            type Lying = u32;
            fn lying(right: &[<$left as $crate::format::Format>::Stored]) -> Option<&[u32]> {
                <$right as $crate::format::Format>::words(right)
            }
            unsafe fn tile(tile: &$crate::tile::Tile<$sum>) {
                // SAFETY: the caller's promise, passed on.
                unsafe { $function(tile) }
            }
            unsafe fn tile_as_it_lies(tile: &$crate::tile::Tile<$sum>) {
                // SAFETY: the caller's promise, passed on.
                unsafe { $function(tile) }
            }
        }
    };
}
pub(crate) use kernel;
