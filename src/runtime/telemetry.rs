//! Logs: text for people, JSON for machines, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

const CLIENT: &str = "kube_client::client=error";

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people; coloured on a terminal.
    Text,
    /// One JSON object per line.
    Json,
}

/// Decides which lines are written; can be changed while they are.
#[derive(Clone, Debug)]
pub struct LogFilter {
    base: String,
    handle: reload::Handle<EnvFilter, Registry>,
}

impl LogFilter {
    /// Another level or list; nothing: the one of the start. What cannot be read changes nothing.
    pub fn set(&self, text: Option<&str>) {
        let Ok(filter) = filter(text.unwrap_or(&self.base)) else { return };
        if let Err(error) = self.handle.reload(filter) {
            tracing::warn!(%error, "the log level could not be changed");
        }
    }
}

/// Starts logging; `text` is a level or a list such as `bonafide=debug,kube=warn`.
pub fn init(format: LogFormat, text: &str) -> Result<LogFilter, ParseError> {
    let (filter, handle) = reload::Layer::new(filter(text)?);
    let filtered = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Text => filtered.with(lines.with_ansi(std::io::stderr().is_terminal())).init(),
        LogFormat::Json => filtered.with(lines.json().flatten_event(true)).init(),
    }
    Ok(LogFilter { base: text.to_owned(), handle })
}

/// The client library logs whole answers that it cannot read, at a level that is on by default: Secrets among them.
fn filter(text: &str) -> Result<EnvFilter, ParseError> {
    Ok(EnvFilter::builder().parse(text)?.add_directive(CLIENT.parse()?))
}
