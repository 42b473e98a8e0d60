//! Logs: text for people, JSON for machines, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::filter::{EnvFilter, ParseError};

const CLIENT: &str = "kube_client::client=error";

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people; coloured on a terminal.
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts logging; `filter` is a level or a list such as `bonafide=debug,kube=warn`.
pub fn init(format: LogFormat, filter: &str) -> Result<(), ParseError> {
    // The client library logs whole answers that it cannot read, at a level that is on by default: Secrets among them.
    let filter = EnvFilter::builder().parse(filter)?.add_directive(CLIENT.parse()?);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
}
