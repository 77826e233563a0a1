//! Products of matrices too small for tiles (many 1 x 1 x 1, a row times a column): element by element, without packing.
#![allow(unsafe_code)] // threads write their rows of one product through a pointer
use std::sync::atomic::Ordering;

use crate::blocks::Target;
use crate::format::{Format, Number};
use crate::product::{Control, Product};
use crate::shape::Shape;
use crate::share::share;
use crate::tile::{Kernel, Order, SUMS};
use crate::view::View;

type Stored<K> = <<K as Kernel>::Left as Format>::Stored;

/// All elements, a row of C at a time on each thread; none any more once it is cancelled.
pub(crate) fn product<K: Kernel>(
    shape: Shape,
    a: &[Stored<K>],
    b: &[Stored<K>],
    threads: usize,
    control: &Control,
) -> Product {
    let Shape { batch, m, k, n, .. } = shape;
    let mut c = vec![K::Sum::default(); batch * m * n];
    let target = Target { c: c.as_mut_ptr(), stride: n };
    let one = |index: usize| {
        if control.cancelled.load(Ordering::Relaxed) {
            return;
        }
        // SAFETY: row `index` of batch·m rows lies within `c`, and each is given to one thread.
        let out = unsafe { std::slice::from_raw_parts_mut(target.at(index * n), n) };
        row::<K>((shape.left(a, index / m), index % m), shape.right(b, index / m), out);
        control.done.fetch_add((n * k) as u64, Ordering::Relaxed);
    };
    share(batch * m, threads, &one);
    K::Sum::product(c)
}

/// One row of C.
fn row<K: Kernel>((a, row): (View<Stored<K>>, usize), b: View<Stored<K>>, out: &mut [K::Sum]) {
    let x = &a.data[row * a.row_stride..];
    for (column, out) in out.iter_mut().enumerate() {
        let y = &b.data[column * b.column_stride..];
        let factor = |k: usize| (K::Left::number(x[k * a.column_stride]), K::Left::number(y[k * b.row_stride]));
        *out = if K::ORDER == Order::Straight {
            (0..a.columns).fold(K::Sum::default(), |sum, k| {
                let (x, y) = factor(k);
                sum.plus_product(x, y)
            })
        } else {
            let mut sums = [K::Sum::default(); SUMS];
            for k in 0..a.columns {
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
