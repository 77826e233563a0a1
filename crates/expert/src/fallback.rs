//! The public fallback p0 (mixture.md 2.5): order 2 over the training split, made once, the same bits everywhere.
//! Artefact: sorted entries (two preceding bytes, big-endian, the nearer one last; the byte; its count as LEB128).
use std::sync::{Arc, OnceLock};

use crate::error::Error;
use crate::leaf::{self, LEAF_BYTES};
use crate::model::{Predictor, Stream, check_extend};
use crate::ranges::BEFORE;
use crate::watch::Watch;

/// Far more than 2 MB of any text can give, which is about one MB; a bound against nonsense, checked before anything
/// is allocated.
pub const ARTEFACT_BYTES_MAX: usize = 32 << 20;
/// The sum of all counts stays exact in binary64, and far from overflow.
const TOTAL_MAX: u64 = 1 << 52;
const CONTEXTS: usize = 1 << 16;

/// Counts all `texts`, each beginning after two times 0x0A, and writes the artefact.
pub fn artefact(texts: &[Vec<u8>], watch: &dyn Watch) -> Result<Vec<u8>, Error> {
    let total: u64 = texts.iter().map(|text| text.len() as u64).sum();
    // Rows of the contexts that occur: a few thousand of them in any text.
    let mut counts: Vec<Option<Box<[u32; 256]>>> = vec![None; CONTEXTS];
    let mut done = 0_u64;
    for text in texts {
        let mut context = usize::from(u16::from_be_bytes([BEFORE; 2]));
        for piece in text.chunks(1 << 18) {
            if watch.cancelled() {
                return Err(Error::Cancelled);
            }
            for &byte in piece {
                counts[context].get_or_insert_with(|| Box::new([0; 256]))[usize::from(byte)] += 1;
                context = (context << 8 | usize::from(byte)) & 0xffff;
            }
            done += piece.len() as u64;
            watch.progress(done, total);
        }
    }
    let mut artefact = Vec::new();
    for (context, row) in (0..=u16::MAX).zip(&counts).filter_map(|(context, row)| Some((context, row.as_ref()?))) {
        for (byte, &count) in (0_u8..=255).zip(row.iter()).filter(|&(_, &count)| count > 0) {
            artefact.extend_from_slice(&context.to_be_bytes());
            artefact.push(byte);
            let mut rest = count;
            while rest >= 0x80 {
                artefact.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            artefact.push(rest as u8);
        }
    }
    Ok(artefact)
}

/// p0 in memory: sparse counts, and the leaves of contexts that were asked for.
pub struct Fallback {
    /// Where the entries of context `ba` begin; one more than there are contexts.
    starts: Vec<u32>,
    entries: Vec<(u8, u64)>,
    /// c1 by preceding byte, c0, and u0, which depends on nothing.
    pairs: Vec<[u64; 256]>,
    uniform: Box<[f64; 256]>,
    leaves: Vec<OnceLock<Box<[u8; LEAF_BYTES]>>>,
}

impl Fallback {
    /// Reads an artefact. Refused: unsorted or repeated entries, zero, over-long or truncated counts.
    pub fn new(artefact: &[u8]) -> Result<Self, Error> {
        if artefact.len() > ARTEFACT_BYTES_MAX {
            return Err(Error::Artefact(format!("the fallback artefact exceeds {ARTEFACT_BYTES_MAX} bytes")));
        }
        let mut starts = vec![0_u32; CONTEXTS + 1];
        let mut entries = Vec::with_capacity(artefact.len() / 5);
        let mut pairs = vec![[0_u64; 256]; 256];
        let mut single = [0_u64; 256];
        let (mut at, mut after, mut all) = (0, 0, 0_u64);
        while at < artefact.len() {
            let (slot, count, end) = entry(artefact, at)?;
            if slot < after {
                return Err(Error::Artefact(format!("entries of the fallback artefact are out of order at byte {at}")));
            }
            let (context, byte) = (slot >> 8, slot & 0xff);
            starts[context + 1] += 1;
            entries.push((byte as u8, count));
            pairs[context & 0xff][byte] += count;
            single[byte] += count;
            all += count;
            if all > TOTAL_MAX {
                return Err(Error::Artefact("the fallback artefact counts more bytes than can be".into()));
            }
            (at, after) = (end, slot + 1);
        }
        for context in 0..CONTEXTS {
            starts[context + 1] += starts[context];
        }
        let all = all as f64;
        let mut uniform = Box::new([0.0; 256]);
        for (u, &count) in uniform.iter_mut().zip(&single) {
            *u = (count as f64 + 1.0) / (all + 256.0);
        }
        let leaves = std::iter::repeat_with(OnceLock::new).take(CONTEXTS).collect();
        Ok(Self { starts, entries, pairs, uniform, leaves })
    }

    /// How many (context, byte) counts it holds.
    pub fn entries(&self) -> usize {
        self.entries.len()
    }

    /// p0 of the byte after `b`, `a`.
    pub fn probabilities(&self, b: u8, a: u8) -> [f64; LEAF_BYTES] {
        let pair = &self.pairs[usize::from(a)];
        let pair_total = pair.iter().sum::<u64>() as f64;
        let context = usize::from(u16::from_be_bytes([b, a]));
        let own = &self.entries[self.starts[context] as usize..self.starts[context + 1] as usize];
        let own_total = own.iter().map(|&(_, count)| count).sum::<u64>() as f64;
        let mut counts = [0.0; LEAF_BYTES];
        for &(byte, count) in own {
            counts[usize::from(byte)] = count as f64;
        }
        let mut p = [0.0; LEAF_BYTES];
        for y in 0..LEAF_BYTES {
            let u1 = (pair[y] as f64 + 16.0 * self.uniform[y]) / (pair_total + 16.0);
            p[y] = (counts[y] + 4.0 * u1) / (own_total + 4.0);
        }
        p
    }

    fn leaf(&self, before: &[u8]) -> &[u8; LEAF_BYTES] {
        let (b, a) = match before {
            [.., b, a] => (*b, *a),
            [a] => (BEFORE, *a),
            [] => (BEFORE, BEFORE),
        };
        self.leaves[usize::from(u16::from_be_bytes([b, a]))].get_or_init(|| {
            let mut leaf = Box::new([0; LEAF_BYTES]);
            leaf::encode(&self.probabilities(b, a), &mut *leaf);
            leaf
        })
    }
}

/// The entry at `at`: its slot (context·256 + byte), its count, where the next one begins.
fn entry(artefact: &[u8], at: usize) -> Result<(usize, u64, usize), Error> {
    let broken = || Error::Artefact(format!("the fallback artefact has a malformed entry at byte {at}"));
    let head = artefact.get(at..at + 3).ok_or_else(broken)?;
    let slot = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
    let mut count = 0_u64;
    for (index, &byte) in artefact[at + 3..].iter().take(8).enumerate() {
        count |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let minimal = byte != 0 || index == 0;
            return if minimal && (1..=TOTAL_MAX).contains(&count) {
                Ok((slot, count, at + 4 + index))
            } else {
                Err(broken())
            };
        }
    }
    Err(broken())
}

impl Predictor for Fallback {
    fn predict(&self, context: &[u8], from: usize) -> Vec<u8> {
        (from..=context.len()).flat_map(|t| *self.leaf(&context[..t])).collect()
    }

    fn open(self: Arc<Self>) -> Box<dyn Stream> {
        Box::new(FallbackStream { fallback: self, bytes: Vec::new() })
    }
}

struct FallbackStream {
    fallback: Arc<Fallback>,
    bytes: Vec<u8>,
}

impl Stream for FallbackStream {
    fn extend(&mut self, position: usize, bytes: &[u8], want: usize) -> Result<Vec<u8>, Error> {
        check_extend(self.bytes.len(), position, bytes.len(), want)?;
        self.bytes.truncate(position);
        self.bytes.extend_from_slice(bytes);
        Ok(self.fallback.predict(&self.bytes, self.bytes.len() + 1 - want))
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }
}
