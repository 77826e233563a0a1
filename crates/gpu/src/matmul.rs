//! Products on a device. Tiles of C are counted through all of the batch and given out in launches of about 15 ms.
use std::time::Instant;

use crate::accelerator::Accelerator;
use crate::engine::{Access, Engine, Family, GROUPS_MAX, Kernel, Module, Product};
use crate::error::Error;
use crate::shape::{Dtype, Shape};
use crate::watch::Watch;
use crate::wgsl::matmul as wgsl;

static PLAIN: Module = Module { name: "matmul", ptx: include_str!("../cuda/matmul.ptx"), capability: 70 };
static TENSOR: Module = Module { name: "tensor", ptx: include_str!("../cuda/tensor.ptx"), capability: 80 };

/// Whether the products of 16 and 8 bits run on a device of that compute capability.
pub fn has_tensor_cores(capability: u32) -> bool {
    capability >= TENSOR.capability
}

const FACTORS: &[Access] = &[Access::Read, Access::Read, Access::Write];

/// Defines kernels of products with factors as they are stored; see [`Accelerator::tiles`] for the parameters.
macro_rules! kernels {
    ($($name:ident $text:literal $wgsl:ident $cuda:expr;)*) => {$(
        static $name: Kernel = Kernel {
            name: $text,
            group: [16, 16, 1],
            access: FACTORS,
            params: 12,
            wgsl: Some(wgsl::$wgsl),
            cuda: $cuda,
        };
    )*};
}

kernels! {
    F32_SMALL "matmul_f32_64" matmul_f32_64 Some(&PLAIN);
    F32_LARGE "matmul_f32_128" matmul_f32_128 Some(&PLAIN);
    F16_SMALL "matmul_f16_64" matmul_f16_64 None;
    F16_LARGE "matmul_f16_128" matmul_f16_128 None;
    BF16_SMALL "matmul_bf16_64" matmul_bf16_64 None;
    BF16_LARGE "matmul_bf16_128" matmul_bf16_128 None;
    INT8_SMALL "matmul_int8_64" matmul_int8_64 None;
    INT8_LARGE "matmul_int8_128" matmul_int8_128 None;
}

/// Defines kernels that CUDA alone has.
macro_rules! tensor_kernels {
    ($($name:ident $text:literal $group:expr, $access:expr, $params:literal;)*) => {$(
        static $name: Kernel = Kernel {
            name: $text,
            group: $group,
            access: $access,
            params: $params,
            wgsl: None,
            cuda: Some(&TENSOR),
        };
    )*};
}

tensor_kernels! {
    PACK_16 "pack_16" [32, 8, 1], &[Access::Read, Access::Write], 8;
    PACK_8 "pack_8" [32, 8, 1], &[Access::Read, Access::Write], 8;
    TENSOR_F16 "tensor_f16" [256, 1, 1], FACTORS, 8;
    TENSOR_BF16 "tensor_bf16" [256, 1, 1], FACTORS, 8;
    TENSOR_INT8 "tensor_int8" [256, 1, 1], FACTORS, 8;
}

/// Bytes that are copied at once, between two looks at the watch.
const COPY: usize = 64 << 20;
/// Lines and bytes along k to which packed factors are rounded up: the tile of the tensor kernels.
const PACKED_LINES: usize = 128;
const PACKED_BYTES: usize = 64;
/// Multiply-adds of the first launch on a device.
const FIRST: u64 = 1 << 24;

/// The kernel and its tile of C for one shape.
fn plain(shape: &Shape) -> (&'static Kernel, usize) {
    // A tile that is mostly outside of the matrix wastes more than a large one saves.
    let large = shape.m.min(shape.n) > 64;
    let kernel = match (shape.dtype, large) {
        (Dtype::F32, false) => &F32_SMALL,
        (Dtype::F32, true) => &F32_LARGE,
        (Dtype::F16, false) => &F16_SMALL,
        (Dtype::F16, true) => &F16_LARGE,
        (Dtype::Bf16, false) => &BF16_SMALL,
        (Dtype::Bf16, true) => &BF16_LARGE,
        (Dtype::Int8, false) => &INT8_SMALL,
        (Dtype::Int8, true) => &INT8_LARGE,
    };
    (kernel, if large { 128 } else { 64 })
}

/// Launches over all tiles of C: which kernel, and its parameters with the place of the first tile left open.
struct Tiles<'a, B> {
    kernel: &'static Kernel,
    side: usize,
    buffers: [&'a B; 3],
    params: Vec<u32>,
    /// Where in `params` the first tile (rows through the batch) and the first column of tiles are put.
    place: usize,
}

impl<E: Engine> Accelerator<E> {
    pub(crate) fn product(&mut self, shape: &Shape, a: &[u8], b: &[u8], watch: &Watch) -> Result<Vec<u8>, Error> {
        let (size_a, size_b, size) = shape.sizes()?;
        if a.len() != size_a || b.len() != size_b {
            return Err(Error::Shape(format!("{} and {} bytes of factors", a.len(), b.len())));
        }
        let mut out = Vec::new();
        out.try_reserve_exact(size).map_err(|_| Error::Memory(format!("{size} bytes of a product")))?;
        out.resize(size, 0);
        if size == 0 || shape.k == 0 {
            return Ok(out);
        }
        let on_device = self.engine.buffer(size)?;
        let (left, right) = (self.upload(a, watch)?, self.upload(b, watch)?);
        let product = Product { shape, a: &left, b: &right, c: &on_device, add: false };
        let begun = Instant::now();
        self.multiply(&product, watch)?;
        self.engine.wait()?;
        watch.worked(begun.elapsed());
        for (at, part) in out.chunks_mut(COPY).enumerate() {
            watch.step(1, 1)?;
            self.engine.download(&on_device, at * COPY, part)?;
        }
        Ok(out)
    }

    /// A product of matrices on the device. It may still run when the call returns, where it is short.
    ///
    /// # Errors
    /// `Shape`, `Memory`, `Cancelled`, and what the driver says.
    pub fn multiply(&mut self, product: &Product<E::Buffer>, watch: &Watch) -> Result<(), Error> {
        let shape = product.shape;
        if self.engine.library_product(product, watch)? {
            return Ok(());
        }
        if self.engine.family() == Family::Cuda && shape.dtype != Dtype::F32 {
            return self.tensor_product(product, watch);
        }
        let (kernel, side) = plain(shape);
        let ((a_row, a_column), (b_row, b_column)) = (shape.strides_a(), shape.strides_b());
        let sizes = [shape.m, shape.k, shape.n, shape.m.div_ceil(side), a_row, a_column, b_row, b_column];
        let params = sizes.into_iter().map(|size| size as u32).chain([0, 0, u32::from(product.add), 0]).collect();
        let buffers = [product.a, product.b, product.c];
        self.tiles(shape, Tiles { kernel, side, buffers, params, place: 8 }, watch)
    }

    fn upload(&mut self, bytes: &[u8], watch: &Watch) -> Result<E::Buffer, Error> {
        let buffer = self.engine.buffer(bytes.len())?;
        for (at, part) in bytes.chunks(COPY).enumerate() {
            watch.step(0, 1)?;
            self.engine.upload(&buffer, at * COPY, part)?;
        }
        Ok(buffer)
    }

    /// Launches a kernel over all tiles of C, so many at a time as its pace says.
    fn tiles(&mut self, shape: &Shape, mut tiles: Tiles<E::Buffer>, watch: &Watch) -> Result<(), Error> {
        let (rows, columns) = (shape.m.div_ceil(tiles.side) * shape.batch, shape.n.div_ceil(tiles.side));
        let (kernel, work) = (tiles.kernel, (tiles.side * tiles.side * shape.k) as u64);
        let total = rows as u64 * columns as u64;
        let mut done = 0;
        for column in (0..columns).step_by(GROUPS_MAX as usize) {
            let wide = (columns - column).min(GROUPS_MAX as usize);
            let mut row = 0;
            while row < rows {
                watch.step(done, total)?;
                let fit = self.pace(kernel.name, FIRST).units() / (work * wide as u64).max(1);
                let high = (rows - row).min(GROUPS_MAX as usize).min(fit.max(1) as usize);
                if let Some([first, from, ..]) = tiles.params.get_mut(tiles.place..) {
                    (*first, *from) = (row as u32, column as u32);
                }
                let begun = Instant::now();
                self.engine.launch(kernel, &tiles.buffers, &tiles.params, [wide as u32, high as u32, 1])?;
                // Nobody waits for a short one, and what it takes is mostly the launch itself.
                let units = work * (wide * high) as u64;
                if total * work > self.pace(kernel.name, FIRST).units() / 8 {
                    self.engine.wait()?;
                    self.learn(kernel.name, FIRST, units, begun.elapsed().as_secs_f64());
                }
                done += (wide * high) as u64;
                row += high;
            }
        }
        Ok(())
    }

    /// Products of 16 and 8 bits on tensor cores. Both factors are first packed to lines along k, rounded up to whole
    /// tiles with zeros: then one kernel does for all layouts and shapes, and never looks whether it is outside.
    fn tensor_product(&mut self, product: &Product<E::Buffer>, watch: &Watch) -> Result<(), Error> {
        let shape = product.shape;
        let along = (shape.k * shape.dtype.bytes()).next_multiple_of(PACKED_BYTES);
        let (a_row, a_column) = shape.strides_a();
        let (b_row, b_column) = shape.strides_b();
        let a = self.pack(shape, product.a, (shape.m, a_row, a_column), along, watch)?;
        let b = self.pack(shape, product.b, (shape.n, b_column, b_row), along, watch)?;
        let kernel = match shape.dtype {
            Dtype::Int8 => &TENSOR_INT8,
            Dtype::Bf16 => &TENSOR_BF16,
            Dtype::F32 | Dtype::F16 => &TENSOR_F16,
        };
        let sizes = [
            shape.m,
            shape.n,
            along,
            shape.m.div_ceil(PACKED_LINES),
            shape.n.div_ceil(PACKED_LINES),
            0,
            0,
            usize::from(product.add),
        ];
        let params = sizes.into_iter().map(|size| size as u32).collect();
        let buffers = [&a, &b, product.c];
        self.tiles(shape, Tiles { kernel, side: PACKED_LINES, buffers, params, place: 5 }, watch)
    }

    /// Lines of a factor, each along k and without gaps: `lines` of them per matrix, `line` elements from one to the
    /// next, `step` elements from one to the next along k.
    fn pack(
        &mut self,
        shape: &Shape,
        from: &E::Buffer,
        (lines, line, step): (usize, usize, usize),
        along: usize,
        watch: &Watch,
    ) -> Result<E::Buffer, Error> {
        let padded = lines.next_multiple_of(PACKED_LINES);
        let size = [padded, along, shape.batch].into_iter().try_fold(1, usize::checked_mul);
        let to = self.engine.buffer(size.ok_or_else(|| Error::Memory(String::from("packed factors")))?)?;
        let element = shape.dtype.bytes();
        let kernel = if element == 2 { &PACK_16 } else { &PACK_8 };
        let tiles_along = (along / element).div_ceil(32) as u32;
        // One row of blocks packs 32 lines; rows are counted through the batch.
        let rows = shape.batch * padded / 32;
        for first in (0..rows).step_by(GROUPS_MAX as usize) {
            watch.step(0, 1)?;
            let params = [lines, shape.k, padded, along / element, line, step, first, 0].map(|size| size as u32);
            let high = (rows - first).min(GROUPS_MAX as usize) as u32;
            self.engine.launch(kernel, &[from, &to], &params, [tiles_along, high, 1])?;
        }
        Ok(to)
    }
}
