//! Keys and values of the tokens so far: what later rows attend to.
use tensor::kernels::LANES;

/// Those of one layer.
#[derive(Default)]
pub struct LayerCache {
    /// A row for each token.
    pub keys: Vec<f32>,
    /// A row for each token.
    pub values: Vec<f32>,
    columns: Columns,
}

/// The keys once more, a column for each token, for rows that are computed one by one. Whole texts do without.
#[derive(Default)]
struct Columns {
    data: Vec<f32>,
    /// Numbers from one row to the next: an odd multiple of 16, so that the rows do not share few lines of the CPU's caches.
    room: usize,
    tokens: usize,
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
            layer.keys.truncate(rows * width);
            layer.values.truncate(rows * width);
            layer.columns.tokens = layer.columns.tokens.min(rows);
        }
        self.rows = rows;
    }
}

impl LayerCache {
    /// Makes columns of the keys that are none yet.
    pub fn turn(&mut self, width: usize) {
        let Self { keys, columns, .. } = self;
        columns.reserve(keys.len() / width, width);
        for (token, key) in keys.chunks_exact(width).enumerate().skip(columns.tokens) {
            let column = columns.data[token..].iter_mut().step_by(columns.room);
            column.zip(key).for_each(|(to, &key)| *to = key);
        }
        columns.tokens = keys.len() / width;
    }

    /// The columns, up to date after `turn`, and the numbers from one of their rows to the next.
    pub fn columns(&self) -> (&[f32], usize) {
        (&self.columns.data, self.columns.room)
    }
}

impl Columns {
    /// Makes room for `tokens` columns of `width` numbers.
    fn reserve(&mut self, tokens: usize, width: usize) {
        if tokens <= self.room {
            return;
        }
        let room = tokens.max(2 * self.room).max(4 * LANES).next_multiple_of(2 * LANES) + LANES;
        let mut data = vec![0.0; width * room];
        if self.room > 0 {
            for (new, old) in data.chunks_exact_mut(room).zip(self.data.chunks_exact(self.room)) {
                new[..self.tokens].copy_from_slice(&old[..self.tokens]);
            }
        }
        *self = Self { data, room, tokens: self.tokens };
    }
}
