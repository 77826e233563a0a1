//! Keys and values of the tokens so far: what later rows attend to.
use tensor::kernels::LANES;
use tensor::view::View;

use crate::pointwise::Columns;

/// Those of one layer.
#[derive(Default)]
pub struct LayerCache {
    pub keys: Keys,
    /// A row for each token.
    pub values: Vec<f32>,
}

/// A column for each token, so that neither blocks of queries nor single ones have to turn them.
#[derive(Default)]
pub struct Keys {
    data: Vec<f32>,
    /// Numbers from one row to the next: an odd multiple of 16, so that the rows do not share few lines of the CPU's caches.
    room: usize,
}

/// All layers.
pub struct Cache {
    pub layers: Vec<LayerCache>,
    /// Tokens so far.
    pub rows: usize,
}

impl Cache {
    pub fn new(layers: usize) -> Self {
        Self { layers: (0..layers).map(|_| LayerCache::default()).collect(), rows: 0 }
    }

    /// Forgets all tokens but the first `rows`.
    pub fn truncate(&mut self, rows: usize, width: usize) {
        for layer in &mut self.layers {
            layer.values.truncate(rows * width);
        }
        self.rows = rows;
    }
}

impl Keys {
    /// Makes room for `tokens` keys of `width` numbers.
    pub fn reserve(&mut self, tokens: usize, width: usize) {
        if tokens <= self.room {
            return;
        }
        let room = tokens.max(2 * self.room).max(4 * LANES).next_multiple_of(2 * LANES) + LANES;
        let mut data = vec![0.0; width * room];
        if self.room > 0 {
            for (new, old) in data.chunks_exact_mut(room).zip(self.data.chunks_exact(self.room)) {
                new[..self.room].copy_from_slice(old);
            }
        }
        *self = Self { data, room };
    }

    /// Puts the key of one token.
    pub fn put(&mut self, token: usize, key: &[f32]) {
        let column = self.data[token..].iter_mut().step_by(self.room);
        column.zip(key).for_each(|(to, &key)| *to = key);
    }

    /// Puts the keys of `count` tokens, the first in the first lane.
    pub fn put_block(&mut self, token: usize, count: usize, keys: &[Columns]) {
        for (row, key) in self.data.chunks_exact_mut(self.room).zip(keys) {
            row[token..token + count].copy_from_slice(&key[..count]);
        }
    }

    /// Numbers `at..at + head` of `count` keys from `token` on, a row for each of the numbers.
    pub fn view(&self, at: usize, head: usize, token: usize, count: usize) -> View<'_> {
        View::strided(&self.data[at * self.room + token..], head, count, self.room)
    }

    /// Numbers from `at` on of the first key.
    pub fn first(&self, at: usize) -> impl Iterator<Item = &f32> {
        self.data[at * self.room..].iter().step_by(self.room)
    }
}
