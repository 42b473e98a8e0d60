//! `bonafide notary root-key`.

use std::process::ExitCode;

use clap::Args;
use notary::{Gun, Inspection, PublicKey, Scope, ServerUrl};
use serde_json::json;
use x509_cert::der::pem::{LineEnding, encode_string};

use super::server::{self, EXIT_CODES, ServerArguments};

const LONGEST_NAME: usize = 63;

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct RootKeyArguments {
    /// The repository without a tag, such as docker.io/library/nginx.
    gun: String,
    /// The base URL of the Notary server; http:// only when it is written here.
    #[arg(long, value_name = "URL")]
    server: String,
    #[command(flatten)]
    access: ServerArguments,
    /// The name of the TrustRoot; made from the repository when absent.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// The TrustRoot goes to standard output, everything else to standard error.
pub(super) fn run(arguments: &RootKeyArguments) -> anyhow::Result<ExitCode> {
    let gun = server::gun(&arguments.gun)?;
    let url = server::server(Some(&arguments.server), &gun)?;
    let outcome = crate::cli::block_on(arguments.access.fetch(&url, &gun, Scope::Only([].into())))?;
    let trusted = match outcome {
        Ok(trusted) => trusted,
        Err(error) => return Ok(server::refuse(&url, &gun, &error)),
    };
    let keys = trusted.root_keys();
    let name = arguments.name.clone().unwrap_or_else(|| object_name(&gun));
    print!("{}", trust_root(&name, &url, &trusted.inspect(), &keys)?);
    eprintln!("bonafide: trust on first use: this is whatever root {url} has now.");
    eprintln!("bonafide: before you apply it, compare with the publisher, by another way than this server:");
    for key in &keys {
        eprintln!("bonafide:   SHA-256 of the public key {}", key.fingerprint());
    }
    Ok(ExitCode::SUCCESS)
}

/// The YAML, with comments that say what the keys are. Everything in it that a server chose is escaped or encoded.
pub(super) fn trust_root(name: &str, url: &ServerUrl, seen: &Inspection, keys: &[PublicKey]) -> anyhow::Result<String> {
    let mut comments = vec![format!("Root of {} on {url}: version {}, expires {}.", seen.gun, seen.root.version, seen.root.expires)];
    for (number, key) in keys.iter().enumerate() {
        comments.push(format!("root-{}: {}, SHA-256 of the public key {}", number + 1, key.algorithm(), key.fingerprint()));
    }
    for key in seen.root.keys.iter().filter(|key| key.signed) {
        let common_name = crate::text::shown(key.common_name.as_deref().unwrap_or("-"), 256);
        let until = key.certificate_expires.map_or_else(|| "-".to_owned(), |until| until.to_string());
        comments.push(format!("certificate: common name {common_name}, valid until {until}, key ID {}", key.id));
    }
    let pem = |key: &PublicKey| {
        encode_string("PUBLIC KEY", LineEnding::LF, key.spki()).map_err(|_| anyhow::anyhow!("a key cannot be written as PEM"))
    };
    let entries = keys.iter().enumerate().map(|(number, key)| Ok(json!({"name": format!("root-{}", number + 1), "pem": pem(key)?})));
    let entries: Vec<_> = entries.collect::<anyhow::Result<_>>()?;
    let object = json!({
        "apiVersion": "bonafide.dev/v1alpha1",
        "kind": "TrustRoot",
        "metadata": {"name": name},
        "spec": {"keys": entries},
    });
    let comments: String = comments.iter().flat_map(|comment| ["# ", comment, "\n"]).collect();
    Ok(format!("{comments}{}", serde_saphyr::to_string(&object)?))
}

/// A name that Kubernetes takes, and in which people see the repository.
pub(super) fn object_name(gun: &Gun) -> String {
    let lower = gun.as_str().to_lowercase();
    let dashed: String = lower.chars().map(|character| if character.is_ascii_alphanumeric() { character } else { '-' }).collect();
    let from = dashed.len().saturating_sub(LONGEST_NAME);
    dashed.get(from..).unwrap_or_default().trim_matches('-').to_owned()
}
