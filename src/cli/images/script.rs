//! A shell script that signs what runs and is neither trusted nor exempt.

use std::fmt::Write as _;

use clap::ValueEnum;

use super::targets::{Target, Targets};

/// What signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Signer {
    /// `cosign sign` with the key in `COSIGN_KEY`.
    Cosign,
    /// `notation sign` with its default key.
    Notation,
    /// `notary addhash` on the server in `NOTARY_SERVER`.
    Notary,
}

const COSIGN: &str = r#"#!/bin/sh
# Made by `bonafide images --signing-script cosign`: signs, by digest, the images that run and are neither trusted nor exempt.
# Read it first: whoever signs an image vouches for it. Take out what is not yours.
#
# Needs cosign, logged in to the registries. Environment:
#   COSIGN_KEY       the private key: a file, or the URI of a KMS
#   COSIGN_PASSWORD  its password; cosign asks for it when it is not set
# Arguments are handed to every `cosign sign`, such as --tlog-upload=false.
set -eu
: "${COSIGN_KEY:?the private key: a file, or the URI of a KMS}"
"#;

const NOTATION: &str = r"#!/bin/sh
# Made by `bonafide images --signing-script notation`: signs, by digest, the images that run and are neither trusted nor exempt.
# Read it first: whoever signs an image vouches for it. Take out what is not yours.
#
# Needs notation with a signing key. Environment:
#   NOTATION_USERNAME, NOTATION_PASSWORD  for the registry, unless notation is logged in
# Arguments are handed to every `notation sign`, such as --key NAME for another key than the default one.
set -eu
";

const NOTARY: &str = r#"#!/bin/sh
# Made by `bonafide images --signing-script notary`: signs, by digest, the tags that run and are neither trusted nor exempt.
# Read it first: whoever signs an image vouches for it. Take out what is not yours.
#
# Needs notary with the keys of the repositories, and crane, logged in to the registries. Environment:
#   NOTARY_SERVER  the URL of the Notary server
#   NOTARY_TARGETS_PASSPHRASE, NOTARY_SNAPSHOT_PASSPHRASE, NOTARY_DELEGATION_PASSPHRASE
#                  of the keys; notary asks for what is not set
# Arguments are handed to every `notary addhash`, such as --roles targets/releases.
set -eu
: "${NOTARY_SERVER:?the URL of the Notary server}"
manifest=$(mktemp)
trap 'rm -f "$manifest"' EXIT
"#;

const BEGIN: &str = "failed=0\n";

/// One failure does not keep the others from being signed, and is not forgotten.
const END: &str = r#"
if [ "$failed" -gt 0 ]; then
  echo "$failed not signed" >&2
  exit 1
fi
"#;

impl Signer {
    /// Whether it signs what a tag means, and not a digest alone.
    pub(super) fn signs_tags(self) -> bool {
        self == Self::Notary
    }

    /// The whole script.
    pub(super) fn script(self, targets: &Targets) -> anyhow::Result<String> {
        let head = match self {
            Self::Cosign => COSIGN,
            Self::Notation => NOTATION,
            Self::Notary => NOTARY,
        };
        let mut script = format!("{head}{BEGIN}");
        for (target, notes) in &targets.found {
            script.push('\n');
            for note in notes {
                writeln!(script, "# {note}")?;
            }
            writeln!(script, "{} || failed=$((failed + 1))", self.command(target)?)?;
        }
        script.push_str(END);
        Ok(script)
    }

    fn command(self, target: &Target) -> anyhow::Result<String> {
        let Target { repository, tag, digest } = target;
        let by_digest = format!("{repository}@{digest}");
        let image = shlex::try_quote(&by_digest)?;
        Ok(match self {
            Self::Cosign => format!("cosign sign --yes --key \"$COSIGN_KEY\" \"$@\" {image}"),
            Self::Notation => format!("notation sign \"$@\" {image}"),
            Self::Notary => {
                let (gun, tag) = (shlex::try_quote(repository)?, tag.as_ref().map(ToString::to_string).unwrap_or_default());
                let (tag, hex) = (shlex::try_quote(&tag)?, digest.hex());
                // Through a file: in a pipe nobody would notice that crane failed. The sum strips blanks of some `wc`.
                let size = r#""$(($(wc -c <"$manifest")))""#;
                let sign = format!(r#"notary -s "$NOTARY_SERVER" addhash {gun} {tag} {size} --sha256 {hex} --publish "$@""#);
                format!("{{ crane manifest {image} >\"$manifest\" && {sign}; }}")
            }
        })
    }
}
