//! How often matches of a given length were right in this context so far: the adaptive hit rate of the match
//! predictor, with every update undoable so that a stream can rewind.

/// Matches shorter than this predict nothing (mixture.md 8).
pub const MATCH_MIN: usize = 6;
/// Longer matches count as this long.
pub const MATCH_MAX: usize = 32;

/// Shortest match of each bucket and the hit rate assumed before any was seen here: means over the validation pieces
/// of the eight domains of the demonstration corpus, each against its own training text.
const BUCKETS: [(usize, f64); 8] =
    [(6, 0.58), (7, 0.60), (8, 0.63), (10, 0.68), (13, 0.74), (17, 0.80), (24, 0.87), (32, 0.92)];
/// How many observations the assumed rate weighs as much as.
const ASSUMED: f64 = 6.0;
/// A byte predicted by a match never takes all the probability.
const RATE_MAX: f64 = 0.99;

/// The next byte that a match foretells, and in which bucket.
#[derive(Clone, Copy)]
pub struct Foretold {
    pub byte: u8,
    bucket: u8,
}

impl Foretold {
    /// From a match of `length` bytes; none when it is too short.
    pub fn new(byte: u8, length: usize) -> Option<Self> {
        let bucket = BUCKETS.iter().rposition(|&(shortest, _)| length >= shortest)?;
        Some(Self { byte, bucket: bucket as u8 })
    }
}

#[derive(Default, Clone)]
pub struct Rates {
    hits: [u32; BUCKETS.len()],
    total: [u32; BUCKETS.len()],
    /// Per byte observed: 0 when nothing was foretold, else 1 + 2·bucket + hit.
    log: Vec<u8>,
}

impl Rates {
    /// The chance that the foretold byte comes.
    pub fn rate(&self, foretold: Foretold) -> f64 {
        let b = usize::from(foretold.bucket);
        let rate = (f64::from(self.hits[b]) + ASSUMED * BUCKETS[b].1) / (f64::from(self.total[b]) + ASSUMED);
        rate.min(RATE_MAX)
    }

    /// Learns from the byte that came.
    pub fn observe(&mut self, foretold: Option<Foretold>, byte: u8) {
        let Some(Foretold { byte: expected, bucket }) = foretold else {
            self.log.push(0);
            return;
        };
        let hit = u8::from(expected == byte);
        self.hits[usize::from(bucket)] += u32::from(hit);
        self.total[usize::from(bucket)] += 1;
        self.log.push(1 + 2 * bucket + hit);
    }

    /// Forgets all but the first `length` observations.
    pub fn rewind(&mut self, length: usize) {
        while self.log.len() > length {
            let Some(entry @ 1..) = self.log.pop() else { continue };
            let (bucket, hit) = (usize::from((entry - 1) / 2), u32::from((entry - 1) % 2));
            self.hits[bucket] -= hit;
            self.total[bucket] -= 1;
        }
    }
}
