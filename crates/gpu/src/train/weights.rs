//! The weights of a model on a device, tensor by tensor, and their gradients on the way back.
use std::ops::Range;

use expert::layout::Layout;

use crate::engine::Engine;
use crate::error::Error;

/// One buffer per tensor, by name.
pub struct Weights<B> {
    tensors: Vec<(String, B)>,
}

impl<B> Weights<B> {
    /// Copies all tensors to the device.
    ///
    /// # Errors
    /// `Memory`, and what the driver says.
    pub fn upload<E: Engine<Buffer = B>>(engine: &mut E, layout: &Layout, weights: &[f32]) -> Result<Self, Error> {
        let mut tensors = Vec::with_capacity(layout.tensors.len());
        for tensor in &layout.tensors {
            let values = weights.get(tensor.range.clone()).unwrap_or_default();
            tensors.push((tensor.name.clone(), upload(engine, values)?));
        }
        Ok(Self { tensors })
    }

    /// # Errors
    /// `Internal` for a name that the layout has not.
    pub fn get(&self, name: &str) -> Result<&B, Error> {
        let found = self.tensors.iter().find(|(known, _)| known == name);
        found.map(|(_, buffer)| buffer).ok_or_else(|| Error::Internal(format!("there is no tensor {name}")))
    }
}

/// Adds some of the numbers of a buffer to where the layout has tensor `name`, from its beginning on.
///
/// # Errors
/// What the driver says.
pub fn add_gradient<E: Engine>(
    engine: &mut E,
    layout: &Layout,
    name: &str,
    (from, some): (&E::Buffer, Range<usize>),
    gradient: &mut [f32],
) -> Result<(), Error> {
    let tensor = layout.tensors.iter().find(|tensor| tensor.name == name);
    let Some(place) = tensor.and_then(|tensor| gradient.get_mut(tensor.range.clone())) else {
        return Err(Error::Internal(format!("there is no tensor {name}")));
    };
    for (to, value) in place.iter_mut().zip(download(engine, from, some)?) {
        *to += value;
    }
    Ok(())
}

/// A new buffer with these numbers.
///
/// # Errors
/// `Memory`, and what the driver says.
pub fn upload<E: Engine>(engine: &mut E, values: &[f32]) -> Result<E::Buffer, Error> {
    let buffer = engine.buffer(values.len() * 4)?;
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    engine.upload(&buffer, 0, &bytes)?;
    Ok(buffer)
}

/// Some of the numbers of a buffer.
///
/// # Errors
/// What the driver says.
pub fn download<E: Engine>(engine: &mut E, from: &E::Buffer, some: Range<usize>) -> Result<Vec<f32>, Error> {
    let mut bytes = vec![0; some.len() * 4];
    engine.download(from, some.start * 4, &mut bytes)?;
    Ok(bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect())
}
