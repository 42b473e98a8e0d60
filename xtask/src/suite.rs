//! `test`, `lint`, `e2e` and `tools`. Every cargo step selects the whole workspace, so that all share one build.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::step::{cargo, cargo_program, step};
use crate::{alerts, browser, crds, deny, fuzz};

/// The integration test that has a step of its own.
const E2E: &str = "e2e";

/// Everything, cheap steps first.
pub(crate) fn test() -> Result<()> {
    let start = Instant::now();
    lint()?;
    step("tools", "cargo xtask tools", tools)?;
    let tests = test_arguments()?;
    step("unit and integration tests", &format!("cargo {}", tests.join(" ")), || {
        cargo(&tests.iter().map(String::as_str).collect::<Vec<_>>())
    })?;
    step("documentation tests", "cargo test --workspace --doc", || cargo(&["test", "--workspace", "--doc"]))?;
    step("generated CRDs", "cargo xtask crds --check", crds::check)?;
    step("generated alerts", "cargo xtask alerts --check", alerts::check)?;
    step("fuzz", "cargo xtask fuzz", fuzz::short)?;
    step("e2e", "cargo xtask e2e", || e2e(None))?;
    println!("\neverything passed in {} s", start.elapsed().as_secs());
    Ok(())
}

/// What needs no program to run.
pub(crate) fn lint() -> Result<()> {
    step("format", "cargo fmt --all --check", || cargo(&["fmt", "--all", "--check"]))?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    step("clippy", &format!("cargo {}", clippy.join(" ")), || cargo(&clippy))?;
    step("dependencies", "cargo xtask lint", deny::check)
}

/// Finds or builds the tools and says where each is.
pub(crate) fn tools() -> Result<()> {
    for (tool, path) in testbed::tools::all()? {
        println!("{:<24} {}", tool.name, path.display());
    }
    Ok(())
}

/// The e2e tests, all or those whose names contain `filter`.
pub(crate) fn e2e(filter: Option<&str>) -> Result<()> {
    testbed::tools::all()?;
    browser::provide();
    let mut arguments = vec!["test", "--workspace", "--test", E2E];
    if let Some(filter) = filter {
        arguments.extend(["--", filter]);
    }
    cargo(&arguments)
}

/// `cargo test` for all but e2e, which cargo cannot say in other words than the names of the others.
fn test_arguments() -> Result<Vec<String>> {
    let mut arguments = ["test", "--workspace", "--lib", "--bins"].map(str::to_owned).to_vec();
    for name in integration_tests()? {
        arguments.extend(["--test".to_owned(), name]);
    }
    Ok(arguments)
}

fn integration_tests() -> Result<Vec<String>> {
    let mut command = Command::new(cargo_program());
    command.args(["metadata", "--no-deps", "--format-version=1"]).current_dir(testbed::repository());
    let output = command.output().context("cannot start cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    Ok(integration_tests_of(&serde_json::from_slice(&output.stdout)?))
}

fn integration_tests_of(metadata: &Value) -> Vec<String> {
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let packages = list(metadata, "packages");
    let targets = packages.iter().flat_map(|package| list(package, "targets"));
    let tests = targets.filter(|target| list(target, "kind").contains(&Value::from("test")));
    let mut names: Vec<String> =
        tests.filter_map(|test| test.get("name")?.as_str().map(str::to_owned)).filter(|name| name != E2E).collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::integration_tests_of;

    #[test]
    fn every_integration_test_but_e2e_is_named_once() {
        let target = |kind: &str, name: &str| json!({"kind": [kind], "name": name});
        let metadata = json!({"packages": [
            {"targets": [target("lib", "bonafide"), target("test", "rooms"), target("test", "e2e")]},
            {"targets": [target("test", "vectors"), target("test", "rooms")]},
        ]});
        assert_eq!(integration_tests_of(&metadata), ["rooms", "vectors"]);
    }
}
