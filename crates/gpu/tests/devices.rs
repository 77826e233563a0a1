//! The suite on every device that this machine has, software renderers included. `TAUMESH_GPU_NONCES` sets how many nonces
//! are compared. Where a backend has no device its part is skipped, by name, or fails (`TAUMESH_NEED=wgpu,cuda`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail where it stands
use gpu::device::{Device, DeviceInfo};
use gpu::list::{Choice, devices};

mod suite;

/// Runs a check on every device that can be opened; says which backends have none.
fn on_each(check: impl Fn(&str, &mut dyn Device)) {
    let (usable, others): (Vec<_>, Vec<_>) =
        devices(Choice { fake: None, software: true }).into_iter().partition(|listing| listing.open.is_some());
    for listing in &usable {
        check(&listing.info.id, listing.open.as_ref().unwrap()().unwrap().as_mut());
    }
    for DeviceInfo { id, backend, reason, .. } in others.into_iter().map(|listing| listing.info) {
        if usable.iter().all(|listing| listing.info.backend != backend) {
            suite::lacking(backend, &format!("{id}: {}", reason.unwrap()));
        }
    }
}

#[test]
fn seals_equal_the_portable_definition() {
    let wanted =
        std::env::var("TAUMESH_GPU_NONCES").map_or(1_000_000, |text| text.parse().expect("a number of nonces"));
    on_each(|id, device| suite::seals(id, device, wanted));
}

#[test]
fn a_search_finds_the_first_nonce_that_meets_the_difficulty() {
    on_each(suite::searches);
}

#[test]
fn products_of_every_type_layout_and_shape_agree_with_binary64() {
    on_each(|id, device| suite::products(id, device, &suite::SIZES));
}

#[test]
fn empty_products_are_zero_and_oversized_ones_refused() {
    on_each(suite::limits);
}

#[test]
fn int8_sums_are_exact_at_their_largest() {
    on_each(suite::largest_sums);
}

#[test]
fn a_search_without_end_is_cancelled() {
    on_each(suite::cancellation);
}

#[test]
fn a_cancelled_job_launches_nothing_more_on_vulkan() {
    suite::on_vulkan(suite::cancel::jobs);
}
