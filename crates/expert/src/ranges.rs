//! Counts of what followed a context, for every context of up to eight bytes at once: all positions of the text sorted
//! by the bytes before them, last byte first. The positions after one context are then one range of that order, found
//! by bisection inside the range of the context one byte shorter. For 2 MB of text this takes 16 MB and no hash table.

/// How many preceding bytes the order looks at: more than the longest counted context, for long matches.
pub const DEPTH: usize = 16;
/// What stands before the text (mixture.md 2.5).
pub const BEFORE: u8 = 0x0A;
/// Positions between two stored rank rows: rows cost 1 KiB each, a count scans at most twice this many bytes.
const BLOCK: usize = 512;

/// Positions of equal context: `low..high` in the sorted order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    pub low: usize,
    pub high: usize,
}

impl Range {
    pub fn len(self) -> usize {
        self.high - self.low
    }

    pub fn is_empty(self) -> bool {
        self.high == self.low
    }
}

/// The sorted positions of one text.
pub struct Ranges {
    /// `DEPTH` times `BEFORE`, then the text.
    text: Vec<u8>,
    /// Index into `text` of every byte that follows some context, sorted by the `DEPTH` bytes before it, last first.
    positions: Vec<u32>,
    /// `text[positions[i]]`, side by side for fast counting.
    next: Vec<u8>,
    /// Row b: how often each byte occurs in `next[..b * BLOCK]`.
    ranks: Vec<u32>,
}

impl Ranges {
    /// Sorts `text`, at most 2^31 bytes (the caller checks its own, lower limit).
    pub fn new(text: &[u8]) -> Self {
        let mut padded = vec![BEFORE; DEPTH];
        padded.extend_from_slice(text);
        let positions = sort(&padded);
        let next: Vec<u8> = positions.iter().map(|&at| padded[at as usize]).collect();
        let ranks = rank_rows(&next);
        Self { text: padded, positions, next, ranks }
    }

    pub fn all(&self) -> Range {
        Range { low: 0, high: self.next.len() }
    }

    /// The part of `range`, whose positions agree in `depth` preceding bytes, that also has `byte` before those.
    pub fn narrow(&self, range: Range, depth: usize, byte: u8) -> Range {
        let within = &self.positions[range.low..range.high];
        let key = |at: &u32| self.text[*at as usize - 1 - depth];
        let low = range.low + within.partition_point(|at| key(at) < byte);
        let rest = &self.positions[low..range.high];
        Range { low, high: low + rest.partition_point(|at| key(at) <= byte) }
    }

    /// Adds to `counts` how often each byte follows the contexts of `range`.
    pub fn count(&self, range: Range, counts: &mut [u32; 256]) {
        let (first, last) = (range.low.div_ceil(BLOCK), range.high / BLOCK);
        if first >= last {
            for &byte in &self.next[range.low..range.high] {
                counts[usize::from(byte)] += 1;
            }
            return;
        }
        let (before, until) = (&self.ranks[first * 256..][..256], &self.ranks[last * 256..][..256]);
        for ((count, a), b) in counts.iter_mut().zip(before).zip(until) {
            *count += b - a;
        }
        for &byte in self.next[range.low..first * BLOCK].iter().chain(&self.next[last * BLOCK..range.high]) {
            counts[usize::from(byte)] += 1;
        }
    }

    /// What follows the latest position of `range` in the text, and how many bytes before it equal `history`
    /// (last byte first), at most `most`.
    pub fn latest(&self, range: Range, history: impl Fn(usize) -> u8, most: usize) -> (u8, usize) {
        // Equal contexts keep the order of the text, so the last one is the latest.
        let at = self.positions[range.high - 1] as usize;
        let mut length = 0;
        while length < most && length < at && self.text[at - 1 - length] == history(length) {
            length += 1;
        }
        (self.text[at], length)
    }

    pub fn bytes(&self) -> usize {
        self.next.len()
    }
}

/// Radix sort by the `DEPTH` bytes before each position, from the farthest to the nearest; each pass is stable.
fn sort(padded: &[u8]) -> Vec<u32> {
    let mut order: Vec<u32> = (DEPTH as u32..padded.len() as u32).collect();
    let mut moved = vec![0_u32; order.len()];
    for back in (1..=DEPTH).rev() {
        let mut starts = [0_usize; 257];
        for &byte in &padded[DEPTH - back..padded.len() - back] {
            starts[usize::from(byte) + 1] += 1;
        }
        for byte in 0..256 {
            starts[byte + 1] += starts[byte];
        }
        for &at in &order {
            let slot = &mut starts[usize::from(padded[at as usize - back])];
            moved[*slot] = at;
            *slot += 1;
        }
        std::mem::swap(&mut order, &mut moved);
    }
    order
}

fn rank_rows(next: &[u8]) -> Vec<u32> {
    let mut rows = vec![0_u32; (next.len() / BLOCK + 1) * 256];
    let mut counts = [0_u32; 256];
    for (block, bytes) in next.chunks(BLOCK).enumerate() {
        rows[block * 256..][..256].copy_from_slice(&counts);
        for &byte in bytes {
            counts[usize::from(byte)] += 1;
        }
    }
    if next.len().is_multiple_of(BLOCK) {
        let last = rows.len() - 256;
        rows[last..].copy_from_slice(&counts);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_equal_a_plain_scan_of_the_text_for_every_context() {
        let mut state = 7_u32;
        let text: Vec<u8> = (0..6_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                b'a' + (state >> 29) as u8 % 5
            })
            .collect();
        let ranges = Ranges::new(&text);
        let padded: Vec<u8> = [BEFORE; DEPTH].into_iter().chain(text.iter().copied()).collect();
        for at in [0, 1, 2, 5, 100, 2_500, 5_999] {
            let mut range = ranges.all();
            for depth in 0..=8 {
                let context = &padded[DEPTH + at - depth..DEPTH + at];
                let mut expected = [0_u32; 256];
                for position in DEPTH..padded.len() {
                    if &padded[position - depth..position] == context {
                        expected[usize::from(padded[position])] += 1;
                    }
                }
                let mut counts = [0; 256];
                ranges.count(range, &mut counts);
                assert_eq!(counts, expected, "position {at}, order {depth}");
                range = ranges.narrow(range, depth, padded[DEPTH + at - 1 - depth]);
            }
        }
    }

    #[test]
    fn a_text_of_whole_blocks_has_its_last_rank_row() {
        let ranges = Ranges::new(&[b'x'; 1_024]);
        let mut counts = [0; 256];
        ranges.count(ranges.all(), &mut counts);
        assert_eq!(counts[usize::from(b'x')], 1_024);
    }

    #[test]
    fn an_empty_text_counts_nothing() {
        let ranges = Ranges::new(&[]);
        assert!(ranges.all().is_empty());
        assert!(ranges.narrow(ranges.all(), 0, b'a').is_empty());
    }
}
