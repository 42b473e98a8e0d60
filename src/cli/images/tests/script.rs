//! The scripts, as a shell reads them: with programs that write down what they were called with.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use super::super::script::Signer;
use super::super::targets::Targets;
use super::{digest, running, said};

const ALL: [Signer; 3] = [Signer::Cosign, Signer::Notation, Signer::Notary];

/// A folder where `cosign`, `notation`, `notary` and `crane` are found; the last writes a manifest of eight bytes.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        for program in ["cosign", "notation", "notary"] {
            desk.program(
                program,
                r#"printf '%s' "$0" | sed 's|.*/||' >>"$LOG"; for word in "$@"; do printf '|%s' "$word" >>"$LOG"; done; echo >>"$LOG""#,
            );
        }
        desk.program("crane", "printf 'a\nb\nc\n\n\n'");
        desk
    }

    fn program(&self, name: &str, body: &str) {
        let path = self.0.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self, script: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let path = self.0.path().join("sign.sh");
        std::fs::write(&path, script).unwrap();
        let programs = format!("{}:{}", self.0.path().display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("sh");
        command.arg(&path).args(arguments).env("PATH", programs).env("LOG", self.0.path().join("log")).current_dir(self.0.path());
        command.env_remove("COSIGN_KEY").env_remove("NOTARY_SERVER").envs(variables.iter().copied()).output().unwrap()
    }

    fn log(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.0.path().join("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

fn targets(images: &[Value], signer: Signer) -> Targets {
    Targets::of(&running(images).inventory.rows(&[]), signer.signs_tags())
}

const VARIABLES: [(&str, &str); 2] = [("COSIGN_KEY", "my key; false"), ("NOTARY_SERVER", "https://notary.example.com")];

/// Runs the script for these images; answers the calls.
fn calls(images: &[Value], signer: Signer, arguments: &[&str]) -> Vec<String> {
    let desk = Desk::new();
    let script = signer.script(&targets(images, signer)).unwrap();
    let output = desk.run(&script, arguments, &VARIABLES);
    assert!(output.status.success(), "{output:?}\n{script}");
    desk.log()
}

#[test]
fn each_image_that_is_not_trusted_or_exempt_is_signed_once_by_digest() {
    let (web, other) = (digest("web"), digest("other"));
    let images = [
        said("registry.example.com/web:v1", Some(&web), "Untrusted"),
        said("registry.example.com/web:v2", Some(&web), "Unknown"),
        said(&format!("registry.example.com/web:v1@{web}"), Some(&web), "Unmatched"),
        said("nginx", Some(&other), "Revoked"),
        said("registry.example.com/good:v1", Some(&other), "Trusted"),
        said("registry.example.com/let:v1", Some(&other), "Exempt"),
    ];
    let signed = |what: &str| vec![format!("{what}|docker.io/library/nginx@{other}"), format!("{what}|registry.example.com/web@{web}")];
    assert_eq!(calls(&images, Signer::Cosign, &[]), signed("cosign|sign|--yes|--key|my key; false"));
    assert_eq!(calls(&images, Signer::Notation, &["--key", "a b"]), signed("notation|sign|--key|a b"));
}

#[test]
fn notary_signs_the_tag_with_the_size_of_the_manifest() {
    let web = digest("web");
    let hex = web.trim_start_matches("sha256:");
    let said = [said("[::1]:5000/web:v1", Some(&web), "Untrusted")];
    let expected = format!("notary|-s|https://notary.example.com|addhash|[::1]:5000/web|v1|8|--sha256|{hex}|--publish|-r|targets/a b");
    assert_eq!(calls(&said, Signer::Notary, &["-r", "targets/a b"]), [expected]);
}

#[test]
fn what_is_specified_is_signed_where_the_kubelet_reports_a_part_of_it() {
    let (index, child) = (digest("index"), digest("child"));
    let image = said(&format!("registry.example.com/web:v1@{index}"), Some(&child), "Untrusted");
    assert_eq!(calls(&[image], Signer::Notation, &[]), [format!("notation|sign|registry.example.com/web@{index}")]);
}

#[test]
fn hostile_names_never_become_shell() {
    let names = [
        "a'; touch pwned; '",
        "a\"; touch pwned; \"",
        "a`touch pwned`",
        "a$(touch pwned)",
        "a\ntouch pwned\n",
        "a\r\ntouch pwned",
        "a\u{2028}touch pwned",
        "a && touch pwned",
        "a;touch pwned",
        "a\\\ntouch pwned",
        "a\0b",
        "-rf",
        "--key=/etc/passwd",
        "a b",
        "a:$(touch pwned)",
        "a@$(touch pwned)",
        "${IFS}touch${IFS}pwned",
        "~/a",
        "*",
        "EOF\ntouch pwned",
        "a…",
        "",
        "registry.example.com/a:v1 ; touch pwned",
    ];
    let runs = digest("runs");
    let mut images: Vec<_> = names.iter().map(|name| said(name, Some(&runs), "Untrusted")).collect();
    images.push(said("registry.example.com/honest:v1", Some(&runs), "Untrusted"));
    // Whatever else the comments show is hostile, too.
    for image in &mut images {
        image["reason"] = "Because\n$(touch pwned)`touch pwned`'\"\\".into();
    }
    images.push(said("registry.example.com/digest:v1", Some("sha256:$(touch pwned)"), "Untrusted"));
    for signer in ALL {
        let targets = targets(&images, signer);
        assert_eq!((targets.found.len(), targets.unreadable, targets.undigested), (1, names.len(), 1), "{signer:?}: {targets:#?}");
        let desk = Desk::new();
        let script = signer.script(&targets).unwrap();
        let output = desk.run(&script, &[], &VARIABLES);
        assert!(output.status.success() && desk.log().len() == 1, "{output:?}\n{script}");
        assert!(!desk.0.path().join("pwned").exists(), "{script}");
        let told = targets.left_out().join("\n");
        assert!(
            told.contains(&format!("{} images are left out: their names", names.len()))
                && told.contains("1 images are left out: their digests"),
            "{told}"
        );
    }
}

#[test]
fn tags_that_are_missing_or_mean_several_images_are_left_to_people() {
    let (first, second) = (digest("first"), digest("second"));
    let images = [
        said(&format!("registry.example.com/web@{first}"), Some(&first), "Untrusted"),
        said("registry.example.com/db:v1", Some(&first), "Untrusted"),
        said("registry.example.com/db:v1", Some(&second), "Unknown"),
        said("registry.example.com/app:v1", Some(&second), "Unknown"),
    ];
    let left = targets(&images, Signer::Notary);
    assert_eq!((left.found.len(), left.untagged, left.ambiguous), (1, 1, 1), "{left:#?}");
    let by_digest = targets(&images, Signer::Cosign);
    assert_eq!((by_digest.found.len(), by_digest.left_out().len()), (4, 0), "{by_digest:#?}");
}

#[test]
fn one_failure_is_counted_and_the_others_are_signed() {
    let images = ["a", "b", "c"].map(|name| said(&format!("registry.example.com/{name}:v1"), Some(&digest(name)), "Untrusted"));
    for signer in ALL {
        let desk = Desk::new();
        let failing = if signer == Signer::Notary { "crane" } else { ["cosign", "notation"][usize::from(signer == Signer::Notation)] };
        desk.program(failing, r#"case "$*" in *b@sha256:*) exit 1;; esac; echo "$*" >>"$LOG""#);
        let output = desk.run(&signer.script(&targets(&images, signer)).unwrap(), &[], &VARIABLES);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("1 not signed"), "{output:?}");
        let signed = desk.log().iter().filter(|line| !line.contains("manifest")).count();
        assert_eq!(signed, 2, "{:?}", desk.log());
    }
}

#[test]
fn a_script_that_lacks_a_variable_says_so_and_does_nothing() {
    let images = [said("registry.example.com/a:v1", Some(&digest("a")), "Untrusted")];
    for (signer, variable) in [(Signer::Cosign, "COSIGN_KEY"), (Signer::Notary, "NOTARY_SERVER")] {
        let desk = Desk::new();
        let output = desk.run(&signer.script(&targets(&images, signer)).unwrap(), &[], &[]);
        assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains(variable), "{output:?}");
        assert!(desk.log().is_empty(), "{:?}", desk.log());
    }
}

#[test]
fn a_script_without_images_runs_and_does_nothing() {
    for signer in ALL {
        assert!(calls(&[said("a", Some(&digest("a")), "Trusted")], signer, &[]).is_empty());
    }
}
