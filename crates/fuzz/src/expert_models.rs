//! Bytes that models are made of: checkpoints, the fallback's artefact, and texts.
use expert::model::{GruShape, Mode, Model, Spec, TransformerShape};
use expert::watch::Unwatched;

use crate::reader::Reader;

fn model(spec: Spec) -> Model {
    Model::new(spec, 1).unwrap_or_else(|error| panic!("{error}"))
}

/// A checkpoint is refused, or gives the model that it describes; the model answers either way.
pub fn checkpoint(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let how = reader.u8();
    let mode = Mode::Exact;
    let spec = if how & 1 == 0 {
        Spec::Transformer(TransformerShape { width: 16, layers: 1, heads: 1, context: 16, mode })
    } else {
        Spec::Gru(GruShape { embedding: 16, width: 16, context: 16, mode })
    };
    let model = model(spec);
    let mut file = reader.rest().to_vec();
    if how & 2 != 0 {
        // A good one, spoilt: the input says where and how.
        let mut good = model.save(how & 4 != 0).unwrap_or_else(|error| panic!("{error}"));
        let mut reader = Reader::new(&file);
        for _ in 0..reader.up_to(3) {
            let at = usize::from(reader.u16()) % good.len();
            good[at] ^= reader.u8();
        }
        good.truncate(good.len() - reader.up_to(64).min(good.len()));
        file = good;
    }
    let before = model.root();
    if model.load(&file).is_err() {
        assert_eq!(model.root(), before, "a refused checkpoint changed the model");
    } else {
        let saved = model.save(true).unwrap_or_else(|error| panic!("{error}"));
        assert!(model.load(&saved).is_ok(), "what was loaded cannot be saved and loaded again");
    }
    let answer = model.predict(&[b"ab".to_vec()], &[1], &Unwatched);
    assert!(answer.is_ok_and(|leaves| leaves[0].len() == 512));
}

/// An artefact is refused or answers in every context that the input names; one that we make of any texts, in whatever order
/// they come, is accepted.
pub fn fallback(bytes: &[u8]) {
    let (context, artefact) = bytes.split_at(bytes.len().min(4));
    let texts = [context.to_vec(), artefact.to_vec()];
    let made =
        |texts: &[Vec<u8>]| expert::fallback::artefact(texts, &Unwatched).unwrap_or_else(|error| panic!("{error}"));
    let own = made(&texts);
    assert_eq!(own, made(&[artefact.to_vec(), context.to_vec()]), "the order of texts changes what they count");
    drop(model(Spec::Fallback { artefact: own }));
    let Ok(model) = Model::new(Spec::Fallback { artefact: artefact.to_vec() }, 0) else { return };
    let leaves = model.predict(&[context.to_vec()], &[0], &Unwatched).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(leaves[0].len(), (context.len() + 1) * 256);
}

/// Any text can be counted; a stream that rewinds says what a whole prediction says.
pub fn order(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let model = model(Spec::Order { order: 1 + reader.up_to(5), matching: reader.u8() & 1 == 1 });
    let length = reader.up_to(600);
    model.set_text(reader.bytes(length)).unwrap_or_else(|error| panic!("{error}"));
    let mut stream = model.open();
    let mut text: Vec<u8> = Vec::new();
    for _ in 0..reader.up_to(4) {
        let position = reader.up_to(text.len() + 1);
        let length = reader.up_to(20);
        let added = reader.bytes(length);
        let want = reader.up_to(3);
        let Ok(leaves) = stream.extend(position, added, want) else {
            assert!(position > text.len() || want > position + added.len() + 1, "a good request is refused");
            continue;
        };
        text.truncate(position);
        text.extend_from_slice(added);
        let from = text.len() + 1 - want.min(text.len() + 1);
        if want > 0 {
            let whole = model.predict(&[text.clone()], &[from], &Unwatched).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(leaves, whole[0], "a stream differs from a whole prediction");
        }
    }
}
