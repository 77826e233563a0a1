//! Whether a product has the same bits on one machine only or on every CPU.

/// How sums are ordered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// The same bits on one machine.
    #[default]
    Fast,
    /// The same bits on every CPU.
    Exact,
}
