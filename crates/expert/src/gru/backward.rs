//! Back through time over the whole window; products with weights are done for all times at once where they can be.
use crate::target::{Into, ViewMut};
use tensor::kernels::{self, vectorised};
use tensor::view::View;

use super::Gru;
use super::factors::{Factors, apply};
use super::forward::{Workspace, tokens};
use crate::product::multiply;

/// sum += each row of `rows`.
fn add_rows(rows: &[f32], sum: &mut [f32]) {
    for row in rows.chunks_exact(sum.len()) {
        kernels::add(sum, row);
    }
}

/// What one row's step back reads: gates, inner, the state before, the gradient of the state after.
struct Cell<'a> {
    gates: &'a [f32],
    inner: &'a [f32],
    before: &'a [f32],
    dstate: &'a [f32],
}

/// Gradients of x·W + b and of h·U, and of the state before as far as it goes straight through (`carried`).
#[inline(always)]
fn cell_backward(cell: &Cell, carried: &mut [f32], dgates: &mut [f32], drecurrent: &mut [f32]) {
    let width = cell.inner.len();
    let (reset, update, new) = (&cell.gates[..width], &cell.gates[width..2 * width], &cell.gates[2 * width..3 * width]);
    let (before, dstate, carried) = (&cell.before[..width], &cell.dstate[..width], &mut carried[..width]);
    let (dreset, rest) = dgates.split_at_mut(width);
    let (dupdate, dnew) = rest.split_at_mut(width);
    let (dupdate, dnew) = (&mut dupdate[..width], &mut dnew[..width]);
    let (ureset, rest) = drecurrent.split_at_mut(width);
    let (uupdate, unew) = rest.split_at_mut(width);
    let (uupdate, unew) = (&mut uupdate[..width], &mut unew[..width]);
    for i in 0..width {
        let (r, z, n) = (reset[i], update[i], new[i]);
        let dh = dstate[i] + carried[i];
        let before_tanh = dh * (1.0 - z) * (1.0 - n * n);
        let before_update = dh * (before[i] - n) * z * (1.0 - z);
        let before_reset = before_tanh * cell.inner[i] * r * (1.0 - r);
        (dreset[i], dupdate[i], dnew[i]) = (before_reset, before_update, before_tanh);
        (ureset[i], uupdate[i], unew[i]) = (before_reset, before_update, before_tanh * r);
        carried[i] = dh * z;
    }
}

impl Gru {
    /// Adds the gradient for the windows whose forward pass filled `work`.
    pub fn backward(&self, factors: &Factors, windows: &[&[u8]], work: &mut Workspace, gradient: &mut [f32]) {
        let (count, width) = (windows.len(), self.shape.width);
        let mode = self.shape.mode;
        let rows = work.targets.len();
        for (row, &byte) in work.probabilities.chunks_exact_mut(256).zip(&work.targets) {
            row[usize::from(byte)] -= 1.0;
        }
        let after = View::new(&work.states[count * width..], rows, width);
        let dlogits = View::new(&work.probabilities, rows, 256);
        let doutput = ViewMut::new(&mut gradient[self.output.clone()], width, 256);
        multiply(mode, after.t(), dlogits, doutput, Into::Add);
        add_rows(&work.probabilities, &mut gradient[self.output_bias.clone()]);
        apply(&factors.back.output, &work.probabilities, 256, &mut work.dstates, width);
        self.through_time(factors, count, work);
        let drecurrent = View::new(&work.drecurrent, rows, 3 * width);
        let du = ViewMut::new(&mut gradient[self.recurrent.clone()], width, 3 * width);
        multiply(mode, View::new(&work.states, rows, width).t(), drecurrent, du, Into::Add);
        let dbias = &mut gradient[self.recurrent_bias.clone()];
        for row in work.drecurrent.chunks_exact(3 * width) {
            kernels::add(dbias, &row[2 * width..]);
        }
        self.embedding_backward(factors, windows, work, gradient);
    }

    /// Fills `dgates` and `drecurrent` of every time, last first.
    fn through_time(&self, factors: &Factors, count: usize, work: &mut Workspace) {
        let width = self.shape.width;
        let length = work.targets.len() / count;
        let mut through = vec![0.0; count * width];
        work.dcarried.fill(0.0);
        for t in (0..length).rev() {
            let Workspace { gates, inner, states, dstates, dgates, drecurrent, dcarried, .. } = work;
            vectorised(
                #[inline(always)]
                || {
                    for w in 0..count {
                        let row = t * count + w;
                        let cell = Cell {
                            gates: &gates[row * 3 * width..][..3 * width],
                            inner: &inner[row * width..][..width],
                            before: &states[row * width..][..width],
                            dstate: &dstates[row * width..][..width],
                        };
                        cell_backward(
                            &cell,
                            &mut dcarried[w * width..][..width],
                            &mut dgates[row * 3 * width..][..3 * width],
                            &mut drecurrent[row * 3 * width..][..3 * width],
                        );
                    }
                },
            );
            let here = &drecurrent[t * count * 3 * width..][..count * 3 * width];
            apply(&factors.back.recurrent, here, 3 * width, &mut through, width);
            kernels::add(dcarried, &through);
        }
    }

    fn embedding_backward(&self, factors: &Factors, windows: &[&[u8]], work: &mut Workspace, gradient: &mut [f32]) {
        let (width, e, mode) = (self.shape.width, self.shape.embedding, self.shape.mode);
        let rows = work.targets.len();
        let dgates = View::new(&work.dgates, rows, 3 * width);
        let dinput = ViewMut::new(&mut gradient[self.input.clone()], e, 3 * width);
        multiply(mode, View::new(&work.embedded, rows, e).t(), dgates, dinput, Into::Add);
        add_rows(&work.dgates, &mut gradient[self.input_bias.clone()]);
        apply(&factors.back.input, &work.dgates, 3 * width, &mut work.dembedded, e);
        let dembedding = &mut gradient[self.embedding.clone()];
        for (row, token) in work.dembedded.chunks_exact(e).zip(tokens(windows)) {
            kernels::add(&mut dembedding[token * e..][..e], row);
        }
    }
}
