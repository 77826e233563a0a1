//! How much work to give to one launch: as much as takes about 15 ms, measured while working.

/// Seconds that one launch shall take: long enough to hide what a launch costs, short enough to cancel within 50 ms.
const TARGET: f64 = 0.015;
/// A rate may grow by this factor from one launch to the next: the first, small launches say little.
const GROWTH: f64 = 8.0;

/// The rate of one kind of work, in units of the caller's choice per second.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    rate: f64,
}

impl Pace {
    /// Begins with `first` units in the first launch.
    pub fn new(first: u64) -> Self {
        Self { rate: first as f64 / TARGET }
    }

    /// Units for the next launch, at least 1.
    pub fn units(&self) -> u64 {
        ((self.rate * TARGET) as u64).max(1)
    }

    /// Learns that `units` took `seconds`.
    pub fn measured(&mut self, units: u64, seconds: f64) {
        let rate = units as f64 / seconds.max(1e-6);
        self.rate = rate.min(self.rate * GROWTH);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launches_grow_step_by_step_to_the_target_and_shrink_at_once() {
        let mut pace = Pace::new(1_000);
        let rate = 1e9;
        let mut taken = Vec::new();
        for _ in 0..8 {
            let units = pace.units();
            taken.push(units as f64 / rate);
            pace.measured(units, units as f64 / rate);
        }
        assert!(taken.windows(2).all(|pair| pair[1] <= pair[0] * 8.01), "{taken:?}");
        assert!((taken[7] - TARGET).abs() < 1e-4, "{taken:?}");
        pace.measured(pace.units(), 1.0);
        assert!(pace.units() as f64 / rate < TARGET * TARGET * 1.01);
        pace.measured(1, 1e9);
        assert_eq!(pace.units(), 1);
    }
}
