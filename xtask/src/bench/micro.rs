//! The library by itself: `cargo bench`, and what criterion has written down.

use anyhow::{Context, Result};
use serde_json::Value;

use super::table::Table;
use crate::step;

/// Runs the microbenchmarks below `benches/` and compares those that have a goal with it.
pub(super) fn micro(table: &mut Table) -> Result<()> {
    step::cargo(&["bench", "--bench", "policies", "--bench", "decide", "--bench", "verify", "--bench", "notary"])?;
    table.at_most("compile 1,000 policies", "ms", 250.0, nanoseconds("compile/1000_policies")? / 1e6, "-");
    table.at_most("match one image against 500 rules", "µs", 20.0, nanoseconds("match/500_rules")? / 1e3, "-");
    table.at_most("verify all trust data of a Notary repository (state 05)", "ms", 2.0, nanoseconds("notary/first_contact")? / 1e6, "-");
    for (what, id) in NOTES {
        table.note(what, &format!("{:.2} µs", nanoseconds(id)? / 1e3), "-");
    }
    Ok(())
}

/// What has no goal of its own and explains the others.
const NOTES: [(&str, &str); 12] = [
    ("match one image against 500 rules with nothing literal in the name", "match/500_worst_rules"),
    ("read a reference", "parse/reference"),
    ("read and compile a policy of 20 rules", "parse/policy_of_20_rules"),
    ("decide by digest, verdict known", "decide/known_digest"),
    ("check a cosign bundle: ECDSA P-256", "verify/p256_bundle"),
    ("check a cosign bundle: ECDSA P-384", "verify/p384_bundle"),
    ("check a cosign bundle: ECDSA P-521", "verify/p521_bundle"),
    ("check a cosign bundle: Ed25519 (Ed25519ph)", "verify/ed25519_bundle"),
    ("check a cosign bundle: RSA 2048", "verify/rsa_bundle"),
    ("check a simple signature: ECDSA P-256", "verify/p256_tag"),
    ("verify trust data that has not changed", "notary/unchanged"),
    ("read what is kept of trust data", "notary/read_state"),
];

/// The median of one run.
fn nanoseconds(id: &str) -> Result<f64> {
    // Criterion makes one folder of an identifier without a group.
    let folder = testbed::target().join("criterion").join(id.replace('/', "_"));
    let path = folder.join("new").join("estimates.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("{id} was not measured: {} is missing", path.display()))?;
    median(&text).with_context(|| format!("{} is not as expected", path.display()))
}

fn median(estimates: &str) -> Option<f64> {
    serde_json::from_str::<Value>(estimates).ok()?.pointer("/median/point_estimate")?.as_f64()
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_read_from_what_criterion_writes() {
        let text = r#"{"mean":{"point_estimate":3.0},"median":{"confidence_interval":{"lower_bound":1.0},"point_estimate":2.5}}"#;
        assert!(median(text).is_some_and(|nanoseconds| (2.4..2.6).contains(&nanoseconds)));
        assert_eq!(median("{}"), None);
    }
}
