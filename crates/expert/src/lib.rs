//! Placeholder until the crate's own first slice lands.
