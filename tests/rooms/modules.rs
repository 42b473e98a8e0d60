//! Files that are part of no build, because no `mod` names them.

use std::collections::BTreeSet;

use super::{Sources, code};

/// Files that cannot be reached from the roots, one line each.
pub(crate) fn unnamed(sources: &Sources, roots: &[&str]) -> Vec<String> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<String> = roots.iter().map(|root| (*root).to_owned()).collect();
    while let Some(path) = next.pop() {
        if let Some(text) = sources.get(&path)
            && reached.insert(path.clone())
        {
            next.extend(declared(text).iter().flat_map(|module| places(&path, module)));
        }
    }
    sources.keys().filter(|path| !reached.contains(*path)).map(|path| format!("{path} is named by no mod")).collect()
}

/// The names in `mod name;`.
fn declared(text: &str) -> Vec<String> {
    let code = code::only(text);
    let words: Vec<&str> = code.split_whitespace().collect();
    let pairs = words.windows(2).filter_map(|pair| match pair {
        ["mod", name] => name.strip_suffix(';'),
        _ => None,
    });
    pairs.map(str::to_owned).collect()
}

fn places(path: &str, module: &str) -> [String; 2] {
    let (folder, file) = path.rsplit_once('/').unwrap_or_default();
    let base = match file {
        "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
        _ => path.trim_end_matches(".rs").to_owned(),
    };
    [format!("{base}/{module}.rs"), format!("{base}/{module}/mod.rs")]
}
