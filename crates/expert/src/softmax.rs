//! From rows of 256 logits to probabilities and loss, or to leaves: the last step of every trained model.
use tensor::kernels::{self, vectorised};
use tensor::mode::Mode;

use crate::leaf::{LEAF_BYTES, code_of_single};
use crate::pointwise::softmax_row;

/// Turns rows of 256 logits into probabilities; gives the summed −ln p of the window's bytes.
pub fn softmax_loss(mode: Mode, logits: &mut [f32], window: &[u8]) -> f64 {
    let mut loss = 0.0;
    vectorised(
        #[inline(always)]
        || {
            for (row, &byte) in logits.chunks_exact_mut(256).zip(window) {
                let right = row[usize::from(byte)];
                let (most, sum) = softmax_row(mode, row, f32::NEG_INFINITY);
                let scale = 1.0 / sum;
                for p in row.iter_mut() {
                    *p *= scale;
                }
                loss += f64::from(kernels::ln(sum)) - f64::from(right - most);
            }
        },
    );
    loss
}

/// Leaf codes of rows of 256 logits.
pub fn leaves_of_logits(mode: Mode, logits: &mut [f32], leaves: &mut [u8]) {
    vectorised(
        #[inline(always)]
        || {
            let mut room = [0.0_f32; 256];
            for (row, leaf) in logits.chunks_exact(256).zip(leaves.chunks_exact_mut(LEAF_BYTES)) {
                room.copy_from_slice(row);
                let (most, sum) = softmax_row(mode, &mut room, f32::NEG_INFINITY);
                let log_sum = most + kernels::ln(sum);
                for (code, logit) in leaf.iter_mut().zip(row) {
                    *code = code_of_single(log_sum - logit);
                }
            }
        },
    );
}
