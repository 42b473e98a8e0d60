//! The alerts as an object of the Prometheus operator: the text of the plain file, comments and all, below a head.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

/// Neither label nor namespace is ours to guess: people change what their Prometheus selects by.
const HEAD: &str = "\
# Made from manifests/monitoring/alerts.yaml by cargo xtask alerts: change that, not this.
# For the Prometheus operator. A Prometheus that selects rules by a label needs that label here.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: bonafide
  namespace: bonafide-system
  labels: {app.kubernetes.io/name: bonafide}
spec:
";

/// Writes it.
pub(crate) fn write() -> Result<()> {
    std::fs::write(path(), wanted()?)?;
    println!("wrote manifests/monitoring/operator/prometheus-rule.yaml");
    Ok(())
}

/// Fails when the committed file differs.
pub(crate) fn check() -> Result<()> {
    let found = std::fs::read_to_string(path()).unwrap_or_default();
    ensure!(found == wanted()?, "prometheus-rule.yaml is not what alerts.yaml says; cargo xtask alerts writes it");
    Ok(())
}

fn wanted() -> Result<String> {
    let source = testbed::repository().join("manifests/monitoring/alerts.yaml");
    object(&std::fs::read_to_string(source)?)
}

fn path() -> PathBuf {
    testbed::repository().join("manifests/monitoring/operator/prometheus-rule.yaml")
}

/// What stands above the groups is about the plain file and stays there.
fn object(alerts: &str) -> Result<String> {
    let groups = alerts.find("groups:\n").context("alerts without groups")?;
    let lines = alerts.get(groups..).unwrap_or_default().lines();
    Ok(lines.fold(HEAD.to_owned(), |text, line| if line.is_empty() { text + "\n" } else { text + "  " + line + "\n" }))
}

#[cfg(test)]
mod tests {
    use super::{HEAD, object};

    #[test]
    fn groups_are_put_below_the_spec_and_nothing_else_changes() {
        let made = object("# head\ngroups:\n- name: a\n\n# why\n- name: b\n").unwrap_or_default();
        assert_eq!(made, format!("{HEAD}  groups:\n  - name: a\n\n  # why\n  - name: b\n"));
        assert!(object("rules: []\n").is_err());
    }
}
