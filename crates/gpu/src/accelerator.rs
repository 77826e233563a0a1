//! A device behind an [`Engine`]: searches and products written once for all drivers. Before it takes work it proves on
//! small cases that it computes what the definitions say.
use std::collections::HashMap;

use crate::device::{Device, Found};
use crate::engine::{Engine, Product};
use crate::error::Error;
use crate::host;
use crate::pace::Pace;
use crate::request::{Heads, Search};
use crate::shape::{Dtype, Shape};
use crate::train::{self, Job, Trained};
use crate::watch::Watch;

pub struct Accelerator<E: Engine> {
    pub(crate) engine: E,
    /// [`Self::SMALL`] bytes for results of searches.
    pub(crate) small: E::Buffer,
    paces: HashMap<&'static str, Pace>,
    dtypes: Vec<Dtype>,
}

impl<E: Engine> Accelerator<E> {
    pub(crate) const SMALL: usize = 1 << 20;

    /// Opens and checks it; `dtypes` are those it offers.
    ///
    /// # Errors
    /// `Wrong` where it fails its check, and what the driver says.
    pub fn new(mut engine: E, dtypes: Vec<Dtype>) -> Result<Self, Error> {
        let small = engine.buffer(Self::SMALL)?;
        let mut made = Self { engine, small, paces: HashMap::new(), dtypes };
        made.check()?;
        Ok(made)
    }

    /// What is known of the rate of one kind of work.
    pub(crate) fn pace(&self, kind: &'static str, first: u64) -> Pace {
        self.paces.get(kind).copied().unwrap_or_else(|| Pace::new(first))
    }

    pub(crate) fn learn(&mut self, kind: &'static str, first: u64, units: u64, seconds: f64) {
        self.paces.entry(kind).or_insert_with(|| Pace::new(first)).measured(units, seconds);
    }

    fn check(&mut self) -> Result<(), Error> {
        let watch = Watch::idle();
        // On both sides of the carry into the high half, which is constant in a launch.
        let heads = Heads { inner: *b"a device proves itself before us", start: (7 << 32) - 100, count: 200 };
        let got = self.seal_heads(&heads, &watch)?;
        for (nonce, got) in (heads.start..).zip(got) {
            if got != host::head(&heads.inner, nonce) {
                return Err(Error::Wrong(format!("the seal of nonce {nonce} begins with {got:#018x}")));
            }
        }
        let search = Search { inner: heads.inner, difficulty: 500, start: heads.start, count: 100_000 };
        let found = self.seal_search(&search, &watch)?.nonce;
        let meets = |nonce: &u64| pow::meets(&pow::seal(&search.inner, *nonce), search.difficulty);
        let expected = (search.start..).take(search.count as usize).find(meets);
        if found != expected {
            return Err(Error::Wrong(format!("it found nonce {found:?}, not {expected:?}")));
        }
        for dtype in self.dtypes.clone() {
            for flags in 0..4 {
                let (transpose_a, transpose_b) = (flags & 1 == 1, flags & 2 == 2);
                self.check_product(&Shape { dtype, m: 37, k: 45, n: 70, batch: 2, transpose_a, transpose_b }, &watch)?;
            }
        }
        Ok(())
    }

    fn check_product(&mut self, shape: &Shape, watch: &Watch) -> Result<(), Error> {
        // Small integers: every type holds them, and sums of their products are exact in any order.
        let factor = |length: usize, by: usize| -> Vec<u8> {
            let values = (0..length).map(|i| ((i * by) % 15) as i8 - 7);
            values.flat_map(|value| encoded(shape.dtype, value)).collect()
        };
        let (m, k, n, batch) = (shape.m, shape.k, shape.n, shape.batch);
        let (a, b) = (factor(batch * m * k, 11), factor(batch * k * n, 13));
        let expected = host::matmul(shape, &a, &b, watch)?;
        let mut got = self.matmul(shape, &a, &b, watch)?;
        if got != expected {
            return Err(Error::Wrong(format!("a product of {}", shape.dtype.name())));
        }
        // A·B - A·B: what is added to must be there, and nothing else.
        let negative =
            a.chunks(shape.dtype.bytes()).zip(0..).flat_map(|(_, i)| encoded(shape.dtype, 7 - (i * 11 % 15) as i8));
        let buffers = [&negative.collect(), &b, &got].map(|bytes: &Vec<u8>| -> Result<E::Buffer, Error> {
            let buffer = self.engine.buffer(bytes.len())?;
            self.engine.upload(&buffer, 0, bytes)?;
            Ok(buffer)
        });
        let [a, b, c] = buffers;
        let c = c?;
        self.multiply(&Product { shape, a: &a?, b: &b?, c: &c, add: true }, watch)?;
        self.engine.download(&c, 0, &mut got)?;
        // Both zeros of binary32 are zero.
        if got.as_chunks::<4>().0.iter().any(|word| !matches!(word, [0, 0, 0, 0 | 0x80])) {
            return Err(Error::Wrong(format!("a product of {} that is added", shape.dtype.name())));
        }
        Ok(())
    }
}

/// A small integer as an element of that type, little-endian.
fn encoded(dtype: Dtype, value: i8) -> Vec<u8> {
    match dtype {
        Dtype::F32 => f32::from(value).to_le_bytes().to_vec(),
        Dtype::F16 => half::f16::from(value).to_le_bytes().to_vec(),
        Dtype::Bf16 => half::bf16::from(value).to_le_bytes().to_vec(),
        Dtype::Int8 => value.to_le_bytes().to_vec(),
    }
}

impl<E: Engine> Device for Accelerator<E> {
    fn search(&mut self, search: &Search, watch: &Watch) -> Result<Found, Error> {
        self.seal_search(search, watch)
    }

    fn heads(&mut self, heads: &Heads, watch: &Watch) -> Result<Vec<u64>, Error> {
        self.seal_heads(heads, watch)
    }

    fn matmul(&mut self, shape: &Shape, a: &[u8], b: &[u8], watch: &Watch) -> Result<Vec<u8>, Error> {
        if !self.dtypes.contains(&shape.dtype) {
            return Err(Error::Shape(format!("this device has no products of {}", shape.dtype.name())));
        }
        self.product(shape, a, b, watch)
    }

    fn train(&mut self, job: &Job, checkpoint: &[u8], text: &[u8], watch: &Watch) -> Result<Trained, Error> {
        train::slice(self, job, (checkpoint, text), watch)
    }
}
