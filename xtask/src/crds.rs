//! The committed CRDs, which are what `bonafide crds` prints, one file per kind.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::step::bonafide;

/// Writes every file and removes those of kinds that are no more.
pub(crate) fn write() -> Result<()> {
    let (wanted, found) = (wanted()?, found()?);
    let directory = directory();
    std::fs::create_dir_all(&directory)?;
    for name in found.keys().filter(|name| !wanted.contains_key(*name)) {
        std::fs::remove_file(directory.join(name))?;
        println!("removed manifests/crds/{name}");
    }
    for (name, text) in wanted {
        std::fs::write(directory.join(&name), text)?;
        println!("wrote manifests/crds/{name}");
    }
    Ok(())
}

/// Fails with the names of the files that differ.
pub(crate) fn check() -> Result<()> {
    let differing = differing(&wanted()?, &found()?);
    if differing.is_empty() {
        return Ok(());
    }
    bail!("not what src/crd says: {}; cargo xtask crds writes them", differing.join(", "))
}

fn differing(wanted: &BTreeMap<String, String>, found: &BTreeMap<String, String>) -> Vec<String> {
    let mut names: Vec<&String> = wanted.keys().chain(found.keys()).collect();
    names.sort();
    names.dedup();
    names.into_iter().filter(|name| wanted.get(*name) != found.get(*name)).cloned().collect()
}

fn directory() -> PathBuf {
    testbed::repository().join("manifests").join("crds")
}

fn wanted() -> Result<BTreeMap<String, String>> {
    let output = Command::new(bonafide()?).arg("crds").output().context("cannot start bonafide")?;
    ensure!(output.status.success(), "bonafide crds: {}", String::from_utf8_lossy(&output.stderr));
    split(&String::from_utf8(output.stdout)?)
}

fn found() -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir(directory()) else { return Ok(files) };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.insert(name, std::fs::read_to_string(&path)?);
    }
    Ok(files)
}

/// Documents by file name, `GROUP_PLURAL.yaml`.
fn split(text: &str) -> Result<BTreeMap<String, String>> {
    let documents = text.split("---\n").filter(|document| !document.trim().is_empty());
    documents.map(|document| Ok((file_name(document)?, format!("{}\n", document.trim_end())))).collect()
}

fn file_name(document: &str) -> Result<String> {
    let metadata = document.lines().skip_while(|line| *line != "metadata:");
    let name = metadata.skip(1).find_map(|line| line.strip_prefix("  name: ")).context("a CRD without a name")?;
    let (plural, group) = name.split_once('.').context("a CRD whose name has no group")?;
    Ok(format!("{group}_{plural}.yaml"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{differing, split};

    const TWO: &str = "---\nkind: A\nmetadata:\n  name: as.example.com\nspec: {}\n---\nkind: B\nmetadata:\n  name: bs.example.com\n";

    #[test]
    fn each_document_becomes_a_file_named_by_group_and_plural() {
        let files = split(TWO).unwrap_or_default();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["example.com_as.yaml", "example.com_bs.yaml"]);
        assert_eq!(files.get("example.com_bs.yaml").map(String::as_str), Some("kind: B\nmetadata:\n  name: bs.example.com\n"));
    }

    #[test]
    fn a_changed_a_missing_and_a_left_over_file_differ() {
        let files = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let wanted: BTreeMap<_, _> = files(&[("same", "1"), ("changed", "1"), ("missing", "1")]);
        let found = files(&[("same", "1"), ("changed", "2"), ("left-over", "1")]);
        assert_eq!(differing(&wanted, &found), ["changed", "left-over", "missing"]);
    }
}
