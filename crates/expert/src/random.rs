//! Seeded numbers with the same bits everywhere: `SplitMix64`, and normals as sums of twelve uniforms (no logarithm, no
//! cosine, whose last bits differ between libraries).

/// A stream of numbers from a seed.
pub struct Random(u64);

impl Random {
    /// Streams of different `parts` are independent for all practical purposes.
    pub fn new(seed: u64, parts: &[u64]) -> Self {
        let mut random = Self(seed);
        for &part in parts {
            random.0 = random.next() ^ part;
        }
        random
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform below `n` > 0; the bias of at most n/2⁶⁴ is far below what training could see.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    /// Mean 0, variance 1, never beyond ±6.
    pub fn normal(&mut self) -> f32 {
        let sum: f64 = (0..12).map(|_| (self.next() >> 11) as f64 / (1_u64 << 53) as f64).sum();
        (sum - 6.0) as f32
    }
}
