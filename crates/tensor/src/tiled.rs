//! Products by tiles, slice by slice of k. All threads pack the right factor of a slice; then each packs blocks of rows of the
//! left one, and multiplies them while they lie in its second cache. What is packed is used soon: of two factors of 2,048 by
//! 2,048 packed whole, each word would go through memory three times.
//!
//! A right factor small enough for the second cache is read where it lies; then the left one is packed ahead, by all.
#![allow(unsafe_code)] // threads fill and read the same memory, and write their blocks of one product, by pointer
use std::cell::RefCell;
use std::ops::Range;
use std::sync::atomic::Ordering;

use crate::blocks::{Panels, Target, multiply};
use crate::error::Error;
use crate::format::{Format, Number};
use crate::memory::Words;
use crate::pack::{Layout, corrections, pack};
use crate::plan::{Grid, Plan};
use crate::product::{Control, Product};
use crate::results::room;
use crate::shape::Shape;
use crate::share::{share, share_stages};
use crate::tile::{Kernel, Order};

type Stored<K> = <<K as Kernel>::Left as Format>::Stored;

/// Words of either factor, for the right one to be read where it lies: 1 MiB, the second cache, in which packed words would
/// have to lie beside it. Packing it costs a product of 256 or 512 rows more than its rows being far apart.
const AS_IT_LIES_MAX: usize = 1 << 18;
/// Words of such a factor that are read again for every block of rows: 256 KiB. Then each thread packs its own rows, and
/// waits for no other.
const AGAIN_MAX: usize = 1 << 16;
/// Packed slices that are there at once: one is packed while another is multiplied and a third is still read by a late
/// thread.
const RING: usize = 3;
/// Words of a thread's block that are kept for its next one.
const KEPT_MAX: usize = 1 << 18;

thread_local! {
    /// Where this thread packs its blocks.
    static BLOCK: RefCell<Words> = RefCell::new(Words::new(0));
}

/// Does `work` with so many words of this thread; what they hold at first is any number.
fn with_block<R>(length: usize, work: impl FnOnce(&mut [u32]) -> R) -> R {
    BLOCK.with_borrow_mut(|block| {
        if block.len() < length {
            *block = Words::new(length);
        }
        // SAFETY: they are this thread's alone.
        let result = work(unsafe { block.part(0..length) });
        if length > KEPT_MAX {
            *block = Words::new(0);
        }
        result
    })
}

/// What all threads do of a slice before any goes on.
#[derive(Clone, Copy)]
enum Stage {
    Pack(usize),
    Multiply(usize),
    /// Keeps two others apart.
    Nothing,
}

/// What all threads pack together before they multiply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ahead {
    Left,
    Right,
    Neither,
}

impl Ahead {
    fn of(self, plan: Plan, slice: usize) -> Option<Layout> {
        match self {
            Self::Left => Some(plan.left(slice)),
            Self::Right => Some(plan.right(slice)),
            Self::Neither => None,
        }
    }
}

/// Slices of one factor, packed.
struct Ring {
    words: Words,
    slices: usize,
    /// From the words of one slice to those of the next.
    size: usize,
}

impl Ring {
    fn new(slices: usize, words: usize) -> Self {
        /// Slices begin on cache lines.
        const LINE: usize = 16;
        let size = words.next_multiple_of(LINE);
        Self { words: Words::new(slices * size), slices, size }
    }

    /// Where a part of a slice lies.
    fn place(&self, slice: usize, part: Range<usize>) -> Range<usize> {
        let start = slice % self.slices * self.size;
        start + part.start..start + part.end
    }
}

/// One product of a batch.
struct Tiled<'a, K: Kernel> {
    plan: Plan,
    grid: Grid,
    index: usize,
    a: &'a [Stored<K>],
    b: &'a [Stored<K>],
    /// The right factor, the elements of one k after those of another, where it is not packed.
    as_it_lies: Option<&'a [K::Lying]>,
    ring: Ring,
    /// What is in the ring.
    ahead: Ahead,
    target: Target<K::Sum>,
    control: &'a Control<'a>,
}

/// Multiplies while the caller waits.
pub(crate) fn product<K: Kernel>(
    plan: Plan,
    a: &[Stored<K>],
    b: &[Stored<K>],
    threads: usize,
    control: &Control,
) -> Result<Product, Error> {
    let Shape { batch, m, n, .. } = plan.shape;
    let length = batch * m * n;
    let mut c = room::<K::Sum>(length);
    let target = Target { c: c.as_mut_ptr(), stride: n };
    let one = |index: usize, threads: usize| {
        let target = Target { c: target.at(index * m * n), ..target };
        // SAFETY: kernels are only chosen for units that are there, and nobody else writes this product.
        unsafe { Tiled::<K>::new(plan, index, (a, b), target, threads, control).run(threads) };
    };
    if plan.one_each(threads) {
        share(batch, threads, &|index| one(index, 1));
    } else {
        (0..batch).for_each(|index| one(index, plan.threads(threads)));
    }
    if control.cancelled.load(Ordering::Relaxed) {
        return Err(Error::Cancelled);
    }
    // SAFETY: nothing was cancelled, so every block was done, and together they wrote every element.
    unsafe { c.set_len(length) };
    Ok(K::Sum::product(c))
}

impl<'a, K: Kernel> Tiled<'a, K> {
    fn new(
        plan: Plan,
        index: usize,
        (a, b): (&'a [Stored<K>], &'a [Stored<K>]),
        target: Target<K::Sum>,
        threads: usize,
        control: &'a Control,
    ) -> Self {
        let Shape { m, k, n, transpose_b, .. } = plan.shape;
        let small = (m * k).max(k * n) <= AS_IT_LIES_MAX;
        let fits = small && !transpose_b && n % K::LANES == 0 && K::ORDER == Order::Straight && !K::RAISED;
        let as_it_lies = K::lying(b).filter(|_| fits).map(|elements| &elements[index * k * n..][..k * n]);
        let ahead = match as_it_lies {
            Some(elements) if elements.len() <= AGAIN_MAX => Ahead::Neither,
            Some(_) => Ahead::Left,
            None => Ahead::Right,
        };
        let grid = if ahead == Ahead::Left { plan.squares(threads) } else { plan.rows(threads) };
        let slices = if threads == 1 { 1 } else { RING.min(plan.slices()) };
        let ring = Ring::new(slices, ahead.of(plan, 0).map_or(0, Layout::size));
        Self { plan, grid, index, a, b, as_it_lies, ring, ahead, target, control }
    }

    /// # Safety
    /// This CPU has the kernel's unit, and nobody else reads or writes the target.
    unsafe fn run(&self, threads: usize) {
        let slices = self.plan.slices();
        let stages: Vec<Stage> = if threads == 1 {
            (0..slices).flat_map(|slice| [Stage::Pack(slice), Stage::Multiply(slice)]).collect()
        } else {
            // A stage begins once the second and the third before it are done. So a slice is packed two stages before it is
            // multiplied, and three after that whose place it takes was.
            let ahead = |slice: usize| if slice < slices { Stage::Pack(slice) } else { Stage::Nothing };
            let later = (0..slices).flat_map(|slice| [ahead(slice + 1), Stage::Multiply(slice)]);
            std::iter::once(Stage::Pack(0)).chain(later).collect()
        };
        let tasks: Vec<usize> = stages
            .iter()
            .map(|stage| match *stage {
                Stage::Pack(slice) => self.ahead.of(self.plan, slice).map_or(0, Layout::pieces),
                Stage::Multiply(_) => self.grid.blocks(),
                Stage::Nothing => 0,
            })
            .collect();
        share_stages(&tasks, threads, &|stage, task| {
            if self.control.cancelled.load(Ordering::Relaxed) {
                return;
            }
            match stages[stage] {
                // SAFETY: each piece is packed once, after all that was read at its place.
                Stage::Pack(slice) => unsafe { self.pack(slice, task) },
                // SAFETY: the slice is packed, and the same block of the slice before is done.
                Stage::Multiply(slice) => unsafe { self.multiply(slice, task) },
                Stage::Nothing => {}
            }
        });
    }

    /// # Safety
    /// Nobody else reads or writes this piece of the ring.
    unsafe fn pack(&self, slice: usize, piece: usize) {
        let Some(layout) = self.ahead.of(self.plan, slice) else { return };
        let from = piece * layout.piece();
        let place = self.ring.place(slice, layout.start(from)..layout.start(from + layout.piece()));
        // SAFETY: the caller's promise.
        let out = unsafe { self.ring.words.part(place) };
        let elements = self.plan.elements(slice);
        let shape = self.plan.shape;
        if self.ahead == Ahead::Left {
            pack::<K::Left>(shape.left(self.a, self.index).part(elements), layout, K::ORDER, from, out);
        } else {
            pack::<K::Right>(shape.right(self.b, self.index).t().part(elements), layout, K::ORDER, from, out);
        }
    }

    /// # Safety
    /// The slice is packed, and nobody else reads or writes this block of the target.
    unsafe fn multiply(&self, slice: usize, block: usize) {
        let (rows, columns) = self.grid.block(block);
        let left = self.plan.left(slice);
        let size = self.ahead.of(self.plan, slice).map_or(0, Layout::size);
        // SAFETY: packed, says the caller.
        let packed = unsafe { self.ring.words.read(self.ring.place(slice, 0..size)) };
        let elements = self.plan.elements(slice);
        if self.ahead == Ahead::Left {
            let left = Panels { words: packed, layout: left, first: 0, stride: None };
            // SAFETY: the caller's promises.
            unsafe { self.add((left, packed), (rows, columns), &[], slice) };
            return;
        }
        let x = self.plan.shape.left(self.a, self.index).part(elements);
        let lines = rows.start * left.full..left.lines.min(rows.end * left.full);
        let size = left.start(rows.end) - left.start(rows.start);
        with_block(size + if K::RAISED { lines.len() } else { 0 }, |words| {
            let (words, starts) = words.split_at_mut(size);
            if K::RAISED {
                corrections::<K::Left>(x, lines, starts);
            }
            pack::<K::Left>(x, left, K::ORDER, rows.start, words);
            let left = Panels { words, layout: left, first: rows.start, stride: None };
            // SAFETY: the caller's promises.
            unsafe { self.add((left, packed), (rows, columns), starts, slice) };
        });
    }

    /// The right factor is the packed words, unless it is read as it lies.
    ///
    /// # Safety
    /// This CPU has the kernel's unit, and nobody else reads or writes this block of the target.
    unsafe fn add(
        &self,
        (left, packed): (Panels, &[u32]),
        block: (Range<usize>, Range<usize>),
        starts: &[u32],
        slice: usize,
    ) {
        let go_on = |done: usize| {
            let done = (done * <K::Left as Format>::GROUP) as u64;
            self.control.done.fetch_add(done, Ordering::Relaxed);
            !self.control.cancelled.load(Ordering::Relaxed)
        };
        let (layout, n) = (self.plan.right(slice), self.plan.shape.n);
        // The first slice writes, so nothing is read before.
        let add = slice > 0;
        if let Some(elements) = self.as_it_lies {
            let words = &elements[self.plan.elements(slice).start * n..];
            let right = Panels { words, layout, first: 0, stride: Some(n) };
            // SAFETY: the caller's promises.
            unsafe { multiply::<K, _>(K::tile_as_it_lies, (left, right), block, starts, add, self.target, go_on) };
        } else {
            let right = Panels { words: packed, layout, first: 0, stride: None };
            // SAFETY: the caller's promises.
            unsafe { multiply::<K, _>(K::tile, (left, right), block, starts, add, self.target, go_on) };
        }
    }
}
