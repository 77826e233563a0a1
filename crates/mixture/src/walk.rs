//! The walk of 4.1: v of every coalition. A block of 16 positions is walked at a time; eight coalitions, the subsets of
//! the first three players, stand side by side, and the other players come and go in Gray order. Every sum of logarithms
//! runs over the blocks in increasing order, so the bits do not depend on the width of a vector.
use crate::game::{FACTORS, Row};
use crate::logarithm::log2_scaled;

/// Coalitions side by side.
pub const LANES: usize = 8;
const LANE_PLAYERS: usize = 3;
/// The 16 factors are left unscaled: 2⁻⁵⁸ each, and no product of 16 overflows.
const SCALE: i64 = 58 * FACTORS as i64;
type Lanes<T> = [T; LANES];

/// N, then W, of one player at the 16 positions of a block.
type Entry = [i64; 2 * FACTORS];

/// Σ log2 of numerators and of denominators, by coalition.
pub struct Sums {
    pub numerators: Vec<f64>,
    pub denominators: Vec<f64>,
}

impl Sums {
    pub fn new(players: usize) -> Self {
        let coalitions = (1 << players).max(LANES);
        Self { numerators: vec![0.0; coalitions], denominators: vec![0.0; coalitions] }
    }

    /// v = (Σ log2 num - Σ log2 den) / positions.
    pub fn value(&self, coalition: usize, positions: usize) -> f64 {
        (self.numerators[coalition] - self.denominators[coalition]) / positions as f64
    }
}

/// The entry of `row` at block `j` of `blocks`: positions j, j + blocks, ..., j + 15·blocks.
fn entry(row: &Row, j: usize, blocks: usize) -> Entry {
    std::array::from_fn(|k| {
        let position = j + k % FACTORS * blocks;
        if k < FACTORS { row.products[position] } else { row.weights[position] }
    })
}

/// Adds the logarithms of block `j` for all coalitions of `players` with `fallback`.
pub fn block(fallback: &Row, players: &[&Row], j: usize, sums: &mut Sums) {
    let blocks = fallback.weights.len() / FACTORS;
    let entries: Vec<Entry> = players.iter().map(|row| entry(row, j, blocks)).collect();
    let (inner, outer) = entries.split_at(entries.len().min(LANE_PLAYERS));
    let base = entry(fallback, j, blocks);
    let mut state: [Lanes<i64>; 2 * FACTORS] = [[0; LANES]; 2 * FACTORS];
    for (k, lanes) in state.iter_mut().enumerate() {
        for (coalition, value) in lanes.iter_mut().enumerate() {
            let members = inner.iter().enumerate().filter(|(player, _)| (coalition >> player) & 1 == 1);
            *value = base[k] + members.map(|(_, entry)| entry[k]).sum::<i64>();
        }
    }
    simd::walk(&mut state, outer, &mut sums.numerators, &mut sums.denominators);
}

#[inline(always)]
#[allow(clippy::inline_always)] // compiled once per instruction set
fn walk(state: &mut [Lanes<i64>; 2 * FACTORS], outer: &[Entry], numerators: &mut [f64], denominators: &mut [f64]) {
    let (numerators, _) = numerators.as_chunks_mut::<LANES>();
    let (denominators, _) = denominators.as_chunks_mut::<LANES>();
    for step in 0..1_usize << outer.len() {
        let gray = step ^ (step >> 1);
        if step > 0 {
            let player = step.trailing_zeros() as usize;
            let entry = &outer[player];
            if (gray >> player) & 1 == 1 {
                for (lanes, change) in state.iter_mut().zip(entry) {
                    for value in lanes {
                        *value += change;
                    }
                }
            } else {
                for (lanes, change) in state.iter_mut().zip(entry) {
                    for value in lanes {
                        *value -= change;
                    }
                }
            }
        }
        let (products, weights) = state.split_at(FACTORS);
        add(&mut numerators[gray], product(products));
        add(&mut denominators[gray], product(weights));
    }
}

#[inline(always)]
#[allow(clippy::inline_always)]
fn product(factors: &[Lanes<i64>]) -> Lanes<f64> {
    let mut product = [1.0; LANES];
    for lanes in factors {
        for (product, &factor) in product.iter_mut().zip(lanes) {
            *product *= factor as f64;
        }
    }
    product
}

#[inline(always)]
#[allow(clippy::inline_always)]
fn add(sums: &mut Lanes<f64>, products: Lanes<f64>) {
    for (sum, product) in sums.iter_mut().zip(products) {
        *sum += log2_scaled(product, SCALE);
    }
}

/// The same walk for each instruction set: wider vectors, the same operations in the same order.
mod simd {
    #![allow(unsafe_code)] // calls of functions with target features, after the processor was asked for them
    use super::{Entry, FACTORS, Lanes};
    #[cfg(target_arch = "x86_64")]
    use super::{LANES, SCALE};
    #[cfg(target_arch = "x86_64")]
    use crate::logarithm::{FOLD, ODD, TWICE_LOG2_E};

    pub fn walk(
        state: &mut [Lanes<i64>; 2 * FACTORS],
        outer: &[Entry],
        numerators: &mut [f64],
        denominators: &mut [f64],
    ) {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
                // SAFETY: the processor has both features.
                return unsafe { avx512(state, outer, numerators, denominators) };
            }
            if is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has the feature.
                return unsafe { avx2(state, outer, numerators, denominators) };
            }
        }
        super::walk(state, outer, numerators, denominators);
    }

    /// The same operations by hand, since the compiler leaves the plain loops scalar: eight coalitions in a vector.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512dq")]
    fn avx512(
        state: &mut [Lanes<i64>; 2 * FACTORS],
        outer: &[Entry],
        numerators: &mut [f64],
        denominators: &mut [f64],
    ) {
        use std::arch::x86_64::{
            _mm512_add_epi64, _mm512_add_pd, _mm512_cvtepi64_pd, _mm512_loadu_epi64, _mm512_loadu_pd, _mm512_mul_pd,
            _mm512_set1_epi64, _mm512_storeu_pd, _mm512_sub_epi64,
        };
        let (numerators, _) = numerators.as_chunks_mut::<LANES>();
        let (denominators, _) = denominators.as_chunks_mut::<LANES>();
        // SAFETY: each load reads the eight lanes of one array.
        let mut state = state.map(|lanes| unsafe { _mm512_loadu_epi64(lanes.as_ptr()) });
        for step in 0..1_usize << outer.len() {
            let gray = step ^ (step >> 1);
            if step > 0 {
                let player = step.trailing_zeros() as usize;
                let entry = &outer[player];
                if (gray >> player) & 1 == 1 {
                    for (lanes, &change) in state.iter_mut().zip(entry) {
                        *lanes = _mm512_add_epi64(*lanes, _mm512_set1_epi64(change));
                    }
                } else {
                    for (lanes, &change) in state.iter_mut().zip(entry) {
                        *lanes = _mm512_sub_epi64(*lanes, _mm512_set1_epi64(change));
                    }
                }
            }
            let (products, weights) = state.split_at(FACTORS);
            for (factors, sums) in [(products, &mut numerators[gray]), (weights, &mut denominators[gray])] {
                let mut product = _mm512_cvtepi64_pd(factors[0]);
                for lanes in &factors[1..] {
                    product = _mm512_mul_pd(product, _mm512_cvtepi64_pd(*lanes));
                }
                // SAFETY: both read or write the eight lanes of one array.
                unsafe {
                    let sum = _mm512_add_pd(_mm512_loadu_pd(sums.as_ptr()), log2_avx512(product));
                    _mm512_storeu_pd(sums.as_mut_ptr(), sum);
                }
            }
        }
    }

    /// `log2_scaled` of eight numbers.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512dq")]
    #[inline]
    fn log2_avx512(x: std::arch::x86_64::__m512d) -> std::arch::x86_64::__m512d {
        use std::arch::x86_64::{
            _CMP_GT_OQ, _mm512_add_pd, _mm512_and_si512, _mm512_castpd_si512, _mm512_castsi512_pd, _mm512_cmp_pd_mask,
            _mm512_cvtepi64_pd, _mm512_div_pd, _mm512_mask_add_epi64, _mm512_mask_mul_pd, _mm512_mul_pd,
            _mm512_or_si512, _mm512_set1_epi64, _mm512_set1_pd, _mm512_srli_epi64, _mm512_sub_epi64, _mm512_sub_pd,
        };
        let bits = _mm512_castpd_si512(x);
        let exponent = _mm512_sub_epi64(_mm512_srli_epi64::<52>(bits), _mm512_set1_epi64(1_023 + SCALE));
        let fraction = _mm512_and_si512(bits, _mm512_set1_epi64(0x000f_ffff_ffff_ffff));
        let m = _mm512_castsi512_pd(_mm512_or_si512(fraction, _mm512_set1_epi64(0x3ff0_0000_0000_0000)));
        let fold = _mm512_cmp_pd_mask::<_CMP_GT_OQ>(m, _mm512_set1_pd(FOLD));
        let m = _mm512_mask_mul_pd(m, fold, m, _mm512_set1_pd(0.5));
        let exponent = _mm512_mask_add_epi64(exponent, fold, exponent, _mm512_set1_epi64(1));
        let one = _mm512_set1_pd(1.0);
        let s = _mm512_div_pd(_mm512_sub_pd(m, one), _mm512_add_pd(m, one));
        let z = _mm512_mul_pd(s, s);
        let mut p = _mm512_set1_pd(ODD[10]);
        for k in (0..10).rev() {
            p = _mm512_add_pd(_mm512_mul_pd(p, z), _mm512_set1_pd(ODD[k]));
        }
        let fine = _mm512_mul_pd(_mm512_mul_pd(s, p), _mm512_set1_pd(TWICE_LOG2_E));
        _mm512_add_pd(_mm512_cvtepi64_pd(exponent), fine)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn avx2(state: &mut [Lanes<i64>; 2 * FACTORS], outer: &[Entry], numerators: &mut [f64], denominators: &mut [f64]) {
        super::walk(state, outer, numerators, denominators);
    }

    #[cfg(all(test, target_arch = "x86_64"))]
    mod tests {
        use super::*;

        type Walk = fn(&mut [Lanes<i64>; 2 * FACTORS], &[Entry], &mut [f64], &mut [f64]);

        #[test]
        fn every_instruction_set_gives_the_same_bits() {
            let mut state = 5_u64;
            let mut value = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                ((state >> 8) >> (state & 31)) as i64 + 16
            };
            let start: [Lanes<i64>; 2 * FACTORS] = std::array::from_fn(|_| std::array::from_fn(|_| value()));
            let outer: Vec<Entry> = (0..4).map(|_| std::array::from_fn(|_| value())).collect();
            let run = |walk: Walk| {
                let (mut numerators, mut denominators) = (vec![0.0; 128], vec![0.0; 128]);
                walk(&mut start.clone(), &outer, &mut numerators, &mut denominators);
                numerators.iter().chain(&denominators).map(|value| value.to_bits()).collect::<Vec<_>>()
            };
            let plain = run(super::super::walk);
            if is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has the feature.
                assert_eq!(run(|a, b, c, d| unsafe { avx2(a, b, c, d) }), plain);
            }
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
                // SAFETY: the processor has both features.
                assert_eq!(run(|a, b, c, d| unsafe { avx512(a, b, c, d) }), plain);
            }
        }
    }
}
