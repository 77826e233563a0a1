//! The kernels of training and how they are launched. Parameters begin with the groups in x and the number of items.
use crate::engine::{Access, Engine, Kernel, Module};
use crate::error::Error;
use crate::wgsl::train as wgsl;

static MODULE: Module = Module { name: "train", ptx: include_str!("../../cuda/train.ptx"), capability: 70 };

use Access::{Read, Write};

macro_rules! kernels {
    ($($name:ident $text:ident $params:literal [$($access:expr),*];)*) => {$(
        pub static $name: Kernel = Kernel {
            name: stringify!($text),
            group: [wgsl::GROUP, 1, 1],
            access: &[$($access),*],
            params: $params,
            wgsl: Some(wgsl::$text),
            cuda: Some(&MODULE),
        };
    )*};
}

kernels! {
    ONE_HOT train_one_hot 3 [Read, Write];
    MULTIPLY train_multiply 2 [Read, Write];
    BIAS train_bias 3 [Read, Write];
    NORM train_norm 3 [Read, Read, Write, Write];
    NORM_BACK train_norm_back 3 [Read, Read, Read, Read, Write, Write];
    COLUMN_SUM train_column_sum 5 [Read, Write];
    PLACE train_place 6 [Read, Read, Read, Write, Write];
    PLACE_BACK train_place_back 6 [Read, Read, Read, Read, Read, Write, Write];
    SPLIT train_split 7 [Read, Write];
    MERGE train_merge 7 [Read, Write];
    SOFTMAX train_softmax 3 [Write];
    SOFTMAX_BACK train_softmax_back 3 [Read, Write];
    GELU train_gelu 2 [Write, Write];
    LOSS train_loss 2 [Read, Write, Write];
    GRU train_gru 4 [Read, Read, Write, Write, Write, Write, Write];
    GRU_BACK train_gru_back 4 [Read, Read, Read, Write, Write, Write, Write];
}

/// Groups in x at most: what lies beyond goes to y.
const ACROSS: usize = 1 << 15;

/// Launches `kernel` over `items`, with `params` after the two that all have.
///
/// # Errors
/// What the driver says.
pub fn launch<E: Engine>(
    engine: &mut E,
    kernel: &'static Kernel,
    items: usize,
    buffers: &[&E::Buffer],
    params: &[usize],
) -> Result<(), Error> {
    let count = |size: usize| {
        u32::try_from(size).map_err(|_| Error::Shape(format!("{size} items are too many for one launch")))
    };
    let groups = items.div_ceil(wgsl::GROUP as usize);
    let across = groups.clamp(1, ACROSS);
    let mut words = vec![count(across)?, count(items)?];
    for &param in params {
        words.push(count(param)?);
    }
    engine.launch(kernel, buffers, &words, [across as u32, count(groups.div_ceil(across))?, 1])
}
