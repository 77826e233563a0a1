//! Products by tiles: the factors are packed on all threads, and then multiplied part by part.
#![allow(unsafe_code)] // threads fill and read the same memory, and write their parts of one product, by pointer
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::Ordering;

use crate::blocks::{Panels, Target, multiply};
use crate::error::Error;
use crate::format::{Format, Number};
use crate::memory::Words;
use crate::pack::{Layout, corrections, pack};
use crate::product::{Control, Product, Work};
use crate::results::room;
use crate::shape::Shape;
use crate::share::{share, share_in_turn};
use crate::tile::{Kernel, Order};

type Stored<K> = <<K as Kernel>::Left as Format>::Stored;

/// Multiply-adds for which another thread is woken.
const WORK_PER_THREAD: u64 = 1 << 20;
/// Parts of a product for each thread, so that a late one does not hold up the others for long. With 16 on two threads f32
/// lost 5 % at 256 and 2,048, int8 17 % at 256.
const PARTS: usize = 4;
/// Words below which packing wakes nobody.
const PACK_ALONE: usize = 1 << 16;
/// Words of a right factor that is read where it lies: 1 MiB, the second cache, in which packed words would have to lie
/// beside it. Packing it costs a product of 256 or 512 rows more than its rows being far apart.
const AS_IT_LIES_MAX: usize = 1 << 18;
/// Packing may take this many times the words that the factors have elements; tiny matrices are multiplied unpacked.
const PACKED_MAX: usize = 3;

/// How both factors of a product are laid out.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    shape: Shape,
    left: Layout,
    right: Layout,
    /// Whether the right factor is packed.
    packs_right: bool,
}

impl Plan {
    pub(crate) fn new<K: Kernel>(shape: Shape) -> Self {
        let words = shape.k.div_ceil(<K::Left as Format>::GROUP);
        let left = Layout { lines: shape.m, words, full: K::ROWS, step: K::ROWS / 3 };
        let right = Layout { lines: shape.n, words, full: 2 * K::LANES, step: K::LANES };
        Self { shape, left, right, packs_right: true }
    }

    /// Whether the matrices are large enough for tiles.
    pub(crate) fn pays(&self) -> bool {
        let Shape { batch, m, k, n, .. } = self.shape;
        (self.left.size() + self.right.size()) * batch <= PACKED_MAX * batch * (m * k + k * n)
    }

    /// The words of the right factors, where tiles can read them as they lie, for as long as the caller waits.
    fn as_it_lies<'a, K: Kernel>(&self, b: &'a [Stored<K>]) -> Option<&'a [u32]> {
        let Shape { k, n, transpose_b, .. } = self.shape;
        let fits = !transpose_b && n % K::LANES == 0 && k * n <= AS_IT_LIES_MAX && K::ORDER == Order::Straight;
        if fits { K::Right::words(b) } else { None }
    }

    /// Pieces of both factors, of all products.
    fn pieces(&self) -> usize {
        self.shape.batch * (self.left.pieces() + if self.packs_right { self.right.pieces() } else { 0 })
    }

    /// How many pieces the panels of rows and of columns are cut into for so many threads.
    fn grid(&self, threads: usize) -> (usize, usize) {
        let wanted = if threads == 1 { 1 } else { (threads * PARTS).div_ceil(self.shape.batch) };
        let (mut rows, mut columns) = (1, 1);
        while rows * columns < wanted {
            let (high, wide) = (self.left.lines / rows, self.right.lines / columns);
            if wide >= high && wide >= 2 * self.right.full {
                columns *= 2;
            } else if high >= 2 * self.left.full {
                rows *= 2;
            } else {
                break;
            }
        }
        (rows, columns)
    }

    /// Threads that a product of this size is worth.
    fn threads(&self, threads: usize) -> usize {
        threads.min(usize::try_from(self.shape.work() / WORK_PER_THREAD).unwrap_or(usize::MAX)).max(1)
    }
}

/// Both factors of all products of a batch, packed or to be packed.
pub(crate) struct Packed<K: Kernel> {
    plan: Plan,
    /// The panels of each left factor, then what the sums of each row begin with, where the kernel asks for it.
    left: Words,
    right: Words,
    kernel: PhantomData<K>,
}

impl<K: Kernel> Packed<K> {
    fn room(plan: Plan) -> Self {
        let batch = plan.shape.batch;
        let starts = if K::RAISED { plan.shape.m } else { 0 };
        let left = Words::new(batch * (plan.left.size() + starts));
        let right = Words::new(if plan.packs_right { batch * plan.right.size() } else { 0 });
        Self { plan, left, right, kernel: PhantomData }
    }

    /// Packs on up to `threads` threads.
    pub(crate) fn new(plan: Plan, a: &[Stored<K>], b: &[Stored<K>], threads: usize) -> Self {
        let packed = Self::room(plan);
        let threads = if packed.left.len() + packed.right.len() < PACK_ALONE { 1 } else { threads };
        // SAFETY: each piece is packed by one thread, and nobody reads.
        share(plan.pieces(), threads, &|piece| unsafe { packed.pack(a, b, piece) });
        packed
    }

    /// Packs and multiplies while the caller waits: its threads are called together once.
    pub(crate) fn at_once(
        plan: Plan,
        a: &[Stored<K>],
        b: &[Stored<K>],
        threads: usize,
        control: &Control,
    ) -> Result<Product, Error> {
        let as_it_lies = plan.as_it_lies::<K>(b);
        let plan = Plan { packs_right: as_it_lies.is_none(), ..plan };
        let packed = Self::room(plan);
        packed.product(as_it_lies, threads, control, |threads, parts, multiply| {
            // SAFETY: each piece is packed by one thread, and nobody reads before all are.
            let pack = |piece| unsafe { packed.pack(a, b, piece) };
            share_in_turn((plan.pieces(), &pack), (parts, multiply), threads);
        })
    }

    /// Where a left factor lies among the words.
    fn left_at(&self, index: usize) -> Range<usize> {
        let size = self.plan.left.size();
        index * size..(index + 1) * size
    }

    /// Where the beginnings of its sums lie.
    fn starts_at(&self, index: usize) -> Range<usize> {
        let (all, rows) = (self.plan.left.size() * self.plan.shape.batch, self.plan.shape.m);
        if K::RAISED { all + index * rows..all + (index + 1) * rows } else { 0..0 }
    }

    /// # Safety
    /// Each piece is packed once, and what is packed is not read meanwhile.
    unsafe fn pack(&self, a: &[Stored<K>], b: &[Stored<K>], piece: usize) {
        let Plan { shape, left, right, .. } = self.plan;
        let of = |layout: Layout, piece: usize| {
            let (index, from) = (piece / layout.pieces(), piece % layout.pieces() * layout.piece());
            (
                index,
                from,
                index * layout.size() + layout.start(from)..index * layout.size() + layout.start(from + layout.piece()),
            )
        };
        let lefts = shape.batch * left.pieces();
        if piece < lefts {
            let (index, from, place) = of(left, piece);
            let rows = shape.left(a, index);
            if K::RAISED {
                let lines = from * left.full..left.lines.min((from + left.piece()) * left.full);
                let all = self.starts_at(index);
                // SAFETY: the rows of this piece are no other's.
                let starts = unsafe { self.left.part(all.start + lines.start..all.start + lines.end) };
                corrections::<K::Left>(rows, lines, starts);
            }
            // SAFETY: pieces do not overlap.
            pack::<K::Left>(rows, left, K::ORDER, from, unsafe { self.left.part(place) });
        } else {
            let (index, from, place) = of(right, piece - lefts);
            // SAFETY: pieces do not overlap.
            pack::<K::Right>(shape.right(b, index).t(), right, K::ORDER, from, unsafe { self.right.part(place) });
        }
    }

    /// The product, whose parts are done by `run(threads, parts, multiply)` once everything is packed. `as_it_lies` has the
    /// right factors that are not.
    fn product(
        &self,
        as_it_lies: Option<&[u32]>,
        threads: usize,
        control: &Control,
        run: impl FnOnce(usize, usize, &(dyn Fn(usize) + Sync)),
    ) -> Result<Product, Error> {
        let Shape { batch, m, n, .. } = self.plan.shape;
        let threads = self.plan.threads(threads);
        let (rows, columns) = self.plan.grid(threads);
        let length = batch * m * n;
        let mut c = room::<K::Sum>(length);
        let target = Target { c: c.as_mut_ptr(), stride: n };
        run(threads, batch * rows * columns, &|part| {
            // SAFETY: everything is packed, says the caller; each part is taken by one thread, and the panels of different
            // parts stand for different elements of C, which has room for all of them.
            unsafe { self.multiply(as_it_lies, part, (rows, columns), target, control) };
        });
        if control.cancelled.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        // SAFETY: nothing was cancelled, so every part was done, and together they wrote every element.
        unsafe { c.set_len(length) };
        Ok(K::Sum::product(c))
    }

    /// # Safety
    /// Everything is packed, and nobody else reads or writes this part of `target`.
    unsafe fn multiply(
        &self,
        as_it_lies: Option<&[u32]>,
        part: usize,
        (rows, columns): (usize, usize),
        target: Target<K::Sum>,
        control: &Control,
    ) {
        if control.cancelled.load(Ordering::Relaxed) {
            return;
        }
        let Plan { shape, left, right, .. } = self.plan;
        let (index, part) = (part / (rows * columns), part % (rows * columns));
        let cut = |panels: usize, pieces: usize, piece: usize| panels * piece / pieces..panels * (piece + 1) / pieces;
        let parts = (cut(left.panels(), rows, part / columns), cut(right.panels(), columns, part % columns));
        // SAFETY: everything is packed.
        let (left_words, right_words) = unsafe { (self.left.all(), self.right.all()) };
        let factors = (
            Panels { words: &left_words[self.left_at(index)], layout: left, stride: None },
            match as_it_lies {
                Some(words) => Panels {
                    words: &words[index * shape.k * shape.n..][..shape.k * shape.n],
                    layout: right,
                    stride: Some(shape.n),
                },
                None => {
                    Panels { words: &right_words[index * right.size()..][..right.size()], layout: right, stride: None }
                }
            },
        );
        let starts = &left_words[self.starts_at(index)];
        let go_on = |done: usize| {
            control.done.fetch_add((done * <K::Left as Format>::GROUP) as u64, Ordering::Relaxed);
            !control.cancelled.load(Ordering::Relaxed)
        };
        let here = Target { c: target.at(index * shape.m * shape.n), ..target };
        // SAFETY: kernels are only chosen for units that are there, and this part is the caller's. The first pass over k
        // writes, so nothing is read before.
        unsafe { multiply::<K>(factors, parts, starts, here, go_on) };
    }
}

impl<K: Kernel> Work for Packed<K> {
    fn run(&self, threads: usize, control: &Control) -> Result<Product, Error> {
        self.product(None, threads, control, |threads, parts, multiply| share(parts, threads, multiply))
    }
}
