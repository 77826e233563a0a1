//! From rows of 256 logits to probabilities and loss, or to leaves: the last step of every trained model.
use tensor::kernels::{self, vectorised};

use crate::leaf::{LEAF_BYTES, code_of_single};

/// Turns rows of 256 logits into probabilities; gives the summed −ln p of the window's bytes.
pub fn softmax_loss(logits: &mut [f32], window: &[u8]) -> f64 {
    let mut loss = 0.0;
    vectorised(
        #[inline(always)]
        || {
            for (row, &byte) in logits.chunks_exact_mut(256).zip(window) {
                let most = kernels::largest(row);
                let right = row[usize::from(byte)] - most;
                let sum = kernels::exp_sum(row, most);
                let scale = 1.0 / sum;
                for p in row.iter_mut() {
                    *p *= scale;
                }
                loss += f64::from(kernels::ln(sum)) - f64::from(right);
            }
        },
    );
    loss
}

/// Leaf codes of rows of 256 logits.
pub fn leaves_of_logits(logits: &mut [f32], leaves: &mut [u8]) {
    vectorised(
        #[inline(always)]
        || {
            let mut room = [0.0_f32; 256];
            for (row, leaf) in logits.chunks_exact(256).zip(leaves.chunks_exact_mut(LEAF_BYTES)) {
                let most = kernels::largest(row);
                room.copy_from_slice(row);
                let log_sum = most + kernels::ln(kernels::exp_sum(&mut room, most));
                for (code, logit) in leaf.iter_mut().zip(row) {
                    *code = code_of_single(log_sum - logit);
                }
            }
        },
    );
}
