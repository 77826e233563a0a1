//! `crates/expert` for JavaScript: models and streams as classes, long work as promises.
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use expert::error::Error as ExpertError;
use expert::model::{
    CHECKPOINT_BYTES_MAX, CONTEXT_BYTES_MAX, GruShape, LEAVES_MAX, Mode, Model, Slice, Spec, Stream, TEXT_BYTES_MAX,
    TransformerShape,
};
use expert::watch::Watch;
use napi::bindgen_prelude::{BigInt, Env, Object, Result, Uint8Array};
use napi_derive::napi;

use crate::argument::milliseconds;
use crate::failure::Failure;
use crate::job::{Job, Lane, Shared, promise};

/// Multiply-adds that JavaScript's own thread does at once, some 30 µs of it: to hand work to another thread and the
/// answer back costs that thread as much.
const AT_ONCE_MAX: u64 = 1 << 20;

/// One slice never runs longer than an hour, whatever it asks for.
const BUDGET_MS_MAX: f64 = 3_600_000.0;

impl From<ExpertError> for Failure {
    fn from(error: ExpertError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

struct Watched(Arc<Shared>);

impl Watch for Watched {
    fn cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Relaxed)
    }

    fn progress(&self, done: u64, total: u64) {
        self.0.total.store(total, Ordering::Relaxed);
        self.0.done.store(done, Ordering::Relaxed);
    }
}

/// What `ModelSpec` of the port is on this side; which fields must be there depends on `kind`.
#[napi(object, object_to_js = false)]
pub struct NativeModelSpec {
    pub kind: String,
    pub order: Option<u32>,
    pub matching: Option<bool>,
    pub artefact: Option<Uint8Array>,
    pub embedding: Option<u32>,
    pub width: Option<u32>,
    pub layers: Option<u32>,
    pub heads: Option<u32>,
    pub context: Option<u32>,
    pub exact: Option<bool>,
}

fn spec_of(spec: &NativeModelSpec) -> std::result::Result<Spec, ExpertError> {
    let missing = |name: &str| ExpertError::Spec(format!("a model of kind {} needs `{name}`", spec.kind));
    let size = |value: Option<u32>, name: &str| value.map(|size| size as usize).ok_or_else(|| missing(name));
    let mode = if spec.exact == Some(true) { Mode::Exact } else { Mode::Fast };
    match spec.kind.as_str() {
        "order" => Ok(Spec::Order {
            order: size(spec.order, "order")?,
            matching: spec.matching.ok_or_else(|| missing("match"))?,
        }),
        "fallback" => {
            let artefact = spec.artefact.as_ref().ok_or_else(|| missing("artefact"))?;
            Ok(Spec::Fallback { artefact: artefact.to_vec() })
        }
        "transformer" => Ok(Spec::Transformer(TransformerShape {
            width: size(spec.width, "width")?,
            layers: size(spec.layers, "layers")?,
            heads: size(spec.heads, "heads")?,
            context: size(spec.context, "context")?,
            mode,
        })),
        "gru" => Ok(Spec::Gru(GruShape {
            embedding: size(spec.embedding, "embedding")?,
            width: size(spec.width, "width")?,
            context: size(spec.context, "context")?,
            mode,
        })),
        other => Err(ExpertError::Spec(format!("there is no model of kind {other}"))),
    }
}

/// One slice of training.
#[napi(object, object_to_js = false)]
pub struct NativeSlice {
    pub steps: u32,
    pub budget_ms: f64,
    pub total_steps: u32,
}

/// What a slice did.
#[napi(object, object_from_js = false)]
pub struct NativeTrainReport {
    pub steps: f64,
    pub bytes: f64,
    pub loss: f64,
    pub seconds: f64,
}

fn closed() -> Failure {
    ExpertError::Input("the stream is closed".into()).into()
}

fn too_long(what: &str, bytes: usize) -> napi::Error {
    Failure::from(ExpertError::Input(format!("{what} has {bytes} bytes at most"))).into()
}

#[napi]
pub struct NativeModel {
    model: Arc<Model>,
}

#[napi]
impl NativeModel {
    #[napi(constructor, catch_unwind)]
    #[allow(clippy::needless_pass_by_value)] // napi hands objects over by value
    pub fn new(spec: NativeModelSpec, seed: BigInt) -> Result<Self> {
        let model = Model::new(spec_of(&spec).map_err(Failure::from)?, seed.get_u64().1).map_err(Failure::from)?;
        Ok(Self { model: Arc::new(model) })
    }

    #[napi(getter, catch_unwind)]
    pub fn parameters(&self) -> f64 {
        self.model.parameters() as f64
    }

    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    #[allow(clippy::needless_pass_by_value)]
    pub fn set_text<'env>(&self, env: &'env Env, text: Uint8Array) -> Result<Object<'env>> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(too_long("a text", TEXT_BYTES_MAX));
        }
        let (model, text) = (Arc::clone(&self.model), text.to_vec());
        promise(env, Lane::High, move || Ok(model.set_text(&text)?))
    }

    #[napi(catch_unwind, ts_return_type = "Promise<Uint8Array[]>")]
    #[allow(clippy::needless_pass_by_value)]
    pub fn predict<'env>(
        &self,
        env: &'env Env,
        contexts: Vec<Uint8Array>,
        from: Vec<u32>,
        job: &Job,
    ) -> Result<Object<'env>> {
        // The model checks everything again; this check is before the copy.
        if contexts.len() > LEAVES_MAX || contexts.iter().map(|context| context.len()).sum::<usize>() > TEXT_BYTES_MAX {
            return Err(too_long("all contexts together", TEXT_BYTES_MAX));
        }
        let contexts: Vec<Vec<u8>> = contexts.iter().map(|context| context.to_vec()).collect();
        let from: Vec<usize> = from.into_iter().map(|position| position as usize).collect();
        let (model, watch) = (Arc::clone(&self.model), Watched(Arc::clone(&job.shared)));
        promise(env, Lane::High, move || {
            let leaves = model.predict(&contexts, &from, &watch)?;
            Ok(leaves.into_iter().map(Uint8Array::from).collect::<Vec<_>>())
        })
    }

    #[napi(catch_unwind, ts_return_type = "Promise<NativeTrainReport>")]
    #[allow(clippy::needless_pass_by_value)]
    pub fn train<'env>(&self, env: &'env Env, slice: NativeSlice, job: &Job) -> Result<Object<'env>> {
        let (model, watch) = (Arc::clone(&self.model), Watched(Arc::clone(&job.shared)));
        let slice = Slice {
            steps: u64::from(slice.steps),
            budget: milliseconds("budgetMs", slice.budget_ms, BUDGET_MS_MAX)?,
            total_steps: u64::from(slice.total_steps),
        };
        promise(env, Lane::Low, move || {
            let report = model.train(&slice, &watch)?;
            Ok(NativeTrainReport {
                steps: report.steps as f64,
                bytes: report.bytes as f64,
                loss: report.loss,
                seconds: report.seconds,
            })
        })
    }

    #[napi(catch_unwind, ts_return_type = "Promise<Uint8Array>")]
    pub fn root<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let model = Arc::clone(&self.model);
        promise(env, Lane::High, move || Ok(Uint8Array::from(model.root().to_vec())))
    }

    #[napi(catch_unwind, ts_return_type = "Promise<Uint8Array>")]
    pub fn save<'env>(&self, env: &'env Env, weights_only: bool) -> Result<Object<'env>> {
        let model = Arc::clone(&self.model);
        promise(env, Lane::High, move || Ok(Uint8Array::from(model.save(weights_only)?)))
    }

    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    #[allow(clippy::needless_pass_by_value)]
    pub fn load<'env>(&self, env: &'env Env, checkpoint: Uint8Array) -> Result<Object<'env>> {
        if checkpoint.len() > CHECKPOINT_BYTES_MAX {
            return Err(too_long("a checkpoint", CHECKPOINT_BYTES_MAX));
        }
        let (model, checkpoint) = (Arc::clone(&self.model), checkpoint.to_vec());
        promise(env, Lane::High, move || Ok(model.load(&checkpoint)?))
    }

    #[napi(catch_unwind)]
    pub fn open(&self) -> NativeStream {
        NativeStream { stream: Arc::new(Mutex::new(Some(self.model.open()))) }
    }
}

#[napi]
pub struct NativeStream {
    stream: Arc<Mutex<Option<Box<dyn Stream>>>>,
}

#[napi]
impl NativeStream {
    #[napi(catch_unwind, ts_return_type = "Promise<Uint8Array>")]
    #[allow(clippy::needless_pass_by_value)]
    pub fn extend<'env>(&self, env: &'env Env, position: u32, bytes: Uint8Array, want: u32) -> Result<Object<'env>> {
        if bytes.len() > CONTEXT_BYTES_MAX {
            return Err(too_long("a stream", CONTEXT_BYTES_MAX));
        }
        let (stream, bytes) = (Arc::clone(&self.stream), bytes.to_vec());
        promise(env, Lane::High, move || {
            let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(stream) = stream.as_mut() else {
                return Err(closed());
            };
            Ok(Uint8Array::from(stream.extend(position as usize, &bytes, want as usize)?))
        })
    }

    /// `extend` on the thread that calls, where there is little to do: null where there may be more, and while another call
    /// is under way.
    #[napi(catch_unwind)]
    #[allow(clippy::needless_pass_by_value)]
    pub fn extend_now(&self, position: u32, bytes: Uint8Array, want: u32) -> Result<Option<Uint8Array>> {
        let mut stream = match self.stream.try_lock() {
            Ok(stream) => stream,
            Err(TryLockError::Poisoned(stream)) => stream.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(None),
        };
        let Some(stream) = stream.as_mut() else {
            return Err(closed().into());
        };
        let (position, want) = (position as usize, want as usize);
        if stream.work(position, bytes.len(), want).is_none_or(|work| work > AT_ONCE_MAX) {
            return Ok(None);
        }
        let leaves = stream.extend(position, &bytes, want).map_err(Failure::from)?;
        Ok(Some(Uint8Array::from(leaves)))
    }

    /// Lets go of the cache.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        if let Ok(mut stream) = self.stream.try_lock() {
            *stream = None;
        }
    }
}

#[napi(catch_unwind, ts_return_type = "Promise<Uint8Array>")]
#[allow(clippy::needless_pass_by_value)]
pub fn fallback_artefact<'env>(env: &'env Env, texts: Vec<Uint8Array>, job: &Job) -> Result<Object<'env>> {
    if texts.iter().map(|text| text.len()).sum::<usize>() > TEXT_BYTES_MAX {
        return Err(too_long("all texts together", TEXT_BYTES_MAX));
    }
    let texts: Vec<Vec<u8>> = texts.iter().map(|text| text.to_vec()).collect();
    let watch = Watched(Arc::clone(&job.shared));
    promise(env, Lane::High, move || Ok(Uint8Array::from(expert::fallback::artefact(&texts, &watch)?)))
}
