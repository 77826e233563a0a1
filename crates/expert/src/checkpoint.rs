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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Start;
    use crate::random::Random;
    use crate::root::root;

    const MODEL: &str = "toy 3";

    fn toy() -> (Layout, Vec<f32>, AdamW) {
        let mut layout = Layout::default();
        layout.add("first", &[3, 4], Start::Normal(1.0));
        layout.add("second", &[5], Start::Constant(0.5));
        let weights = layout.initial(9);
        let mut optimizer = AdamW::new(weights.len());
        let mut random = Random::new(2, &[]);
        optimizer.first.iter_mut().for_each(|moment| *moment = random.normal());
        optimizer.second.iter_mut().for_each(|moment| *moment = random.normal().abs());
        optimizer.steps = 41;
        (layout, weights, optimizer)
    }

    #[test]
    fn what_was_saved_is_what_is_loaded_to_the_last_bit() {
        let (layout, weights, optimizer) = toy();
        let bytes = save(MODEL, &layout, &weights, Some(&optimizer)).unwrap();
        let (loaded, state) = load(&bytes, MODEL, &layout).unwrap();
        let state = state.unwrap();
        assert_eq!((&loaded, &state.first, &state.second), (&weights, &optimizer.first, &optimizer.second));
        assert_eq!((state.steps, root(&loaded)), (41, root(&weights)));
        let bytes = save(MODEL, &layout, &weights, None).unwrap();
        let (loaded, state) = load(&bytes, MODEL, &layout).unwrap();
        assert!(loaded == weights && state.is_none());
    }

    #[test]
    fn a_checkpoint_cut_anywhere_is_refused() {
        let (layout, weights, optimizer) = toy();
        let bytes = save(MODEL, &layout, &weights, Some(&optimizer)).unwrap();
        for length in 0..bytes.len() {
            assert!(load(&bytes[..length], MODEL, &layout).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn another_model_other_shapes_and_numbers_that_no_training_gives_are_refused() {
        let (layout, weights, optimizer) = toy();
        let bytes = save(MODEL, &layout, &weights, Some(&optimizer)).unwrap();
        assert!(load(&bytes, "toy 4", &layout).is_err());
        let mut other = Layout::default();
        other.add("first", &[4, 3], Start::Normal(1.0));
        other.add("second", &[5], Start::Constant(0.5));
        assert!(load(&bytes, MODEL, &other).is_err(), "a transposed tensor");
        for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut spoilt = weights.clone();
            spoilt[16] = wrong;
            assert!(load(&save(MODEL, &layout, &spoilt, None).unwrap(), MODEL, &layout).is_err(), "{wrong}");
        }
        let mut negative = toy().2;
        negative.second[3] = -1.0;
        assert!(load(&save(MODEL, &layout, &weights, Some(&negative)).unwrap(), MODEL, &layout).is_err());
    }

    #[test]
    fn a_flipped_bit_is_refused_or_changes_the_root_or_only_the_state() {
        let (layout, weights, optimizer) = toy();
        let bytes = save(MODEL, &layout, &weights, Some(&optimizer)).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                if let Ok((loaded, state)) = load(&flipped, MODEL, &layout) {
                    let same_state = state.is_some_and(|state| {
                        (state.steps, &state.first, &state.second) == (41, &optimizer.first, &optimizer.second)
                    });
                    assert!(root(&loaded) != root(&weights) || !same_state, "bit {bit} of byte {at} is not seen");
                }
            }
        }
    }
}
