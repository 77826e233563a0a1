//! The door between Node and the crates: converts arguments, calls, maps errors. No algorithm lives here.
//! Every export is `#[napi(catch_unwind)]`, copies its inputs, and checks sizes before it allocates.
#![allow(unsafe_code)] // napi's macros expand to `unsafe` registration code; by hand it is written where a function allows it
#![allow(clippy::needless_pass_by_value)] // napi hands arguments over by value
#![cfg_attr(test, allow(dead_code))] // napi leaves the registration of exports out of tests

mod argument;
mod consensus;
mod consensus_what_if;
mod expert;
mod failure;
mod job;
mod mixture;
mod panics;
#[cfg(feature = "planted")]
mod planted;
mod pow;
mod signature;
mod tensor;
