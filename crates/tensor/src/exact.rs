//! The product whose bits are the same on every CPU: each element is 16 running sums over k mod 16, added pairwise,
//! with no fused multiply-add. Vectors run over columns, so the sums of one element never meet another's, and their
//! width changes nothing. Factors are packed and padded with zeros to whole blocks of 16, which changes no sum.
use pulp::{Simd, WithSimd};

use crate::kernels::LANES;
use crate::level::arch;
use crate::matmul::{Into, View, ViewMut};

/// Rows, and running sums, that are in registers together: sixteen accumulators.
const TILE: usize = 4;
/// Vectors of any CPU have at most this many lanes here.
const WIDEST: usize = 16;
const GROUPS: usize = LANES / TILE;

struct Product<'a, 'b> {
    a: View<'a>,
    b: View<'a>,
    c: ViewMut<'b>,
    into: Into,
}

/// c = a·b or c += a·b; shapes were checked by the caller.
pub fn multiply(a: View, b: View, c: ViewMut, into: Into) {
    arch().dispatch(Product { a, b, c, into });
}

impl WithSimd for Product<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { a, b, c, into } = self;
        let lanes = S::F32_LANES.min(WIDEST);
        let blocks = a.columns.div_ceil(LANES);
        let mut panels = vec![0.0; b.columns.div_ceil(lanes) * blocks * LANES * lanes];
        let panel_length = (blocks * LANES * lanes).max(1);
        for (index, panel) in panels.chunks_exact_mut(panel_length).enumerate() {
            pack(b.t(), index * lanes, lanes, panel);
        }
        let mut rows = vec![[0.0; TILE]; blocks * LANES];
        for first in (0..a.rows).step_by(TILE) {
            pack(a, first, TILE, rows.as_flattened_mut());
            let height = TILE.min(a.rows - first);
            for index in 0..b.columns.div_ceil(lanes) {
                let panel = &panels[index * blocks * LANES * lanes..][..blocks * LANES * lanes];
                let sums = tile::<S>(simd, &rows, S::as_simd_f32s(panel).0);
                let column = index * lanes;
                let count = lanes.min(b.columns - column);
                for (row, sums) in sums.into_iter().enumerate().take(height) {
                    let mut out = [0.0_f32; WIDEST];
                    S::as_mut_simd_f32s(&mut out[..lanes]).0[0] = sums;
                    let start = (first + row) * c.row_stride + column;
                    for (c, out) in c.data[start..start + count].iter_mut().zip(out) {
                        *c = if into == Into::Add { *c + out } else { out };
                    }
                }
            }
        }
    }
}

/// Rows `first..first + width` of `x`, side by side for each column; what lies beyond is zero.
#[inline(always)]
fn pack(x: View, first: usize, width: usize, packed: &mut [f32]) {
    let count = width.min(x.rows - first);
    if count < width {
        packed.fill(0.0);
    }
    if x.row_stride == 1 && x.columns > 0 {
        for (column, line) in packed.chunks_exact_mut(width).enumerate().take(x.columns) {
            line[..count].copy_from_slice(&x.data[first + column * x.column_stride..][..count]);
        }
        return;
    }
    for row in 0..count {
        let from = x.data.get((first + row) * x.row_stride..).unwrap_or_default();
        let values = from.iter().step_by(x.column_stride.max(1)).take(x.columns);
        for (line, &value) in packed.chunks_exact_mut(width).zip(values) {
            line[row] = value;
        }
    }
}

/// `TILE` rows times one vector of columns.
#[inline(always)]
fn tile<S: Simd>(simd: S, rows: &[[f32; TILE]], panel: &[S::f32s]) -> [S::f32s; TILE] {
    let zero = simd.splat_f32s(0.0);
    let (rows, _) = rows.as_chunks::<LANES>();
    let (panel, _) = panel.as_chunks::<LANES>();
    // Four of the sixteen running sums at a time, for all rows: groups[g][s][row] is sum 4g + s.
    let mut groups = [[[zero; TILE]; TILE]; GROUPS];
    for (group, out) in groups.iter_mut().enumerate() {
        let mut running = [[zero; TILE]; TILE];
        for (rows, panel) in rows.iter().zip(panel) {
            let (rows, panel) = (&rows.as_chunks::<TILE>().0[group], &panel.as_chunks::<TILE>().0[group]);
            for sum in 0..TILE {
                for row in 0..TILE {
                    let product = simd.mul_f32s(simd.splat_f32s(rows[sum][row]), panel[sum]);
                    running[sum][row] = simd.add_f32s(running[sum][row], product);
                }
            }
        }
        *out = running;
    }
    let mut result = [zero; TILE];
    for row in 0..TILE {
        let mut sums = [zero; LANES];
        for lane in 0..LANES {
            sums[lane] = groups[lane / TILE][lane % TILE][row];
        }
        for half in [8, 4, 2, 1] {
            for lane in 0..half {
                sums[lane] = simd.add_f32s(sums[lane], sums[lane + half]);
            }
        }
        result[row] = sums[0];
    }
    result
}
