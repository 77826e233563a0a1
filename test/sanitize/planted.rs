//! Bugs on purpose: each sanitizer must find its own, or a clean run of it says nothing.
use std::cell::UnsafeCell;
use std::sync::Arc;
use std::thread;

struct Unguarded(UnsafeCell<u64>);
// Wrong, and the point: two threads may write the cell at once.
unsafe impl Sync for Unguarded {}

fn use_after_free() {
    let freed = {
        let boxed = Box::new([7_u64; 8]);
        std::ptr::from_ref(&boxed[3])
    };
    println!("{}", unsafe { freed.read_volatile() });
}

fn race() {
    let shared = Arc::new(Unguarded(UnsafeCell::new(0)));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                for _ in 0..1_000 {
                    unsafe { *shared.0.get() += 1 };
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("use-after-free") => use_after_free(),
        Some("race") => race(),
        other => panic!("no bug named {other:?}"),
    }
}
