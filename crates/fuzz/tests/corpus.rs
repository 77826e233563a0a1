//! Every input of the committed corpus, on every target's property.
use std::path::Path;

#[test]
fn the_corpus_holds_on_every_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/fuzz/corpus");
    let mut played = 0;
    for target in fuzz::TARGETS {
        (target.run)(&[]);
        let folder = corpus.join(target.name);
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path = entry.unwrap().path();
            (target.run)(&std::fs::read(&path).unwrap());
            played += 1;
        }
    }
    println!("{played} inputs of {} targets", fuzz::TARGETS.len());
    assert!(played >= fuzz::TARGETS.len(), "the corpus is empty");
}
