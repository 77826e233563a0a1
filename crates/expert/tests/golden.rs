//! Exact mode has the same bits on every CPU: a few steps of training end in these very weights, with the widest vectors
//! of this machine, with AVX2 and with none. Alone in its process, since the vectors are forced for the whole of it.
#![allow(clippy::unwrap_used)] // a test, all of it
use std::fmt::Write;
use std::time::Duration;

use expert::model::{GruShape, Mode, Model, Slice, Spec, TransformerShape};
use expert::watch::Unwatched;
use tensor::level::{Level, force};

/// Root of the weights after three steps, and the sum of the leaf codes of a probe weighted by their places.
fn course(spec: Spec) -> (String, u64) {
    let text: Vec<u8> =
        (0..20_000_u32).map(|i| b"lorem ipsum dolor sit amet "[(i % 27) as usize] ^ (i / 1_000) as u8).collect();
    let model = Model::new(spec, 77).unwrap();
    model.set_text(&text).unwrap();
    let slice = Slice { steps: 3, budget: Duration::from_mins(10), total_steps: 100 };
    assert_eq!(model.train(&slice, &Unwatched).unwrap().steps, 3);
    let root = model.root().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    let leaves = model.predict(&[text[..150].to_vec()], &[0], &Unwatched).unwrap().swap_remove(0);
    (root, leaves.iter().zip(1_u64..).map(|(&code, place)| u64::from(code) * place).sum())
}

#[test]
fn exact_training_ends_in_the_same_weights_whatever_the_vectors() {
    let mode = Mode::Exact;
    let kinds = [
        (
            Spec::Transformer(TransformerShape { width: 24, layers: 2, heads: 2, context: 50, mode }),
            ("2d185a8a0af96c570fea58361d888a9a062a70fd216fac72976727c3499c2659", 66_639_352_667),
        ),
        (
            Spec::Gru(GruShape { embedding: 12, width: 20, context: 50, mode }),
            ("9a0a4391be26374b79b9243cd51027f0051d16d430b2a6ae3a25a178dd96aab3", 67_445_078_050),
        ),
    ];
    for (spec, (root, leaves)) in kinds {
        for level in [Level::Widest, Level::Avx2, Level::Portable] {
            if !force(level) {
                println!("skipped: this CPU has no {level:?}");
                continue;
            }
            assert_eq!(course(spec.clone()), (root.to_owned(), leaves), "{spec:?} with {level:?}");
        }
    }
}
