//! The guide to monitoring lists the metrics that the source registers, no more and no fewer. Labels, and that they are
//! served, are for e2e to see.

use std::collections::BTreeSet;
use std::path::Path;

use super::{read, repository};

const GUIDE: &str = "docs/monitoring.md";
/// Both take the name first.
const REGISTERING: [&str; 2] = [".register(", ".encode_descriptor("];

#[test]
fn every_metric_is_in_the_guide_and_nothing_else() {
    let mut registered = BTreeSet::new();
    collect(&repository().join("src"), &mut registered);
    assert!(registered.len() > 20, "metrics are not found any more");
    assert_eq!(registered, documented(&read(GUIDE)));
}

fn collect(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a readable folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a readable file");
            // What tests register is not served.
            names.extend(registered(text.split("#[cfg(test)]").next().unwrap_or_default()));
        }
    }
}

/// Texts that are the first argument of a registration.
fn registered(text: &str) -> BTreeSet<String> {
    let calls = REGISTERING.iter().flat_map(|call| text.split(call).skip(1));
    calls.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next().map(str::to_owned)).collect()
}

/// Counters are served with `_total`, which is not part of their name.
fn documented(guide: &str) -> BTreeSet<String> {
    let names = guide.lines().filter_map(|line| line.strip_prefix("| `bonafide_")?.split('`').next());
    names.map(|name| name.strip_suffix("_total").unwrap_or(name).to_owned()).collect()
}

#[test]
fn a_metric_is_found_however_its_registration_is_broken_into_lines() {
    let text =
        "registry.register(\"one\", \"Help\", x);\nencoder\n    .encode_descriptor(\n        \"two\", help)?; routes.register(path);";
    assert_eq!(registered(text), ["one", "two"].map(str::to_owned).into());
    assert_eq!(documented("| `bonafide_a_total` | |\n| `bonafide_b` | `c` | d |\nsee `bonafide_e`"), ["a", "b"].map(str::to_owned).into());
}
