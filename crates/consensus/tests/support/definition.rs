//! The epoch as `consensus-scoring.md` words it, over full matrices of 128-bit numbers and shared with no line of the
//! crate: the oracle of both ways through it. I32F32 in `u128`, so `>>` floors and `/` truncates.
use consensus::{Input, Output, OwnedRows, Rows};

type Matrix = Vec<Vec<Option<u128>>>;

const ONE: u128 = 1 << 32;

fn mul(a: u128, b: u128) -> u128 {
    (a * b) >> 32
}

fn div(a: u128, b: u128) -> u128 {
    (a << 32) / b
}

fn u16_of(x: u128) -> u16 {
    u16::try_from((x * 65_535) >> 32).expect("a share")
}

fn normalise(values: &[u128]) -> Vec<u128> {
    let sum: u128 = values.iter().sum();
    values.iter().map(|&value| if sum == 0 { value } else { div(value, sum) }).collect()
}

fn matrix(rows: Rows<'_>, n: usize) -> Matrix {
    let mut out = vec![vec![None; n]; n];
    for (i, row) in out.iter_mut().enumerate() {
        for at in rows.offsets[i] as usize..rows.offsets[i + 1] as usize {
            row[usize::from(rows.uids[at])] = Some(u128::from(rows.values[at]) << 32);
        }
    }
    out
}

fn column(m: &Matrix, j: usize) -> Vec<u128> {
    m.iter().map(|row| row[j].unwrap_or(0)).collect()
}

fn divide_columns(m: &mut Matrix, by: impl Fn(Vec<u128>) -> u128) {
    for j in 0..m.len() {
        let divisor = by(column(m, j));
        for row in m.iter_mut().filter(|_| divisor != 0) {
            row[j] = row[j].map(|value| div(value, divisor));
        }
    }
}

fn weigh(m: &Matrix, stake: &[u128]) -> Vec<u128> {
    (0..m.len()).map(|j| column(m, j).iter().zip(stake).map(|(&value, &stake)| mul(stake, value)).sum()).collect()
}

/// The partitioning of step 7 over (score, stake).
fn median(votes: Vec<(u128, i128)>, majority: i128) -> u128 {
    let stake = |part: &[(u128, i128)]| part.iter().map(|vote| vote.1).sum::<i128>();
    let total = stake(&votes);
    let minority = total - majority;
    let (mut part, mut lo, mut hi) = (votes, 0, total);
    loop {
        if part.is_empty() {
            return 0;
        }
        let pivot = part[part.len() / 2].0;
        let (lower, rest): (Vec<_>, Vec<_>) = part.into_iter().partition(|vote| vote.0 < pivot);
        let upper: Vec<_> = rest.into_iter().filter(|vote| vote.0 > pivot).collect();
        let (below, above) = (lo + stake(&lower), hi - stake(&upper));
        if below <= minority && minority < above {
            return pivot;
        } else if minority < below && !lower.is_empty() {
            (part, hi) = (lower, below);
        } else if above <= minority && !upper.is_empty() {
            (part, lo) = (upper, above);
        } else {
            return pivot;
        }
    }
}

fn permits(share: &[u128], k: usize) -> Vec<bool> {
    let mut order: Vec<usize> = (0..share.len()).collect();
    order.sort_by_key(|&uid| share[uid]);
    let losers = share.len().saturating_sub(k);
    let mut permit = vec![true; share.len()];
    order[..losers].iter().for_each(|&uid| permit[uid] = false);
    permit
}

/// The outputs of an input that is not refused.
pub fn epoch(input: &Input<'_>) -> Output {
    let n = input.stake.len();
    let active: Vec<bool> = (0..n)
        .map(|i| u128::from(input.last_update[i]) + u128::from(input.activity_cutoff) >= u128::from(input.block))
        .collect();
    let stake: u128 = input.stake.iter().map(|&stake| u128::from(stake)).sum();
    let share: Vec<u128> =
        input.stake.iter().map(|&own| (u128::from(own) << 64).checked_div(stake).unwrap_or(0) >> 32).collect();
    let new_permit = permits(&share, usize::from(input.max_allowed_validators));
    let permit: Vec<bool> = input.validator_permit.iter().map(|&permit| permit == 1).collect();
    let counted: Vec<u128> = (0..n).map(|i| if active[i] && permit[i] { share[i] } else { 0 }).collect();
    let a = normalise(&counted);
    let stale = |i: usize, j: usize| input.last_update[i] <= input.block_at_registration[j];

    let mut w = matrix(input.weights, n);
    for (i, row) in w.iter_mut().enumerate() {
        for (j, entry) in row.iter_mut().enumerate() {
            if !permit[i] || i == j || stale(i, j) {
                *entry = None;
            }
        }
        let sum: u128 = row.iter().flatten().sum();
        row.iter_mut().flatten().filter(|_| sum > 0).for_each(|value| *value = div(*value, sum));
    }
    let prerank = weigh(&w, &a);
    let voters: Vec<usize> = (0..n).filter(|&i| a[i] > 0).collect();
    let electorate = normalise(&voters.iter().map(|&i| a[i]).collect::<Vec<_>>());
    let majority = ((u128::from(input.kappa) << 32) / 65_535) as i128;
    let consensus: Vec<u128> = (0..n)
        .map(|j| {
            let votes = voters.iter().zip(&electorate);
            median(votes.map(|(&i, &stake)| (w[i][j].unwrap_or(0), stake as i128)).collect(), majority)
        })
        .collect();
    for row in &mut w {
        row.iter_mut().zip(&consensus).for_each(|(entry, &most)| *entry = entry.map(|value| value.min(most)));
    }
    let trust_of: Vec<u128> = w.iter().map(|row| row.iter().flatten().sum()).collect();
    let rank = weigh(&w, &a);
    let trust: Vec<u128> = (0..n).map(|j| if prerank[j] == 0 { 0 } else { div(rank[j], prerank[j]) }).collect();
    let incentive = normalise(&rank);
    let e = moving_average(input, &w, &a, stale);
    let pays = |row: &Vec<Option<u128>>| row.iter().zip(&incentive).map(|(e, &pay)| mul(pay, e.unwrap_or(0))).sum();
    let dividends = normalise(&e.iter().map(pays).collect::<Vec<u128>>());
    let shares = shares(&incentive, &dividends, &a, &share);
    let u16s = |values: &[u128]| values.iter().map(|&value| u16_of(value)).collect::<Vec<u16>>();
    let emit = |values: &[u128]| {
        values.iter().map(|&share| ((share * u128::from(input.emission)) >> 32) as u64).collect::<Vec<u64>>()
    };
    Output {
        rank: u16s(&incentive),
        trust: u16s(&trust),
        consensus: u16s(&consensus),
        incentive: u16s(&incentive),
        dividends: u16s(&dividends),
        validator_trust: u16s(&trust_of),
        pruning_scores: pruning(&shares.2),
        emission: emit(&shares.2),
        server_emission: emit(&shares.0),
        validator_emission: emit(&shares.1),
        active: active.iter().map(|&active| u8::from(active)).collect(),
        bonds: stored(input, e, &new_permit, &permit),
        validator_permit: new_permit.iter().map(|&permit| u8::from(permit)).collect(),
    }
}

/// Steps 10 to 12.
fn moving_average(input: &Input<'_>, w: &Matrix, a: &[u128], stale: impl Fn(usize, usize) -> bool) -> Matrix {
    let n = a.len();
    let mut b = matrix(input.bonds, n);
    let mut fresh = w.clone();
    for i in 0..n {
        for j in 0..n {
            b[i][j] = b[i][j].filter(|_| !stale(i, j));
            fresh[i][j] = w[i][j].map(|value| mul(value, a[i]));
        }
    }
    divide_columns(&mut b, |column| column.iter().sum());
    divide_columns(&mut fresh, |column| column.iter().sum());
    let old = ((u128::from(input.bonds_moving_average) << 64) / 1_000_000) >> 32;
    let new = ONE - old;
    let mut e = vec![vec![None; n]; n];
    for i in 0..n {
        for j in 0..n {
            let value = mul(new, fresh[i][j].unwrap_or(0)) + mul(old, b[i][j].unwrap_or(0));
            e[i][j] = (value > 0).then_some(value);
        }
    }
    divide_columns(&mut e, |column| column.iter().sum());
    e
}

/// Step 14: server, validator, combined.
fn shares(incentive: &[u128], dividends: &[u128], a: &[u128], share: &[u128]) -> (Vec<u128>, Vec<u128>, Vec<u128>) {
    let combined: Vec<u128> = incentive.iter().zip(dividends).map(|(i, d)| i + d).collect();
    let sum: u128 = combined.iter().sum();
    if sum == 0 {
        let idle = if a.iter().all(|&own| own == 0) { share } else { a };
        return (vec![0; a.len()], idle.to_vec(), idle.to_vec());
    }
    let part = |values: &[u128]| values.iter().map(|&value| div(value, sum)).collect::<Vec<_>>();
    (part(incentive), part(dividends), part(&combined))
}

fn pruning(combined: &[u128]) -> Vec<u16> {
    let most = combined.iter().copied().max().unwrap_or(0);
    let score = |share: u128| {
        if most == 0 { u16_of(share) } else { ((div(share * 65_535, most) + ONE / 2) >> 32) as u16 }
    };
    combined.iter().map(|&share| score(share)).collect()
}

/// Step 16.
fn stored(input: &Input<'_>, mut e: Matrix, new_permit: &[bool], permit: &[bool]) -> OwnedRows {
    divide_columns(&mut e, |column| column.into_iter().max().unwrap_or(0));
    let mut rows = OwnedRows { offsets: vec![0], ..OwnedRows::default() };
    for (i, row) in e.iter().enumerate() {
        if new_permit[i] {
            for (j, value) in row.iter().enumerate() {
                if let Some(value) = value {
                    rows.uids.push(j as u16);
                    rows.values.push(u16_of(*value));
                }
            }
        } else if !permit[i] {
            let kept = input.bonds.offsets[i] as usize..input.bonds.offsets[i + 1] as usize;
            rows.uids.extend(&input.bonds.uids[kept.clone()]);
            rows.values.extend(&input.bonds.values[kept]);
        }
        rows.offsets.push(rows.uids.len() as u32);
    }
    rows
}
