//! `bonafide crds`: the custom resource definitions, generated from the types.

use std::io::Write;

use anyhow::Context;

/// Prints every CRD as one YAML stream.
pub(super) fn run() -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    for crd in crate::crd::all() {
        let yaml = serde_saphyr::to_string(&crd).context("a CRD cannot be written as YAML")?;
        write!(output, "---\n{yaml}")?;
    }
    Ok(())
}
