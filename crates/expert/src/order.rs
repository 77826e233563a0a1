//! The order-k expert (mixture.md 8): orders 0..k interpolated by absolute discounting,
//! `p_k(y) = (c_k(y)−¾)⁺/C_k + ¾·n_k/C_k·p_{k−1}(y)`, `p_{−1} = 1/256`, over its own text; and on top of it the byte that
//! followed the longest match of at least six bytes there, at its adaptive hit rate.
use std::sync::Arc;

use crate::error::Error;
use crate::leaf::{self, LEAF_BYTES};
use crate::model::{Predictor, Stream, check_extend};
use crate::ranges::{BEFORE, DEPTH, Range, Ranges};
use crate::rates::{Foretold, MATCH_MAX, MATCH_MIN, Rates};

/// The longest context that is counted, bytes.
pub const ORDER_MAX: usize = 8;
const DISCOUNT: f64 = 0.75;

#[allow(clippy::struct_field_names)] // the order of an order-k model has no better name
/// One text's counts and how deep to use them.
pub struct Order {
    ranges: Ranges,
    order: usize,
    matching: bool,
}

/// What is known about the next byte before it is mixed: one range per order, shortest first, and the match.
struct Found {
    ranges: [Range; ORDER_MAX + 1],
    orders: usize,
    foretold: Option<Foretold>,
}

impl Order {
    /// Counts `text`; `order` is 1..=8 (checked by the model's spec).
    pub fn new(text: &[u8], order: usize, matching: bool) -> Self {
        Self { ranges: Ranges::new(text), order: order.min(ORDER_MAX), matching }
    }

    /// How many contexts' worth of numbers it keeps: the counted bytes.
    pub fn bytes(&self) -> usize {
        self.ranges.bytes()
    }

    fn find(&self, context: &[u8]) -> Found {
        let history = |back: usize| if back < context.len() { context[context.len() - 1 - back] } else { BEFORE };
        let mut range = self.ranges.all();
        let mut found = Found { ranges: [range; ORDER_MAX + 1], orders: 0, foretold: None };
        let depth_max = if self.matching { DEPTH } else { self.order };
        let mut depth = 0;
        while !range.is_empty() {
            if depth <= self.order {
                found.ranges[depth] = range;
                found.orders = depth + 1;
            }
            if depth == depth_max {
                break;
            }
            let longer = self.ranges.narrow(range, depth, history(depth));
            if longer.is_empty() {
                break;
            }
            range = longer;
            depth += 1;
        }
        if self.matching && depth >= MATCH_MIN {
            // What lies before the context's start is no match.
            let (byte, length) = self.ranges.latest(range, history, MATCH_MAX.min(context.len()));
            found.foretold = Foretold::new(byte, length);
        }
        found
    }

    fn probabilities(&self, found: &Found, rates: &Rates) -> [f64; LEAF_BYTES] {
        let mut p = [1.0 / 256.0; LEAF_BYTES];
        for &range in &found.ranges[..found.orders] {
            let mut counts = [0_u32; 256];
            self.ranges.count(range, &mut counts);
            let total = range.len() as f64;
            let distinct = counts.iter().filter(|&&count| count > 0).count() as f64;
            let backoff = DISCOUNT * distinct / total;
            for (p, &count) in p.iter_mut().zip(&counts) {
                *p = (f64::from(count) - DISCOUNT).max(0.0) / total + backoff * *p;
            }
        }
        if let Some(foretold) = found.foretold {
            let byte = usize::from(foretold.byte);
            let others: f64 = p[..byte].iter().chain(&p[byte + 1..]).sum();
            let rate = rates.rate(foretold);
            // The geometric middle of two odds that mostly see the same bytes: their linear mixture trusts a match
            // twice, and is worse by 0.05 to 0.3 bits per byte on every domain of the corpus.
            let odds = (rate / (1.0 - rate) * (p[byte] / others)).sqrt();
            let scale = 1.0 / ((1.0 + odds) * others);
            for p in &mut p {
                *p *= scale;
            }
            p[byte] = odds / (1.0 + odds);
        }
        p
    }
}

impl Predictor for Order {
    fn predict(&self, context: &[u8], from: usize) -> Vec<u8> {
        let mut leaves = vec![0; (context.len() - from + 1) * LEAF_BYTES];
        let mut rates = Rates::default();
        for t in 0..=context.len() {
            let found = if self.matching || t >= from { Some(self.find(&context[..t])) } else { None };
            if t >= from
                && let Some(found) = &found
            {
                leaf::encode(&self.probabilities(found, &rates), &mut leaves[(t - from) * LEAF_BYTES..][..LEAF_BYTES]);
            }
            if t < context.len() {
                rates.observe(found.and_then(|found| found.foretold), context[t]);
            }
        }
        leaves
    }

    fn open(self: Arc<Self>) -> Box<dyn Stream> {
        Box::new(OrderStream { order: self, bytes: Vec::new(), rates: Rates::default() })
    }
}

/// Its cache is the bytes themselves and the hit rates.
struct OrderStream {
    order: Arc<Order>,
    bytes: Vec<u8>,
    rates: Rates,
}

impl Stream for OrderStream {
    fn extend(&mut self, position: usize, bytes: &[u8], want: usize) -> Result<Vec<u8>, Error> {
        check_extend(self.bytes.len(), position, bytes.len(), want)?;
        self.bytes.truncate(position);
        self.rates.rewind(position);
        let end = position + bytes.len();
        let mut leaves = vec![0; want * LEAF_BYTES];
        // Wanted positions may lie before the new bytes: their rates come from a state rewound further.
        let first = (end + 1 - want).min(position);
        self.bytes.extend_from_slice(bytes);
        self.rates.rewind(first);
        for t in first..=end {
            let found = self.order.find(&self.bytes[..t]);
            if t + want > end {
                let row = t + want - end - 1;
                leaf::encode(
                    &self.order.probabilities(&found, &self.rates),
                    &mut leaves[row * LEAF_BYTES..][..LEAF_BYTES],
                );
            }
            if t < end {
                self.rates.observe(found.foretold, self.bytes[t]);
            }
        }
        Ok(leaves)
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }
}
