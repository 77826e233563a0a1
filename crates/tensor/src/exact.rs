//! The product whose bits are the same on every CPU: each element is 16 running sums over k mod 16, added pairwise,
//! with no fused multiply-add. Factors are packed so that 16 consecutive k lie side by side, one vector's worth.
use crate::kernels::{LANES, pairwise, vectorised};
use crate::matmul::{Into, View, ViewMut};

/// Rows and columns of one tile: 16 accumulators of 16 lanes, as many as AVX-512 and NEON hold in registers.
const TILE: usize = 4;

type Lanes = [f32; LANES];

/// Packs `TILE` vectors of length k side by side: block p holds k = 16p..16p+16 of each, zero beyond the end.
fn pack(blocks: usize, length: usize, count: usize, element: impl Fn(usize, usize) -> f32) -> Vec<[Lanes; TILE]> {
    let mut packed = vec![[[0.0; LANES]; TILE]; blocks];
    for k in 0..length {
        for vector in 0..count {
            packed[k / LANES][vector][k % LANES] = element(vector, k);
        }
    }
    packed
}

#[inline(always)]
fn tile(a: &[[Lanes; TILE]], b: &[[Lanes; TILE]]) -> [[f32; TILE]; TILE] {
    let mut sums = [[[0.0_f32; LANES]; TILE]; TILE];
    for (a, b) in a.iter().zip(b) {
        for i in 0..TILE {
            for j in 0..TILE {
                for lane in 0..LANES {
                    sums[i][j][lane] += a[i][lane] * b[j][lane];
                }
            }
        }
    }
    sums.map(|row| row.map(pairwise))
}

/// c = a·b or c += a·b; shapes were checked by the caller.
pub fn multiply(a: View, b: View, c: ViewMut, into: Into) {
    let blocks = a.columns.div_ceil(LANES);
    let columns: Vec<Vec<[Lanes; TILE]>> = (0..b.columns)
        .step_by(TILE)
        .map(|j| {
            pack(blocks, b.rows, TILE.min(b.columns - j), |column, k| {
                b.data[k * b.row_stride + (j + column) * b.column_stride]
            })
        })
        .collect();
    for i in (0..a.rows).step_by(TILE) {
        let height = TILE.min(a.rows - i);
        let rows = pack(blocks, a.columns, height, |row, k| a.data[(i + row) * a.row_stride + k * a.column_stride]);
        for (index, packed) in columns.iter().enumerate() {
            let j = index * TILE;
            let sums = vectorised(
                #[inline(always)]
                || tile(&rows, packed),
            );
            for (row, sums) in sums.iter().enumerate().take(height) {
                let start = (i + row) * c.row_stride + j;
                for (c, sum) in c.data[start..].iter_mut().zip(sums).take(TILE.min(c.columns - j)) {
                    *c = if into == Into::Add { *c + sum } else { *sum };
                }
            }
        }
    }
}
