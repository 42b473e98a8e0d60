//! `bonafide settings`: settings are checked before they reach a cluster.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::controllers::settings::KEY;
use crate::settings::{RawSettings, Settings};

#[derive(Debug, Args)]
pub(super) struct SettingsArguments {
    /// The text of the key settings.yaml, to be checked; `-` reads standard input. Without it the defaults are printed.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Prints every setting with its value; fails where the operator would keep its former ones.
pub(super) fn run(arguments: &SettingsArguments) -> anyhow::Result<ExitCode> {
    let text = match &arguments.file {
        None => String::new(),
        Some(file) if file.as_os_str() == "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
            text
        }
        Some(file) => std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?,
    };
    let complete = RawSettings::read(&text).context(KEY)?;
    Settings::check(complete.clone()).context(KEY)?;
    write!(std::io::stdout(), "{}", serde_saphyr::to_string(&complete)?)?;
    Ok(ExitCode::SUCCESS)
}
