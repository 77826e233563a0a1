//! What the tests of this crate share: the definition once more, slow and plain, and inputs that sit on its edges.
#![allow(dead_code)] // every test binary uses its own part
pub mod cases;
pub mod definition;
