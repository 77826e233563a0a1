//! Factors laid out for the tiles: panels of as many lines as a tile is high or wide, the words of all lines side by side
//! for each step of k, so that a tile reads memory in one direction. Lines that a panel lacks are zero.
#![allow(unsafe_code)] // one call into the transposition of AVX-512
use std::ops::Range;

use crate::format::{Format, Number, side_by_side};
use crate::kernels::vectorised;
use crate::tile::Order;
use crate::view::View;

/// Words and lines that are transposed together.
const BLOCK: usize = 16;
/// Words of a piece that one thread packs at a time, where panels are small: 64 KiB.
const PIECE: usize = 1 << 14;
/// Panels of a piece at least: of lines side by side, each row of memory is read for all of them.
const SIDE_BY_SIDE: usize = 4;

/// How the lines of one matrix (rows of the left factor, columns of the right one) are cut into panels.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    pub lines: usize,
    /// Words of each line.
    pub words: usize,
    /// Lines of a panel, all but the last.
    pub full: usize,
    /// The last panel has a multiple of this; `full` is one.
    pub step: usize,
}

impl Layout {
    pub(crate) fn panels(self) -> usize {
        self.lines.div_ceil(self.full)
    }

    /// Lines of one panel, with those that are only filling.
    pub(crate) fn width(self, panel: usize) -> usize {
        (self.lines - panel * self.full).next_multiple_of(self.step).min(self.full)
    }

    /// Words of the whole matrix.
    pub(crate) fn size(self) -> usize {
        self.lines.next_multiple_of(self.step) * self.words
    }

    /// Where a panel begins; behind the last one, where that ends.
    pub(crate) fn start(self, panel: usize) -> usize {
        (panel * self.full * self.words).min(self.size())
    }

    /// Panels that one thread packs at a time.
    pub(crate) fn piece(self) -> usize {
        (PIECE / (self.full * self.words).max(1)).max(SIDE_BY_SIDE)
    }

    /// Pieces of the matrix.
    pub(crate) fn pieces(self) -> usize {
        self.panels().div_ceil(self.piece())
    }
}

/// Lays out the rows of `x` from a panel on; every word of `out`, as many whole panels as it has room for, is written.
pub(crate) fn pack<F: Format>(x: View<F::Stored>, layout: Layout, order: Order, from: usize, out: &mut [u32]) {
    let Some(room) = out.len().checked_div(layout.words) else { return };
    let lines = from * layout.full..layout.lines.min(from * layout.full + room);
    vectorised(
        #[inline(always)]
        || {
            if x.row_stride == 1 && x.column_stride != 1 {
                let whole = lines.len() / layout.full;
                let (whole, part) = out.split_at_mut(whole * layout.full * layout.words);
                match layout.full {
                    32 => across::<F, 32>(x, lines.start, order, whole),
                    16 => across::<F, 16>(x, lines.start, order, whole),
                    12 => across::<F, 12>(x, lines.start, order, whole),
                    _ => across::<F, 6>(x, lines.start, order, whole),
                }
                across_part::<F>(x, lines.end - lines.len() % layout.full..lines.end, layout.words, order, part);
            } else {
                let panels = lines.clone().step_by(layout.full);
                for (first, out) in panels.zip(out.chunks_mut(layout.full * layout.words)) {
                    along::<F>(x, first..lines.end.min(first + layout.full), layout.words, order, out);
                }
            }
        },
    );
}

/// Neighbouring lines lie side by side already: words are put together from whole rows of memory, for all panels of `out`
/// at once, so that memory is read as it lies.
#[inline(always)]
fn across<F: Format, const W: usize>(x: View<F::Stored>, first: usize, order: Order, out: &mut [u32]) {
    let (out, _) = out.as_chunks_mut::<W>();
    let words = x.columns.div_ceil(F::GROUP);
    let panels = out.len() / words;
    for word in 0..words {
        let near: [&[[F::Stored; W]]; 4] = std::array::from_fn(|index| {
            let k = word * F::GROUP + index;
            let there = index < F::GROUP && k < x.columns;
            if there { x.data[k * x.column_stride + first..][..panels * W].as_chunks().0 } else { &[] }
        });
        let place = order.place(word, words);
        for panel in 0..panels {
            // Copies, so that all is vectors: nothing that is written can lie there.
            out[panel * words + place] = if F::GROUP == 1 {
                F::singly(near[0][panel])
            } else {
                let lines = near.map(|row| row.get(panel).copied().unwrap_or([F::Stored::default(); W]));
                side_by_side(|at| F::word(|k| lines[k][at]))
            };
        }
    }
}

/// `across` for a last panel of fewer lines.
#[inline(always)]
fn across_part<F: Format>(x: View<F::Stored>, lines: Range<usize>, words: usize, order: Order, out: &mut [u32]) {
    let width = out.len() / words;
    for word in 0..words {
        let out = &mut out[order.place(word, words) * width..][..width];
        out.fill(0);
        for (line, out) in lines.clone().zip(out) {
            *out = F::word(|k| {
                let k = word * F::GROUP + k;
                if k < x.columns { x.data[k * x.column_stride + line] } else { F::Stored::default() }
            });
        }
    }
}

/// Each line lies by itself: blocks of words and lines are transposed.
#[inline(always)]
fn along<F: Format>(x: View<F::Stored>, lines: Range<usize>, words: usize, order: Order, out: &mut [u32]) {
    let width = out.len() / words;
    let places = Places::new(words, width, order);
    for lane in (0..width).step_by(BLOCK) {
        // Lines that are not there stay zero in every block.
        let mut block = [[0; BLOCK]; BLOCK];
        let mut near: [&[F::Stored]; BLOCK] = [&[]; BLOCK];
        let lines = lines.start + lane..lines.end;
        for (near, line) in near.iter_mut().zip(lines.clone()) {
            let from = &x.data[line * x.row_stride..];
            *near = if x.column_stride == 1 { &from[..x.columns] } else { from };
        }
        let there = lines.len().min(BLOCK);
        for word in (0..words).step_by(BLOCK) {
            let count = BLOCK.min(words - word);
            for (line, block) in near.iter().zip(&mut block).take(there) {
                gather::<F>(line, (x.column_stride, x.columns), word * F::GROUP, count, block);
            }
            let out = &mut out[order.place(word, words) * width + lane..];
            scatter(&block, &places, count, BLOCK.min(width - lane), out);
        }
    }
}

/// Where the words of a block go, from where its first one goes.
struct Places {
    words: [usize; BLOCK],
    /// The farthest of them.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "slices check what is written to them"))]
    reach: usize,
}

impl Places {
    fn new(words: usize, width: usize, order: Order) -> Self {
        let words = std::array::from_fn(|word| if word < words { order.place(word, words) * width } else { 0 });
        Self { words, reach: words.into_iter().fold(0, usize::max) }
    }
}

/// The words of one line from element `k` on.
#[inline(always)]
fn gather<F: Format>(
    line: &[F::Stored],
    (stride, columns): (usize, usize),
    k: usize,
    words: usize,
    out: &mut [u32; BLOCK],
) {
    if stride == 1
        && let Some(from) = line.get(k..k + BLOCK * F::GROUP)
    {
        if F::GROUP == 1
            && let Some(&from) = from.first_chunk()
        {
            *out = F::singly(from);
            return;
        }
        // A copy of known length, so that the words are made by vectors.
        let mut near = [F::Stored::default(); 4 * BLOCK];
        near[..BLOCK * F::GROUP].copy_from_slice(from);
        for (word, out) in out.iter_mut().enumerate() {
            *out = F::word(|index| near[word * F::GROUP + index]);
        }
        return;
    }
    for (word, out) in out.iter_mut().enumerate().take(words) {
        *out = F::word(|index| {
            let k = k + word * F::GROUP + index;
            if k < columns { line[k * stride] } else { F::Stored::default() }
        });
    }
}

/// Writes the first `count` columns of `block`, the first `lanes` words of each, at their places in `out`.
#[inline(always)]
fn scatter(block: &[[u32; BLOCK]; BLOCK], places: &Places, count: usize, lanes: usize, out: &mut [u32]) {
    #[cfg(target_arch = "x86_64")]
    if count == BLOCK && std::is_x86_feature_detected!("avx512f") {
        use crate::avx512::transpose;
        assert!(places.reach + lanes <= out.len());
        // SAFETY: the unit is there, and every place lies within `out` (asserted for the farthest).
        unsafe {
            match lanes {
                4 => return transpose::<4>(block, &places.words, out.as_mut_ptr()),
                8 => return transpose::<8>(block, &places.words, out.as_mut_ptr()),
                12 => return transpose::<12>(block, &places.words, out.as_mut_ptr()),
                16 => return transpose::<16>(block, &places.words, out.as_mut_ptr()),
                _ => {}
            }
        }
    }
    for (column, &place) in places.words.iter().enumerate().take(count) {
        for (lane, out) in out[place..][..lanes].iter_mut().enumerate() {
            *out = block[lane][column];
        }
    }
}

/// The bits of the sum of each line times -128, which takes off what raising the right factor added.
pub(crate) fn corrections<F: Format>(x: View<F::Stored>, lines: Range<usize>, out: &mut [u32]) {
    vectorised(
        #[inline(always)]
        || {
            if x.row_stride == 1 {
                let mut sums = vec![F::Number::default(); out.len()];
                for k in 0..x.columns {
                    let values = &x.data[k * x.column_stride..][lines.clone()];
                    for (sum, &value) in sums.iter_mut().zip(values) {
                        *sum = sum.plus(F::number(value));
                    }
                }
                for (out, sum) in out.iter_mut().zip(sums) {
                    *out = sum.lowered().bits();
                }
            } else {
                for (line, out) in lines.zip(out) {
                    let values = &x.data[line * x.row_stride..][..x.columns];
                    let sum = values.iter().fold(F::Number::default(), |sum, &value| sum.plus(F::number(value)));
                    *out = sum.lowered().bits();
                }
            }
        },
    );
}
