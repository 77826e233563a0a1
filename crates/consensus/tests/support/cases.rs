//! Random inputs in which ties, zeros, extremes and lone entries are common.
use consensus::{OwnedInput, OwnedRows};

/// A generator of which a seed is all the state.
pub struct Random(pub u64);

impl Random {
    /// The next 64 bits (`SplitMix64`).
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    pub fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// Stakes whose sum is below 2⁶³.
fn stakes(random: &mut Random, n: usize) -> Vec<u64> {
    let most = ((1_u64 << 63) - 1) / n.max(1) as u64;
    let same = 1 + random.below(most);
    let kind = random.below(9);
    let mut stakes: Vec<u64> = (0..n)
        .map(|_| match kind {
            0 => 0,
            1 => same,
            2 => random.below(4),
            3 => most,
            4 => {
                if random.one_in(3) {
                    random.below(most)
                } else {
                    0
                }
            }
            5 => 1 << random.below(48),
            6 => random.below(1 << 40),
            _ => random.below(most),
        })
        .collect();
    // Shares that add up to 1 exactly, one of them a unit below it or all of it.
    if kind == 8 && n > 1 {
        stakes.fill(0);
        let (a, b) = (random.below(n as u64) as usize, random.below(n as u64) as usize);
        stakes[a] = (1 << 32) - 1;
        stakes[b] = stakes[b].max(random.below(2));
    }
    stakes
}

fn rows(random: &mut Random, n: usize) -> OwnedRows {
    let full = random.below(4);
    let kind = random.below(8);
    let shared: Vec<u16> = (0..n).map(|_| random.next() as u16).collect();
    let row = |i: usize| {
        let mut row = Vec::new();
        let lone = random.below(n as u64) as usize;
        let (same, kind) = (random.next() as u16, if random.one_in(4) { random.below(8) } else { kind });
        for (j, &shared) in shared.iter().enumerate() {
            let value = match kind {
                0 => same,
                1 => random.below(3) as u16,
                2 => random.pick(&[0, 1, 2, 0x7fff, 0x8000, 0xfffe, 0xffff]),
                3 => {
                    if j == lone {
                        same
                    } else {
                        continue;
                    }
                }
                4 => {
                    if j == lone {
                        same.max(1)
                    } else {
                        0
                    }
                }
                5 => shared,
                6 => {
                    if i.is_multiple_of(2) {
                        0xffff
                    } else {
                        shared >> 8
                    }
                }
                _ => random.next() as u16,
            };
            if kind == 3
                || match full {
                    0 => random.one_in(4),
                    1 => !random.one_in(6),
                    _ => true,
                }
            {
                row.push((j as u16, value));
            }
        }
        if random.one_in(9) {
            row.clear();
        }
        row
    };
    (0..n).map(row).collect()
}

fn blocks(random: &mut Random, n: usize, kind: u64) -> Vec<u64> {
    let base = if kind == 2 { (1 << 63) - 101 } else { 0 };
    (0..n).map(|_| base + if kind == 0 { 40 } else { random.below(60) }).collect()
}

/// Any input that the definition accepts, of n uids.
pub fn case(random: &mut Random, n: usize) -> OwnedInput {
    let kind = random.below(4);
    let registered = if random.one_in(2) { vec![0; n] } else { blocks(random, n, 1) };
    OwnedInput {
        stake: stakes(random, n),
        weights: rows(random, n),
        bonds: rows(random, n),
        last_update: blocks(random, n, kind),
        block_at_registration: if kind == 2 { blocks(random, n, 2) } else { registered },
        validator_permit: {
            let some = random.below(4);
            (0..n).map(|_| u8::from(some == 0 || random.below(4) < some)).collect()
        },
        block: if kind == 2 { (1 << 63) - 1 } else { random.below(70) },
        activity_cutoff: random.pick(&[0, 5, 20, 60, 0xffff, 0xffff]),
        kappa: {
            let any = random.next() as u16;
            random.pick(&[0, 1, 32_767, 32_768, 39_321, 65_534, 65_535, any])
        },
        bonds_moving_average: {
            let any = random.below(1_000_001);
            random.pick(&[0, 1, 500_000, 900_000, 999_999, 1_000_000, any])
        },
        max_allowed_validators: random.pick(&[0, 1, 3, 64, 0xffff, 0xffff]),
        emission: random.pick(&[0, 1, 99_000_000_000, (1 << 63) - 1]),
    }
}

/// A full market: `rows` validators that rate all n uids and hold bonds of all.
pub fn market(rows: usize, n: usize) -> OwnedInput {
    let mut random = Random((rows * n) as u64);
    let full = |random: &mut Random| OwnedRows {
        offsets: (0..=n).map(|i| (i.min(rows) * n) as u32).collect(),
        uids: (0..rows * n).map(|at| (at % n) as u16).collect(),
        values: (0..rows * n).map(|_| 1 + random.below(65_535) as u16).collect(),
    };
    OwnedInput {
        stake: (0..n).map(|i| if i < rows { (1 + random.below(1 << 31)) << 16 } else { 0 }).collect(),
        weights: full(&mut random),
        bonds: full(&mut random),
        last_update: vec![90; n],
        block_at_registration: vec![0; n],
        validator_permit: (0..n).map(|i| u8::from(i < rows)).collect(),
        block: 100,
        activity_cutoff: 50,
        kappa: 32_767,
        bonds_moving_average: 900_000,
        max_allowed_validators: rows as u16,
        emission: 99_000_000_000,
    }
}
