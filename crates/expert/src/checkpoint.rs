//! Checkpoints as safetensors: one tensor per tensor of the layout, and, unless only weights are wanted, the optimiser's
//! two moments as flat tensors. The metadata name the model and its step. A peer's checkpoint is data, never code.
use std::collections::HashMap;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::error::Error;
use crate::layout::Layout;
use crate::optimizer::AdamW;

/// The metadata key; a single one, since their order in the file is not fixed.
const KEY: &str = "taumesh";
const FIRST: &str = "optimizer.first";
const SECOND: &str = "optimizer.second";

fn little_endian(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The checkpoint of `weights`; `model` is the spec in words.
pub fn save(model: &str, layout: &Layout, weights: &[f32], optimizer: Option<&AdamW>) -> Result<Vec<u8>, Error> {
    let mut parts: Vec<(&str, Vec<usize>, Vec<u8>)> = layout
        .tensors
        .iter()
        .map(|tensor| (tensor.name.as_str(), tensor.shape.clone(), little_endian(&weights[tensor.range.clone()])))
        .collect();
    if let Some(optimizer) = optimizer {
        for (name, moments) in [(FIRST, &optimizer.first), (SECOND, &optimizer.second)] {
            parts.push((name, vec![moments.len()], little_endian(moments)));
        }
    }
    let steps = optimizer.map_or(0, |optimizer| optimizer.steps);
    let failed = |error: safetensors::SafeTensorError| Error::Checkpoint(error.to_string());
    let views = parts
        .iter()
        .map(|(name, shape, bytes)| Ok((*name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    let metadata = HashMap::from([(KEY.to_owned(), format!("{model}; steps {steps}"))]);
    safetensors::serialize(views, Some(metadata)).map_err(failed)
}

/// Reads a checkpoint of the very same model; refuses other shapes, missing tensors, and numbers that are not finite.
pub fn load(bytes: &[u8], model: &str, layout: &Layout) -> Result<(Vec<f32>, Option<AdamW>), Error> {
    let failed = |error: safetensors::SafeTensorError| Error::Checkpoint(error.to_string());
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(failed)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(failed)?;
    let said = metadata.metadata().as_ref().and_then(|words| words.get(KEY)).cloned().unwrap_or_default();
    let steps = said
        .strip_prefix(model)
        .and_then(|rest| rest.strip_prefix("; steps "))
        .and_then(|steps| steps.parse::<u64>().ok())
        .ok_or_else(|| Error::Checkpoint(format!("it is of another model, not of {model}")))?;
    let mut weights = vec![0.0; layout.parameters()];
    for tensor in &layout.tensors {
        fill(&tensors, &tensor.name, &tensor.shape, &mut weights[tensor.range.clone()])?;
    }
    if !tensors.names().contains(&FIRST) {
        return Ok((weights, None));
    }
    let mut optimizer = AdamW::new(weights.len());
    optimizer.steps = steps;
    let shape = [weights.len()];
    fill(&tensors, FIRST, &shape, &mut optimizer.first)?;
    fill(&tensors, SECOND, &shape, &mut optimizer.second)?;
    if optimizer.second.iter().any(|&moment| moment < 0.0) {
        return Err(Error::Checkpoint("a second moment is negative".into()));
    }
    Ok((weights, Some(optimizer)))
}

fn fill(tensors: &SafeTensors, name: &str, shape: &[usize], values: &mut [f32]) -> Result<(), Error> {
    let view = tensors.tensor(name).map_err(|_| Error::Checkpoint(format!("it has no tensor {name}")))?;
    if view.dtype() != Dtype::F32 || view.shape() != shape {
        return Err(Error::Checkpoint(format!("tensor {name} has another form than {shape:?} of f32")));
    }
    for (value, bytes) in values.iter_mut().zip(view.data().as_chunks::<4>().0) {
        *value = f32::from_le_bytes(*bytes);
        if !value.is_finite() {
            return Err(Error::Checkpoint(format!("tensor {name} holds a number that is not finite")));
        }
    }
    Ok(())
}
