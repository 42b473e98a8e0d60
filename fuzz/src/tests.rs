//! The committed corpus, run by everyone who runs the tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::TARGETS;

/// Of one target: the corpus is read by people and cloned by everyone.
const MOST_FILES: usize = 30;
const MOST_BYTES: usize = 100 * 1024;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder("corpus").join(target)).unwrap();
    entries.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
}

fn names(folder: &Path) -> BTreeSet<String> {
    let stem = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    fs::read_dir(folder).unwrap().map(|entry| stem(entry.unwrap().path())).collect()
}

#[test]
fn every_input_of_the_corpus_holds_what_its_target_says() {
    for (target, run) in TARGETS {
        for input in corpus(target) {
            run(&input);
        }
    }
}

#[test]
fn every_target_has_a_binary_and_a_corpus() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(target, _)| (*target).to_owned()).collect();
    assert_eq!(names(&folder("targets")), targets);
    assert_eq!(names(&folder("corpus")), targets);
    let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
    for target in targets {
        assert!(manifest.contains(&format!("path = \"targets/{target}.rs\"")), "{target} is no [[bin]]");
        assert!(!corpus(&target).is_empty(), "{target} has no corpus");
    }
}

#[test]
fn the_corpus_stays_small() {
    for (target, _) in TARGETS {
        let corpus = corpus(target);
        let bytes: usize = corpus.iter().map(Vec::len).sum();
        assert!(corpus.len() <= MOST_FILES && bytes <= MOST_BYTES, "{target}: {} files, {bytes} bytes", corpus.len());
    }
}
