//! What a pass through any network is made of: products with its weights, launches, and gradients on their way back.
use std::ops::Range;

use expert::layout::Layout;

use super::kernels::{BIAS, COLUMN_SUM, LOSS, ONE_HOT, launch};
use super::weights::{Weights, add_gradient, download};
use crate::accelerator::Accelerator;
use crate::engine::{Engine, Kernel, Product};
use crate::error::Error;
use crate::shape::{Dtype, Shape};
use crate::watch::Watch;

/// Bytes that the parts of one weight gradient may take, one part per window.
const PARTS_MAX: usize = 64 << 20;
/// Rows that one thread adds up before their sums are added.
const ROWS: usize = 64;

/// The device, the weights on it, and how many rows a pass has.
pub struct Steps<'a, E: Engine> {
    pub on: &'a mut Accelerator<E>,
    pub watch: &'a Watch,
    pub layout: &'a Layout,
    pub weights: &'a Weights<E::Buffer>,
    pub windows: usize,
    pub length: usize,
}

impl<E: Engine> Steps<'_, E> {
    /// One row per window and time.
    pub fn rows(&self) -> usize {
        self.windows * self.length
    }

    pub fn room(&mut self, numbers: usize) -> Result<E::Buffer, Error> {
        self.on.engine.buffer(numbers * 4)
    }

    pub fn launch(
        &mut self,
        kernel: &'static Kernel,
        items: usize,
        buffers: &[&E::Buffer],
        params: &[usize],
    ) -> Result<(), Error> {
        launch(&mut self.on.engine, kernel, items, buffers, params)
    }

    /// C = A·B, or C += A·B, of `batch` matrices, transposed as said.
    pub fn product(
        &mut self,
        (m, k, n, batch): (usize, usize, usize, usize),
        (a, transpose_a): (&E::Buffer, bool),
        (b, transpose_b): (&E::Buffer, bool),
        c: &E::Buffer,
        add: bool,
    ) -> Result<(), Error> {
        let shape = Shape { dtype: Dtype::F32, m, k, n, batch, transpose_a, transpose_b };
        self.on.multiply(&Product { shape: &shape, a, b, c, add }, self.watch)
    }

    /// Y [rows, outputs] = X [rows, inputs]·W.
    pub fn apply(&mut self, x: &E::Buffer, inputs: usize, weight: &str, outputs: usize) -> Result<E::Buffer, Error> {
        let rows = self.rows();
        let (out, weights) = (self.room(rows * outputs)?, self.weights);
        self.product((rows, inputs, outputs, 1), (x, false), (weights.get(weight)?, false), &out, false)?;
        Ok(out)
    }

    /// dX [rows, inputs] = dY [rows, outputs]·Wᵀ.
    pub fn apply_back(
        &mut self,
        dy: &E::Buffer,
        outputs: usize,
        weight: &str,
        inputs: usize,
    ) -> Result<E::Buffer, Error> {
        let rows = self.rows();
        let (out, weights) = (self.room(rows * inputs)?, self.weights);
        self.product((rows, outputs, inputs, 1), (dy, false), (weights.get(weight)?, true), &out, false)?;
        Ok(out)
    }

    /// Adds a bias to each row of X [rows, columns].
    pub fn bias(&mut self, x: &E::Buffer, bias: &str, columns: usize) -> Result<(), Error> {
        let (items, weights) = (self.rows() * columns, self.weights);
        self.launch(&BIAS, items, &[weights.get(bias)?, x], &[columns])
    }

    /// The sums of columns, `ROWS` rows by one thread first.
    pub fn column_sums(&mut self, x: &E::Buffer, rows: usize, columns: usize) -> Result<E::Buffer, Error> {
        let parts = rows.div_ceil(ROWS);
        let first = self.room(parts * columns)?;
        self.launch(&COLUMN_SUM, parts * columns, &[x, &first], &[rows, columns, ROWS])?;
        if parts == 1 {
            return Ok(first);
        }
        let out = self.room(columns)?;
        self.launch(&COLUMN_SUM, columns, &[&first, &out], &[parts, columns, parts])?;
        Ok(out)
    }

    /// Adds Xᵀ·dY to a tensor's gradient: `length` rows at a time, so that there are enough tiles, then these parts in
    /// order.
    pub fn weight_gradient(
        &mut self,
        (x, inputs): (&E::Buffer, usize),
        (dy, outputs): (&E::Buffer, usize),
        name: &str,
        gradient: &mut [f32],
    ) -> Result<(), Error> {
        let (windows, length) = (self.windows, self.length);
        let cells = inputs * outputs;
        let (batch, k) = if windows * cells * 4 > PARTS_MAX { (1, windows * length) } else { (windows, length) };
        let parts = self.room(batch * cells)?;
        self.product((inputs, k, outputs, batch), (x, true), (dy, false), &parts, false)?;
        let sum = self.column_sums(&parts, batch, cells)?;
        add_gradient(&mut self.on.engine, self.layout, name, (&sum, 0..cells), gradient)
    }

    /// Adds the sums of some of the columns of dY [rows, columns] to a tensor's gradient.
    pub fn sum_gradient(
        &mut self,
        dy: &E::Buffer,
        (rows, columns): (usize, usize),
        some: Range<usize>,
        name: &str,
        gradient: &mut [f32],
    ) -> Result<(), Error> {
        let sum = self.column_sums(dy, rows, columns)?;
        add_gradient(&mut self.on.engine, self.layout, name, (&sum, some), gradient)
    }

    pub fn tokens(&mut self, tokens: impl Iterator<Item = u32>) -> Result<E::Buffer, Error> {
        let bytes: Vec<u8> = tokens.flat_map(u32::to_le_bytes).collect();
        let buffer = self.on.engine.buffer(bytes.len())?;
        self.on.engine.upload(&buffer, 0, &bytes)?;
        Ok(buffer)
    }

    /// [rows, width] with a one in each row, where its token says.
    pub fn one_hot(&mut self, tokens: &E::Buffer, width: usize) -> Result<E::Buffer, Error> {
        let items = self.rows() * width;
        let out = self.room(items)?;
        self.launch(&ONE_HOT, items, &[tokens, &out], &[width])?;
        Ok(out)
    }

    /// Logits [rows, 256] become their gradients; gives the losses of rows, see [`Self::total`].
    pub fn loss(&mut self, next: &E::Buffer, logits: &E::Buffer) -> Result<E::Buffer, Error> {
        let rows = self.rows();
        let losses = self.room(rows)?;
        self.launch(&LOSS, rows, &[next, logits, &losses], &[])?;
        Ok(losses)
    }

    /// The sum of the rows' losses.
    pub fn total(&mut self, losses: &E::Buffer) -> Result<f64, Error> {
        let rows = self.rows();
        Ok(download(&mut self.on.engine, losses, 0..rows)?.into_iter().map(f64::from).sum())
    }
}
