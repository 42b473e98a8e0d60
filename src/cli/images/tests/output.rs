//! The table and the document.

use serde_json::{Value, json};

use super::super::output::{document, table};
use super::super::read::Found;
use super::{digest, found, report, running, said};

fn printed(found: &Found, colours: bool) -> String {
    let mut bytes = Vec::new();
    table(&found.inventory.rows(&[]), colours, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_table_has_one_line_per_image_with_short_digests_and_few_names() {
    let runs = digest("web");
    let pods = ["a", "b", "c", "d"].map(|namespace| report(namespace, "pod", &[said("registry.example.com/db:v1", None, "Exempt")]));
    let web = format!("registry.example.com/web@{runs}");
    let shops = ["shop", "bank"].map(|namespace| report(namespace, "web", &[said(&web, Some(&runs), "Untrusted")]));
    let text = printed(&found(pods.into_iter().chain(shops)), false);
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let short = "sha256:4b5e57f6eb2f";
    assert!(runs.starts_with(short), "{runs}");
    let name = format!("registry.example.com/web@{short}");
    let expected = [
        vec!["STATUS", "IMAGE", "DIGEST", "PODS", "NAMESPACES", "REASON"],
        vec!["Untrusted", &name, short, "2", "bank,shop", "BecauseUntrusted"],
        vec!["Exempt", "registry.example.com/db:v1", "-", "4", "4", "BecauseExempt"],
    ];
    assert_eq!(lines, expected);
}

#[test]
fn colours_do_not_move_columns() {
    let found = running(&[said("a", None, "Trusted"), said("b", None, "Untrusted"), said("c", None, "Unknown"), said("d", None, "Exempt")]);
    let (plain, coloured) = (printed(&found, false), printed(&found, true));
    assert!(coloured.contains("\u{1b}[31mUntrusted\u{1b}[0m") && coloured.contains("\u{1b}[32mTrusted\u{1b}[0m"), "{coloured:?}");
    let codes = ["\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[2m", "\u{1b}[0m"];
    assert_eq!(codes.iter().fold(coloured, |text, code| text.replace(code, "")), plain);
}

/// Only the operator writes reports; a cluster that does not hold to that must not reach the terminal.
#[test]
fn nothing_in_a_report_reaches_the_terminal_as_a_command() {
    let hostile = "a\u{1b}]0;owned\u{7}\tb\nTrusted c\u{202e}d";
    let mut image = said(hostile, Some(&format!("sha256:\u{1b}[2J{hostile}")), "Untrusted");
    for field in ["reason", "policy", "rule", "message"] {
        image[field] = json!(hostile);
    }
    let found = found([report(hostile, hostile, &[image])]);
    let text = printed(&found, false);
    assert_eq!(text.lines().count(), 2, "{text}");
    let document = serde_json::to_string(&document(&found.inventory.rows(&[]))).unwrap();
    for text in [text.replace('\n', ""), document] {
        assert!(text.chars().all(|character| !character.is_control() && character != '\u{202e}'), "{text:?}");
        assert!(text.contains("u{1b}"), "{text}");
    }
}

#[test]
fn the_document_has_everything_unshortened() {
    let runs = digest("web");
    let found = running(&[said("web:v1", Some(&runs), "Untrusted"), said("web:v1", Some(&runs), "Untrusted"), said("db", None, "Trusted")]);
    let row = |status: &str, image: &str, digest: Option<&str>, pods: usize| -> Value {
        let reason = format!("Because{status}");
        json!({
            "status": status, "image": image, "digest": digest, "pods": pods, "namespaces": [{"name": "shop", "pods": pods}], "reasons": [reason],
            "verdicts": [{"policy": "bonafide-system/production", "rule": "all", "validator": null, "signers": [], "status": status,
                          "reason": reason, "message": "", "pods": pods}]
        })
    };
    let expected = json!({"images": [row("Untrusted", "web:v1", Some(&runs), 2), row("Trusted", "db", None, 1)]});
    assert_eq!(document(&found.inventory.rows(&[])), expected);
}
