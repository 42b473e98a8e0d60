//! Rows as a table for people, or as one JSON document. Whatever a report says is escaped (security rule 28).

use std::io::Write;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use tabwriter::TabWriter;

use crate::crd::ImageStatus;
use crate::report;
use crate::report::inventory::{self, Row, Runs, shown};

/// Namespaces that are named; of more the table says how many.
const FEW: usize = 3;
/// Hexadecimal characters of a digest that tell images apart for people.
const SHORT: usize = 12;
const ALGORITHM: &str = "sha256:";

/// One line per row below a heading.
pub(super) fn table(rows: &[Row<'_>], colours: bool, output: impl Write) -> std::io::Result<()> {
    let mut table = TabWriter::new(output).minwidth(0).padding(3).ansi(true);
    writeln!(table, "STATUS\tIMAGE\tDIGEST\tPODS\tNAMESPACES\tREASON")?;
    for (image, runs) in rows {
        let status = painted(runs.status, colours);
        let (name, digest) = (shortened(&shown(&image.reference)), image.digest.as_deref().map_or_else(|| "-".to_owned(), short));
        let reasons = shown(&runs.reasons().join(","));
        writeln!(table, "{status}\t{name}\t{digest}\t{}\t{}\t{reasons}", runs.pods(), namespaces(runs))?;
    }
    table.flush()
}

fn painted(status: ImageStatus, colours: bool) -> String {
    let name = report::name(status);
    let style = match status {
        ImageStatus::Untrusted | ImageStatus::Revoked | ImageStatus::Unsupported => AnsiColor::Red.on_default(),
        ImageStatus::Unknown => AnsiColor::Yellow.on_default(),
        ImageStatus::Exempt | ImageStatus::Unmatched => Style::new().dimmed(),
        ImageStatus::Trusted => AnsiColor::Green.on_default(),
    };
    if colours { format!("{style}{name}{style:#}") } else { name.to_owned() }
}

fn namespaces(runs: &Runs) -> String {
    if runs.namespaces.len() > FEW {
        return runs.namespaces.len().to_string();
    }
    shown(&runs.namespaces.keys().cloned().collect::<Vec<_>>().join(","))
}

fn short(digest: &str) -> String {
    let hex: Option<String> = digest.strip_prefix(ALGORITHM).map(|hex| hex.chars().take(SHORT).collect());
    hex.map_or_else(|| shown(digest), |hex| shown(&format!("{ALGORITHM}{hex}")))
}

/// The reference with a short digest, if it names one.
fn shortened(reference: &str) -> String {
    match reference.split_once('@') {
        Some((name, digest)) => format!("{name}@{}", short(digest)),
        None => reference.to_owned(),
    }
}

/// Everything, unshortened.
pub(super) fn document(rows: &[Row<'_>]) -> Value {
    json!({"images": rows.iter().map(|row| inventory::json(row, usize::MAX)).collect::<Vec<_>>()})
}
