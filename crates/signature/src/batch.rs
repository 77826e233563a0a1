//! Many signatures at once, on all cores, with the meaning of one by one.
use rayon::prelude::*;

use crate::{Error, MESSAGE_MAX, PublicKey, Scheme, Signature, ed25519, sr25519, wrapped};

/// Signatures in one call.
pub const BATCH_MAX: usize = 16_384;

/// Signatures that one sr25519 equation covers: larger gains little, and one bad one costs a second look at all.
const GROUP: usize = 64;

#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    pub scheme: Scheme,
    pub public: &'a PublicKey,
    pub message: &'a [u8],
    pub signature: &'a Signature,
}

/// Whether each item is valid, exactly as [`crate::verify`] says.
///
/// # Errors
/// `BatchTooLarge`, `MessageTooLong` when any message is.
pub fn verify_batch(items: &[Item]) -> Result<Vec<bool>, Error> {
    if items.len() > BATCH_MAX {
        return Err(Error::BatchTooLarge(items.len()));
    }
    if let Some(item) = items.iter().find(|item| item.message.len() > MESSAGE_MAX) {
        return Err(Error::MessageTooLong(item.message.len()));
    }
    Ok(items.par_chunks(GROUP).flat_map_iter(group).collect())
}

fn group(items: &[Item]) -> Vec<bool> {
    let (mut parsed, mut indexes) = (vec![], vec![]);
    let mut out = vec![false; items.len()];
    for (index, item) in items.iter().enumerate() {
        if *item.public == [0; 32] || wrapped(item.message) {
            continue;
        }
        match item.scheme {
            Scheme::Ed25519 => out[index] = ed25519::verify(item.public, item.message, item.signature),
            Scheme::Sr25519 => {
                if let Some(one) = sr25519::parse(item.public, item.message, item.signature) {
                    parsed.push(one);
                    indexes.push(index);
                }
            }
        }
    }
    let all = parsed.len() > 1 && sr25519::verify_all(&parsed);
    for (index, one) in indexes.into_iter().zip(&parsed) {
        out[index] = all || sr25519::verify(one);
    }
    out
}
