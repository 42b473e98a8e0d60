//! `bonafide notary inspect`.

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use notary::{Inspection, Scope, ServerUrl};
use serde_json::{Value, json};

use super::server::{self, EXIT_CODES, ServerArguments};
use super::tree::{Style, tree};

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct InspectArguments {
    /// The repository without a tag, such as docker.io/library/nginx.
    gun: String,
    /// The base URL of the Notary server; that of the registry when absent, as for docker. http:// only when it is written here.
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    #[command(flatten)]
    access: ServerArguments,
    /// How it is printed.
    #[arg(long, short, value_enum, default_value = "tree")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people; in colours on a terminal, unless `NO_COLOR` is set.
    Tree,
    /// One JSON document.
    Json,
}

pub(super) fn run(arguments: &InspectArguments) -> anyhow::Result<ExitCode> {
    let gun = server::gun(&arguments.gun)?;
    let url = server::server(arguments.server.as_deref(), &gun)?;
    let outcome = crate::cli::block_on(arguments.access.fetch(&url, &gun, Scope::Everything))?;
    let trusted = match outcome {
        Ok(trusted) => trusted,
        Err(error) => return Ok(server::refuse(&url, &gun, &error)),
    };
    let seen = trusted.inspect();
    let mut output = std::io::stdout().lock();
    if arguments.output == Output::Json {
        serde_json::to_writer_pretty(&mut output, &document(&seen, &url)?)?;
        writeln!(output)?;
    } else {
        let colours = crate::cli::colours(&output);
        write!(output, "{}", tree(&seen, &url, Style { colours }))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What was seen, and where.
pub(super) fn document(seen: &Inspection, url: &ServerUrl) -> anyhow::Result<Value> {
    let mut document = json!({"server": url.to_string()});
    if let (Value::Object(document), Value::Object(seen)) = (&mut document, serde_json::to_value(seen)?) {
        document.extend(seen);
    }
    Ok(document)
}
