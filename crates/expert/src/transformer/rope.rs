//! Rotary position embedding: pair c of a head turns by t·10,000^(−2c/width) at position t. The table comes from series
//! and products of binary64 alone, so that it has the same bits on every machine.

use crate::pointwise::Columns;

/// Cosines and sines of every position up to a fixed number.
pub struct Rope {
    pairs: usize,
    /// Row t: `pairs` cosines, then `pairs` sines.
    table: Vec<f32>,
}

/// Pairs that are turned together.
const CHUNK: usize = 8;

/// ln 10,000.
const LN_BASE: f64 = 9.210_340_371_976_184;

/// e^−x for x ≥ 0, by halving until the series converges, then squaring.
fn exp_minus(x: f64) -> f64 {
    let small = x / 1_024.0;
    let mut series = 1.0;
    for k in (1..=12).rev() {
        series = 1.0 - series * small / f64::from(k);
    }
    for _ in 0..10 {
        series *= series;
    }
    series
}

/// Cosine and sine of an angle up to 1.
fn turn(angle: f64) -> (f64, f64) {
    let square = angle * angle;
    let (mut cosine, mut sine) = (1.0, 1.0);
    for k in (0..12).rev() {
        let k = f64::from(k);
        cosine = 1.0 - cosine * square / ((2.0 * k + 1.0) * (2.0 * k + 2.0));
        sine = 1.0 - sine * square / ((2.0 * k + 2.0) * (2.0 * k + 3.0));
    }
    (cosine, sine * angle)
}

impl Rope {
    /// For heads of `width` numbers (even) and `positions` positions.
    pub fn new(width: usize, positions: usize) -> Self {
        let pairs = width / 2;
        let mut table = vec![0.0; positions * width];
        for c in 0..pairs {
            let step = turn(exp_minus(LN_BASE * (2 * c) as f64 / width as f64));
            let mut at = (1.0, 0.0);
            for row in table.chunks_exact_mut(width) {
                row[c] = at.0 as f32;
                row[pairs + c] = at.1 as f32;
                at = (at.0 * step.0 - at.1 * step.1, at.0 * step.1 + at.1 * step.0);
            }
        }
        Self { pairs, table }
    }

    /// Turns one head's numbers to position `t` after a factor `scale`: the first half are the pairs' first numbers.
    #[inline(always)]
    pub fn turn(&self, t: usize, scale: f32, head: &mut [f32]) {
        self.pairs(
            t,
            head,
            #[inline(always)]
            |x, y, cosine, sine| {
                let (x, y) = (x * scale, y * scale);
                (x * cosine - y * sine, x * sine + y * cosine)
            },
        );
    }

    /// Cosines of all pairs, then sines, a row for each; lane i is for position `start` + i.
    pub fn columns(&self, start: usize, count: usize, out: &mut [Columns]) {
        for (lane, row) in self.table[start * 2 * self.pairs..].chunks_exact(2 * self.pairs).take(count).enumerate() {
            for (column, &value) in out.iter_mut().zip(row) {
                column[lane] = value;
            }
        }
    }

    /// Turns back, then takes the factor `scale`: also how a gradient passes.
    #[inline(always)]
    pub fn turn_back(&self, t: usize, scale: f32, head: &mut [f32]) {
        self.pairs(
            t,
            head,
            #[inline(always)]
            |x, y, cosine, sine| ((x * cosine + y * sine) * scale, (y * cosine - x * sine) * scale),
        );
    }

    /// Replaces every pair by what `work` makes of it, its cosine and its sine.
    #[inline(always)]
    fn pairs(&self, t: usize, head: &mut [f32], work: impl Fn(f32, f32, f32, f32) -> (f32, f32)) {
        let (cosines, sines) = self.table[t * 2 * self.pairs..][..2 * self.pairs].split_at(self.pairs);
        let (first, second) = head.split_at_mut(self.pairs);
        // Heads are short: whole chunks of a known length become one vector each, where a plain loop would not.
        let (a, a_rest) = first.as_chunks_mut::<CHUNK>();
        let (b, b_rest) = second.as_chunks_mut::<CHUNK>();
        let (cosine, cosine_rest) = cosines.as_chunks::<CHUNK>();
        let (sine, sine_rest) = sines.as_chunks::<CHUNK>();
        for (((a, b), cosine), sine) in a.iter_mut().zip(b).zip(cosine).zip(sine) {
            // Values, not places, so that the compiler need not ask whether two of them are the same.
            let (mut x, mut y) = (*a, *b);
            for i in 0..CHUNK {
                (x[i], y[i]) = work(x[i], y[i], cosine[i], sine[i]);
            }
            (*a, *b) = (x, y);
        }
        for (((a, b), cosine), sine) in a_rest.iter_mut().zip(b_rest).zip(cosine_rest).zip(sine_rest) {
            (*a, *b) = work(*a, *b, *cosine, *sine);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_agree_with_the_library() {
        let rope = Rope::new(16, 2_000);
        for t in [0, 1, 17, 255, 1_999] {
            for c in 0..8 {
                let angle = t as f64 * 10_000_f64.powf(-2.0 * c as f64 / 16.0);
                assert!((f64::from(rope.table[t * 16 + c]) - angle.cos()).abs() < 1e-6, "cosine {t} {c}");
                assert!((f64::from(rope.table[t * 16 + 8 + c]) - angle.sin()).abs() < 1e-6, "sine {t} {c}");
            }
        }
    }

    #[test]
    fn turning_back_undoes_a_turn() {
        let rope = Rope::new(8, 300);
        let mut head = [1.0, -2.0, 3.0, 0.5, 0.25, 4.0, -1.0, 2.0];
        let before = head;
        rope.turn(299, 0.5, &mut head);
        rope.turn_back(299, 2.0, &mut head);
        for (a, b) in head.iter().zip(before) {
            assert!((a - b).abs() < 1e-5);
        }
    }
}
