//! Answers of a transformer: whole contexts (`blocks.rs`) and streams byte by byte (`rows.rs`) over one cache of keys and
//! values. A row has the same bits alone and in a block.
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::cache::Cache;
use super::factors::Direction;
use super::tokens::Tokens;
use super::window::Window;
use super::{Shape, Transformer, blocks, rows};
use crate::error::Error;
use crate::leaf::LEAF_BYTES;
use crate::model::{Predictor, Stream, check_extend};
use crate::pointwise::BLOCK;

/// Rows computed together: a scored span with its filler in one go, and few enough to stay in the caches.
const CHUNK: usize = 320;
/// Tokens of the largest cache that is kept for the next context: more than the longest that the network asks for.
const KEPT_ROWS: usize = 5_000;
/// Fewer rows than this are computed one by one: a block would waste most of its lanes.
const FEW: usize = 8;

/// A transformer with the weights of one training step.
pub struct Snapshot {
    network: Arc<Transformer>,
    weights: Arc<Vec<f32>>,
    /// Made when first asked: most steps of training answer nothing.
    prepared: OnceLock<Prepared>,
    /// Memory of contexts that were answered: fresh pages cost a short one a tenth of its time.
    spare: Mutex<Vec<(Cache, Work)>>,
}

/// What is made of the weights for all answers.
struct Prepared {
    factors: Direction,
    tokens: Tokens,
}

/// Memory for one chunk of rows.
#[derive(Default)]
struct Work {
    blocks: blocks::Work,
    rows: rows::Work,
}

/// What is read to compute rows.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    pub network: &'a Transformer,
    pub weights: &'a [f32],
    pub factors: &'a Direction,
    pub tokens: &'a Tokens,
}

impl<'a> Reading<'a> {
    pub fn gain(self, norm: &Range<usize>) -> &'a [f32] {
        &self.weights[norm.clone()]
    }

    pub fn window(self) -> Window {
        Window::new(self.network.shape.context)
    }
}

impl Snapshot {
    pub fn new(network: Arc<Transformer>, weights: Arc<Vec<f32>>) -> Self {
        Self { network, weights, prepared: OnceLock::new(), spare: Mutex::default() }
    }

    fn cache(&self) -> Cache {
        Cache::new(self.network.layers.len())
    }

    /// Computes the rows after `cache.rows` up to `text.len()` (row t sees the beginning and `text[..t]`), and writes the
    /// leaves of those from `from` on.
    fn run(&self, cache: &mut Cache, work: &mut Work, text: &[u8], from: usize, leaves: &mut [u8]) {
        let (network, weights) = (&*self.network, &self.weights[..]);
        let Prepared { factors, tokens } = self.prepared.get_or_init(|| {
            let factors = Direction::new(network, weights, false);
            Prepared { tokens: Tokens::new(network, weights, &factors), factors }
        });
        let model = Reading { network, weights, factors, tokens };
        let end = text.len() + 1;
        let mut leaves = leaves;
        while cache.rows < end {
            let start = cache.rows;
            let rows = CHUNK.min(end - start);
            let few = rows % BLOCK;
            let rows = if few < FEW && few < rows { rows - few } else { rows };
            let wanted = rows - from.saturating_sub(start).min(rows);
            let (these, rest) = leaves.split_at_mut(wanted * LEAF_BYTES);
            if rows < FEW {
                rows::run(model, cache, &mut work.rows, text, rows, these);
            } else {
                blocks::run(model, cache, &mut work.blocks, text, rows, these);
            }
            leaves = rest;
        }
    }
}

impl Predictor for Snapshot {
    fn predict(&self, context: &[u8], from: usize) -> Vec<u8> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let (mut cache, mut work) = spare.unwrap_or_else(|| (self.cache(), Work::default()));
        cache.truncate(0, self.network.shape.width);
        let mut leaves = vec![0; (context.len() - from + 1) * LEAF_BYTES];
        self.run(&mut cache, &mut work, context, from, &mut leaves);
        if cache.rows <= KEPT_ROWS {
            self.spare.lock().unwrap_or_else(PoisonError::into_inner).push((cache, work));
        }
        leaves
    }

    fn open(self: Arc<Self>) -> Box<dyn Stream> {
        let cache = self.cache();
        Box::new(TransformerStream { snapshot: self, cache, work: Work::default(), bytes: Vec::new() })
    }
}

struct TransformerStream {
    snapshot: Arc<Snapshot>,
    cache: Cache,
    work: Work,
    bytes: Vec<u8>,
}

impl Stream for TransformerStream {
    fn extend(&mut self, position: usize, bytes: &[u8], want: usize) -> Result<Vec<u8>, Error> {
        check_extend(self.bytes.len(), position, bytes.len(), want)?;
        self.bytes.truncate(position);
        self.bytes.extend_from_slice(bytes);
        // Rows whose leaves are wanted are computed anew: only keys and values of earlier ones are kept.
        let from = self.bytes.len() + 1 - want;
        let rows = self.cache.rows.min(position + 1).min(from);
        self.cache.truncate(rows, self.snapshot.network.shape.width);
        let mut leaves = vec![0; want * LEAF_BYTES];
        self.snapshot.run(&mut self.cache, &mut self.work, &self.bytes, from, &mut leaves);
        Ok(leaves)
    }

    fn work(&self, position: usize, added: usize, want: usize) -> Option<u64> {
        self.snapshot.prepared.get()?;
        let end = position.checked_add(added)?;
        let from = (end + 1).checked_sub(want)?;
        let rows = end + 1 - self.cache.rows.min(position + 1).min(from);
        let network = &self.snapshot.network;
        let Shape { width, layers, context, .. } = network.shape;
        // Each weight once, and keys and values of what is seen.
        let each = network.layout.parameters() + layers * 2 * width * context.min(end + 1);
        (rows as u64).checked_mul(each as u64)
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }
}
