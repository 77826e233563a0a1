//! Training on every Vulkan device that this machine has, software renderers included; without one it is skipped, by name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail where it stands
use gpu::accelerator::Accelerator;
use gpu::shape::Dtype;
use gpu::vulkan::{Wgpu, engines};

mod suite;

fn on_each(check: impl Fn(&str, &mut Accelerator<Wgpu>)) {
    let engines = engines().unwrap();
    if engines.is_empty() {
        eprintln!("SKIPPED: wgpu:0: no Vulkan device");
    }
    for (id, engine) in engines {
        check(&id, &mut Accelerator::new(engine, vec![Dtype::F32]).unwrap());
    }
}

#[test]
fn the_gradient_is_how_fast_the_loss_grows_along_it() {
    // Heads of 2, 8 and 16 numbers, lengths that are no multiples of any tile.
    on_each(|id, device| suite::training::gradients(id, device, &[(8, 1, 4, 16), (24, 2, 3, 37), (64, 1, 4, 70)]));
}

#[test]
fn a_device_learns_what_the_cpu_learns() {
    on_each(|id, device| suite::training::learning(id, device, 4));
}

#[test]
fn a_cancelled_slice_says_so() {
    on_each(suite::training::cancelled);
}
