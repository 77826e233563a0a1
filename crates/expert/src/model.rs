//! One model of any kind: what it is made of, the snapshot that answers, and the trainer where there is one.
//! Answers come from an immutable snapshot behind an `Arc`; training publishes a new one after each finished step.
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use crate::checkpoint;
use crate::elsewhere::{Elsewhere, Gradient};
use crate::error::Error;
use crate::fallback::Fallback;
use crate::gru::Gru;
use crate::layout::Layout;
use crate::leaf::LEAF_BYTES;
use crate::network::Network;
use crate::order::{ORDER_MAX, Order};
use crate::root;
use crate::threads::{Purpose, each, threads};
use crate::trainer::{Learner, Trainer};
use crate::transformer::Transformer;
use crate::watch::Watch;

pub use crate::gru::Shape as GruShape;
pub use crate::transformer::Shape as TransformerShape;
pub use tensor::mode::Mode;

/// Text one model may hold: 64 MiB, thirty times a domain of the network's corpus.
pub const TEXT_BYTES_MAX: usize = 64 << 20;
/// Bytes of one context or stream: what a `predict` request of the network can carry (4,224) and room for experiments.
pub const CONTEXT_BYTES_MAX: usize = 16_384;
/// Leaves that one call may ask for: 64 MiB of codes.
pub const LEAVES_MAX: usize = 1 << 18;

/// Bytes of a checkpoint: a model of 20 M weights with its optimiser's state.
pub const CHECKPOINT_BYTES_MAX: usize = 256 << 20;

/// How much to train in one go.
#[derive(Clone, Debug)]
pub struct Slice {
    pub steps: u64,
    pub budget: Duration,
    /// Length of the whole training, which shapes the rate schedule.
    pub total_steps: u64,
}

/// What a slice did; `loss` is in bits per byte.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub steps: u64,
    pub bytes: u64,
    pub loss: f64,
    pub seconds: f64,
}

/// What kind of model, and how large.
#[derive(Clone, Debug)]
pub enum Spec {
    Order { order: usize, matching: bool },
    Fallback { artefact: Vec<u8> },
    Transformer(TransformerShape),
    Gru(GruShape),
}

impl Spec {
    /// What a checkpoint must be of; `exact` is no part of it, weights are weights.
    fn words(&self) -> String {
        match self {
            Self::Order { order, matching } => format!("order {order} match {matching}"),
            Self::Fallback { .. } => "fallback".into(),
            Self::Transformer(TransformerShape { width, layers, heads, context, .. }) => {
                format!("transformer {width}x{layers}x{heads} context {context}")
            }
            Self::Gru(GruShape { embedding, width, context, .. }) => {
                format!("gru {embedding}x{width} context {context}")
            }
        }
    }
}

/// An immutable model that answers.
pub trait Predictor: Send + Sync {
    /// Leaves of positions `from..=context.len()`, each given the bytes before it; `from` is in range.
    fn predict(&self, context: &[u8], from: usize) -> Vec<u8>;
    /// How many contexts are best computed together by one thread.
    fn batch(&self) -> usize {
        1
    }
    /// The same for several contexts and their first positions, with the same bits as one by one.
    fn predict_together(&self, contexts: &[(&[u8], usize)]) -> Vec<Vec<u8>> {
        contexts.iter().map(|&(context, from)| self.predict(context, from)).collect()
    }
    fn open(self: Arc<Self>) -> Box<dyn Stream>;
}

/// One growing text with its cache.
pub trait Stream: Send {
    /// Rewinds to `position`, appends `bytes`, gives the leaves of the last `want` positions, the next byte's last.
    fn extend(&mut self, position: usize, bytes: &[u8], want: usize) -> Result<Vec<u8>, Error>;
    /// Multiply-adds of `extend` with the same arguments, about; none where they are not known beforehand.
    fn work(&self, _position: usize, _added: usize, _want: usize) -> Option<u64> {
        None
    }
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Limits that every stream checks before it changes anything.
pub fn check_extend(length: usize, position: usize, added: usize, want: usize) -> Result<(), Error> {
    if position > length {
        return Err(Error::Input(format!("position {position} lies beyond the stream's {length} bytes")));
    }
    let end = position + added;
    if end > CONTEXT_BYTES_MAX {
        return Err(Error::Input(format!("a stream holds {CONTEXT_BYTES_MAX} bytes at most, not {end}")));
    }
    if want > end + 1 {
        return Err(Error::Input(format!("{want} positions are wanted of {} that there are", end + 1)));
    }
    Ok(())
}

/// A model that can be asked from many threads.
pub struct Model {
    spec: Spec,
    snapshot: RwLock<Arc<dyn Predictor>>,
    parameters: AtomicU64,
    learner: Option<Mutex<Box<dyn Learner>>>,
    /// The weights of the snapshot, for the root: it must not wait for a slice of training.
    weights: RwLock<Arc<Vec<f32>>>,
    text: RwLock<Arc<Vec<u8>>>,
}

impl Model {
    /// Checks `spec` and makes the model; the weights of trainable kinds come from `seed`.
    pub fn new(spec: Spec, seed: u64) -> Result<Self, Error> {
        Self::with(spec, seed, None)
    }

    /// A model of a trainable kind whose gradients are computed by `by`; all else is as in `new`.
    pub fn trained_elsewhere(spec: Spec, seed: u64, by: Arc<dyn Gradient>) -> Result<Self, Error> {
        Self::with(spec, seed, Some(by))
    }

    fn with(spec: Spec, seed: u64, by: Option<Arc<dyn Gradient>>) -> Result<Self, Error> {
        let mut learner: Option<Box<dyn Learner>> = None;
        let (snapshot, parameters): (Arc<dyn Predictor>, usize) = match &spec {
            Spec::Order { order, matching } => {
                if !(1..=ORDER_MAX).contains(order) {
                    return Err(Error::Spec(format!("the order must be 1 to {ORDER_MAX}, not {order}")));
                }
                (Arc::new(Order::new(&[], *order, *matching)), 0)
            }
            Spec::Fallback { artefact } => {
                let fallback = Fallback::new(artefact)?;
                let entries = fallback.entries();
                (Arc::new(fallback), entries)
            }
            Spec::Transformer(shape) => {
                trainable(learner.insert(trainer(Transformer::new(*shape)?, seed, by)).as_ref())
            }
            Spec::Gru(shape) => trainable(learner.insert(trainer(Gru::new(*shape)?, seed, by)).as_ref()),
        };
        Ok(Self {
            spec,
            snapshot: RwLock::new(snapshot),
            parameters: AtomicU64::new(parameters as u64),
            weights: RwLock::new(learner.as_ref().map(|learner| Arc::clone(learner.weights())).unwrap_or_default()),
            learner: learner.map(Mutex::new),
            text: RwLock::default(),
        })
    }

    /// Weights, or counted bytes (order-k) and entries (fallback).
    pub fn parameters(&self) -> u64 {
        self.parameters.load(Ordering::Relaxed)
    }

    fn snapshot(&self) -> Arc<dyn Predictor> {
        self.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the text to learn from; replaces an earlier one.
    pub fn set_text(&self, text: &[u8]) -> Result<(), Error> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(Error::Input(format!("a text has {TEXT_BYTES_MAX} bytes at most, not {}", text.len())));
        }
        match self.spec {
            Spec::Order { order, matching } => {
                let counted = Order::new(text, order, matching);
                self.parameters.store(counted.bytes() as u64, Ordering::Relaxed);
                self.publish(Arc::new(counted));
                Ok(())
            }
            Spec::Fallback { .. } => Err(Error::Kind("the fallback learns from its artefact alone".into())),
            Spec::Transformer(_) | Spec::Gru(_) => {
                *self.text.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(text.to_vec());
                Ok(())
            }
        }
    }

    /// For each context and its first wanted position, the leaves of that position up to the next byte.
    pub fn predict(&self, contexts: &[Vec<u8>], from: &[usize], watch: &dyn Watch) -> Result<Vec<Vec<u8>>, Error> {
        check_contexts(contexts, from)?;
        let snapshot = self.snapshot();
        let total = contexts.len() as u64;
        let done = AtomicU64::new(0);
        let items: Vec<(&[u8], usize)> = contexts.iter().map(Vec::as_slice).zip(from.iter().copied()).collect();
        let together = snapshot.batch().min(items.len().div_ceil(threads())).max(1);
        let answers = each(Purpose::Answering, items.chunks(together).collect(), |contexts| {
            if watch.cancelled() {
                return Vec::new();
            }
            let leaves = snapshot.predict_together(contexts);
            let count = contexts.len() as u64;
            watch.progress(done.fetch_add(count, Ordering::Relaxed) + count, total);
            leaves
        });
        if watch.cancelled() { Err(Error::Cancelled) } else { Ok(answers.into_iter().flatten().collect()) }
    }

    fn learner(&self) -> Result<MutexGuard<'_, Box<dyn Learner>>, Error> {
        let learner = self.learner.as_ref().ok_or_else(|| Error::Kind("a model of counts has no weights".into()))?;
        Ok(learner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn publish(&self, snapshot: Arc<dyn Predictor>) {
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }

    /// The tensors of a trainable model and their places among the weights.
    pub fn layout(&self) -> Result<Layout, Error> {
        Ok(self.learner()?.layout().clone())
    }

    /// Trains one slice; a second one at the same time waits for it.
    pub fn train(&self, slice: &Slice, watch: &dyn Watch) -> Result<Report, Error> {
        let mut learner = self.learner()?;
        let text = self.text.read().unwrap_or_else(PoisonError::into_inner).clone();
        learner.train(&text, slice, watch, &|snapshot, weights| self.publish_step(snapshot, weights))
    }

    fn publish_step(&self, snapshot: Arc<dyn Predictor>, weights: &Arc<Vec<f32>>) {
        *self.weights.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(weights);
        self.publish(snapshot);
    }

    /// The Merkle root of the weights of the last finished step; zero for models without.
    pub fn root(&self) -> [u8; 32] {
        let weights = self.weights.read().unwrap_or_else(PoisonError::into_inner).clone();
        root::root(&weights)
    }

    /// A checkpoint as safetensors, of the last finished step; waits for a slice that is under way.
    pub fn save(&self, weights_only: bool) -> Result<Vec<u8>, Error> {
        let learner = self.learner()?;
        let optimizer = if weights_only { None } else { Some(learner.optimizer()) };
        checkpoint::save(&self.spec.words(), learner.layout(), learner.weights(), optimizer)
    }

    /// Goes on from a checkpoint of the same spec; without the optimiser's state training begins at step 0.
    pub fn load(&self, bytes: &[u8]) -> Result<(), Error> {
        if bytes.len() > CHECKPOINT_BYTES_MAX {
            return Err(Error::Checkpoint(format!("a checkpoint has {CHECKPOINT_BYTES_MAX} bytes at most")));
        }
        let mut learner = self.learner()?;
        let (weights, optimizer) = checkpoint::load(bytes, &self.spec.words(), learner.layout())?;
        learner.restore(weights, optimizer);
        self.publish_step(learner.predictor(), learner.weights());
        Ok(())
    }

    /// A stream over the weights of the last finished step; it keeps them while it lives.
    pub fn open(&self) -> Box<dyn Stream> {
        self.snapshot().open()
    }
}

fn trainer<N: Network>(network: N, seed: u64, by: Option<Arc<dyn Gradient>>) -> Box<dyn Learner> {
    match by {
        None => Box::new(Trainer::new(Arc::new(network), seed)),
        Some(by) => Box::new(Trainer::new(Arc::new(Elsewhere::new(network, by)), seed)),
    }
}

fn trainable(learner: &dyn Learner) -> (Arc<dyn Predictor>, usize) {
    (learner.predictor(), learner.layout().parameters())
}

fn check_contexts(contexts: &[Vec<u8>], from: &[usize]) -> Result<(), Error> {
    if contexts.len() != from.len() {
        return Err(Error::Input(format!("{} contexts came with {} first positions", contexts.len(), from.len())));
    }
    let mut leaves = 0;
    for (context, &from) in contexts.iter().zip(from) {
        if context.len() > CONTEXT_BYTES_MAX {
            return Err(Error::Input(format!(
                "a context has {CONTEXT_BYTES_MAX} bytes at most, not {}",
                context.len()
            )));
        }
        if from > context.len() {
            return Err(Error::Input(format!("position {from} lies beyond a context of {} bytes", context.len())));
        }
        leaves += context.len() - from + 1;
    }
    if leaves > LEAVES_MAX {
        return Err(Error::Input(format!(
            "{leaves} leaves of {LEAF_BYTES} bytes are wanted, {LEAVES_MAX} is the limit"
        )));
    }
    Ok(())
}
