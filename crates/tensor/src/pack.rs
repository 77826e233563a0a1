//! Factors laid out for the tiles: panels of as many lines as a tile is high or wide, the words of all lines side by side
//! for each step of k, so that a tile reads memory in one direction. Lines that a panel lacks are zero.
#![allow(unsafe_code)] // one call into the transposition of AVX-512
use crate::format::{Format, Number};
use crate::kernels::vectorised;
use crate::matmul::View;
use crate::tile::Order;

/// Words and lines that are transposed together.
const BLOCK: usize = 16;

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

    /// Where a panel begins.
    pub(crate) fn start(self, panel: usize) -> usize {
        panel * self.full * self.words
    }
}

/// Lays out the rows of `x` from a panel on; every word of `out`, as many whole panels as it has room for, is written.
pub(crate) fn pack<F: Format>(x: View<F::Stored>, layout: Layout, order: Order, from: usize, out: &mut [u32]) {
    let begin = layout.start(from);
    for panel in from..layout.panels() {
        let width = layout.width(panel);
        if layout.start(panel) - begin >= out.len() {
            return;
        }
        let first = panel * layout.full;
        let count = width.min(layout.lines - first);
        let out = &mut out[layout.start(panel) - begin..][..width * layout.words];
        vectorised(
            #[inline(always)]
            || {
                if x.row_stride == 1 && x.column_stride != 1 {
                    match (count == width, width) {
                        (true, 32) => across::<F, 32>(x, first, order, out),
                        (true, 16) => across::<F, 16>(x, first, order, out),
                        (true, 12) => across::<F, 12>(x, first, order, out),
                        (true, 6) => across::<F, 6>(x, first, order, out),
                        _ => across_part::<F>(x, first, (count, width), order, out),
                    }
                } else {
                    along::<F>(x, first, (count, width), order, out);
                }
            },
        );
    }
}

/// Neighbouring lines lie side by side already: words are put together from whole rows of memory.
#[inline(always)]
fn across<F: Format, const W: usize>(x: View<F::Stored>, first: usize, order: Order, out: &mut [u32]) {
    let (out, _) = out.as_chunks_mut::<W>();
    let words = out.len();
    let none = [F::Stored::default(); W];
    for word in 0..words {
        let mut lines = [&none; 4];
        for (k, lines) in (word * F::GROUP..x.columns.min((word + 1) * F::GROUP)).zip(&mut lines) {
            if let Some(from) = x.data[k * x.column_stride + first..].first_chunk() {
                *lines = from;
            }
        }
        let out = &mut out[order.place(word, words)];
        // Twelve lines are a vector of eight and one of four.
        for line in 0..W / 8 * 8 {
            out[line] = F::word(|k| lines[k][line]);
        }
        for line in W / 8 * 8..W {
            out[line] = F::word(|k| lines[k][line]);
        }
    }
}

/// `across` for the last panel.
#[inline(always)]
fn across_part<F: Format>(
    x: View<F::Stored>,
    first: usize,
    (count, width): (usize, usize),
    order: Order,
    out: &mut [u32],
) {
    let words = out.len() / width;
    for word in 0..words {
        let out = &mut out[order.place(word, words) * width..][..width];
        out.fill(0);
        for (line, out) in out.iter_mut().enumerate().take(count) {
            *out = F::word(|k| {
                let k = word * F::GROUP + k;
                if k < x.columns { x.data[k * x.column_stride + first + line] } else { F::Stored::default() }
            });
        }
    }
}

/// Each line lies by itself: blocks of words and lines are transposed.
#[inline(always)]
fn along<F: Format>(x: View<F::Stored>, first: usize, (count, width): (usize, usize), order: Order, out: &mut [u32]) {
    let words = out.len() / width;
    // Where the words of a block go, from where its first one goes.
    let mut places = [0; BLOCK];
    for (word, place) in places.iter_mut().enumerate().take(words) {
        *place = order.place(word, words) * width;
    }
    for lane in (0..width).step_by(BLOCK) {
        // Lines that are not there stay zero in every block.
        let mut block = [[0; BLOCK]; BLOCK];
        let lines = count.saturating_sub(lane).min(BLOCK);
        for word in (0..words).step_by(BLOCK) {
            let there = BLOCK.min(words - word);
            for (line, block) in block.iter_mut().enumerate().take(lines) {
                let line = &x.data[(first + lane + line) * x.row_stride..];
                gather::<F>(line, (x.column_stride, x.columns), word * F::GROUP, there, block);
            }
            scatter(
                &block,
                &places[..there],
                BLOCK.min(width - lane),
                &mut out[order.place(word, words) * width + lane..],
            );
        }
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
    if stride == 1 && k + BLOCK * F::GROUP <= columns {
        // A copy of known length, so that the words are made by vectors.
        let mut near = [F::Stored::default(); 4 * BLOCK];
        near[..BLOCK * F::GROUP].copy_from_slice(&line[k..k + BLOCK * F::GROUP]);
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

/// Writes column c of `block`, its first `lanes` words, at `out[places[c]..]`, for each place.
#[inline(always)]
fn scatter(block: &[[u32; BLOCK]; BLOCK], places: &[usize], lanes: usize, out: &mut [u32]) {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx512f") {
        use crate::avx512::transpose;
        assert!(places.iter().fold(0, |most, &place| place.max(most)) + lanes <= out.len());
        // SAFETY: the unit is there, and every place lies within `out` (asserted).
        unsafe {
            match lanes {
                4 => return transpose::<4>(block, places, out.as_mut_ptr()),
                8 => return transpose::<8>(block, places, out.as_mut_ptr()),
                12 => return transpose::<12>(block, places, out.as_mut_ptr()),
                16 => return transpose::<16>(block, places, out.as_mut_ptr()),
                _ => {}
            }
        }
    }
    for (column, &place) in places.iter().enumerate() {
        for (lane, out) in out[place..][..lanes].iter_mut().enumerate() {
            *out = block[lane][column];
        }
    }
}

/// The sum of each row times -128, which takes off what raising the right factor added.
pub(crate) fn corrections<F: Format>(x: View<F::Stored>) -> Vec<F::Number> {
    let mut sums = vec![F::Number::default(); x.rows];
    vectorised(
        #[inline(always)]
        || {
            if x.row_stride == 1 {
                for k in 0..x.columns {
                    let values = &x.data[k * x.column_stride..];
                    for (sum, &value) in sums.iter_mut().zip(values) {
                        *sum = sum.plus(F::number(value));
                    }
                }
            } else {
                for (row, sum) in sums.iter_mut().enumerate() {
                    let values = &x.data[row * x.row_stride..][..x.columns];
                    *sum = values.iter().fold(*sum, |sum, &value| sum.plus(F::number(value)));
                }
            }
            for sum in &mut sums {
                *sum = sum.lowered();
            }
        },
    );
    sums
}
