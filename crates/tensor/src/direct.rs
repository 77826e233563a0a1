//! Products of matrices too small for tiles (many 1 x 1 x 1, a row times a column): element by element, without packing.
#![allow(unsafe_code)] // threads write their rows of one product through a pointer
use std::sync::atomic::Ordering;

use crate::blocks::Target;
use crate::error::Error;
use crate::format::{Format, Number};
use crate::product::{Control, Product, Work};
use crate::shape::Shape;
use crate::share::share;
use crate::tile::{Kernel, Order, SUMS};

type Stored<K> = <<K as Kernel>::Left as Format>::Stored;

pub(crate) struct Direct<K: Kernel> {
    shape: Shape,
    a: Vec<Stored<K>>,
    b: Vec<Stored<K>>,
}

impl<K: Kernel> Direct<K> {
    pub(crate) fn new(shape: Shape, a: &[Stored<K>], b: &[Stored<K>]) -> Self {
        Self { shape, a: a.to_vec(), b: b.to_vec() }
    }

    /// One row of C.
    fn row(&self, index: usize, row: usize, out: &mut [K::Sum]) {
        let (a, b) = (self.shape.left(&self.a, index), self.shape.right(&self.b, index));
        let a = &a.data[row * a.row_stride..];
        let (step, stride) = (self.shape.left(&self.a, index).column_stride, b.row_stride);
        for (column, out) in out.iter_mut().enumerate() {
            let b = &b.data[column * b.column_stride..];
            let factor = |k: usize| (K::Left::number(a[k * step]), K::Left::number(b[k * stride]));
            *out = if K::ORDER == Order::Straight {
                (0..self.shape.k).fold(K::Sum::default(), |sum, k| {
                    let (x, y) = factor(k);
                    sum.plus_product(x, y)
                })
            } else {
                let mut sums = [K::Sum::default(); SUMS];
                for k in 0..self.shape.k {
                    let (x, y) = factor(k);
                    sums[k % SUMS] = sums[k % SUMS].plus_product(x, y);
                }
                for half in [8, 4, 2, 1] {
                    for sum in 0..half {
                        sums[sum] = sums[sum].plus(sums[sum + half]);
                    }
                }
                sums[0]
            };
        }
    }
}

impl<K: Kernel> Work for Direct<K> {
    fn run(&self, threads: usize, control: &Control) -> Result<Product, Error> {
        let Shape { batch, m, k, n, .. } = self.shape;
        let mut c = vec![K::Sum::default(); batch * m * n];
        let target = Target { c: c.as_mut_ptr(), stride: n };
        let row = |row: usize| {
            if control.cancelled.load(Ordering::Relaxed) {
                return;
            }
            // SAFETY: row `row` of batch·m rows lies within `c`, and each is given to one thread.
            let out = unsafe { std::slice::from_raw_parts_mut(target.at(row * n), n) };
            self.row(row / m, row % m, out);
            control.done.fetch_add((n * k) as u64, Ordering::Relaxed);
        };
        share(batch * m, threads, &row);
        Ok(K::Sum::product(c))
    }
}
