//! What a row attends to: every position so far while they fit the training context, and from then on the beginning and
//! the latest positions only, at distances that training knew, so that length costs linear time and stays causal.
use tensor::kernels::LANES;

use super::cache::LayerCache;
use super::rope::Rope;

/// The positions that a row at `position` sees, out of a training context of `context`.
#[derive(Clone, Copy)]
pub struct Window {
    context: usize,
}

impl Window {
    pub fn new(context: usize) -> Self {
        Self { context }
    }

    /// Whether the beginning has slid out of what `position` sees side by side.
    pub fn slid(self, position: usize) -> bool {
        position >= self.context
    }

    /// The oldest position in the window of `position`, the beginning apart once it has slid out.
    pub fn oldest(self, position: usize) -> usize {
        if self.slid(position) { position + 2 - self.context } else { 0 }
    }

    /// Where the scores of `position` begin: at or a little before the oldest. Sums over keys are sixteen running sums, so
    /// what is seen begins at a multiple of that for every row.
    pub fn first(self, position: usize) -> usize {
        self.oldest(position) / LANES * LANES
    }

    /// The score of the beginning for the query of a row that it has slid out of: it stays as far away as it ever was in
    /// training. The query is turned back on the way; `at` is where its head's numbers begin in a key.
    pub fn beginning(self, rope: &Rope, position: usize, query: &mut [f32], cached: &LayerCache, at: usize) -> f32 {
        rope.turn_back(position + 1 - self.context, 1.0, query);
        query.iter().zip(cached.keys.first(at)).map(|(query, key)| query * key).sum()
    }
}
