//! Training on every Vulkan device that this machine has, software renderers included; without one it is skipped, by name,
//! or fails (`TAUMESH_NEED=wgpu`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail where it stands
use gpu::accelerator::Accelerator;
use gpu::shape::Dtype;
use gpu::vulkan::Wgpu;
use suite::training::{gradients, gru, learning, transformer};

mod suite;

fn on_each(check: impl Fn(&str, &mut Accelerator<Wgpu>)) {
    suite::on_vulkan(|id, engine| check(id, &mut Accelerator::new(engine, vec![Dtype::F32]).unwrap()));
}

#[test]
fn the_gradient_is_how_fast_the_loss_grows_along_it() {
    // Heads of 2, 8 and 16 numbers, lengths that are no multiples of any tile.
    let networks = [transformer(8, 1, 4, 16), transformer(24, 2, 3, 37), transformer(64, 1, 4, 70)];
    on_each(|id, device| gradients(id, device, &networks));
}

#[test]
fn the_gradient_of_a_gru_is_how_fast_its_loss_grows_along_it() {
    // Layers narrower and wider than a tile of products, a window longer than what is queued at once.
    on_each(|id, device| gradients(id, device, &[gru(8, 8, 16), gru(24, 72, 37)]));
}

#[test]
fn a_device_learns_what_the_cpu_learns() {
    for network in [transformer(32, 2, 4, 48), gru(16, 40, 48)] {
        on_each(|id, device| learning(id, device, network, 4));
    }
}

#[test]
fn a_cancelled_slice_ends_within_a_few_launches() {
    for network in [transformer(8, 1, 1, 16), gru(8, 8, 16)] {
        suite::on_vulkan(|id, engine| suite::cancel::training(id, engine, network));
    }
}
