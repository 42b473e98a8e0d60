//! What the demo prints: headings, the commands a user would type, and their real output.

use std::path::Path;
use std::process::Output;

use anyhow::{Result, ensure};
use testbed::Kubectl;

/// A part of the story.
pub(super) fn heading(text: &str) {
    println!("\n== {text}");
}

/// A fact beside the commands.
pub(super) fn explain(text: &str) {
    println!("   {text}");
}

/// Writes a file that is about to be used, shows it, and answers its path.
pub(super) fn show_file(directory: &Path, name: &str, text: &str) -> Result<String> {
    let path = directory.join(name);
    std::fs::write(&path, text)?;
    let path = path.display().to_string();
    println!("$ cat {path}");
    for line in text.trim_end().lines() {
        println!("  {line}");
    }
    Ok(path)
}

/// A command that is run by other means.
pub(super) fn show_command(line: &str) {
    println!("$ {line}");
}

/// Shows a command, runs it, shows its output, and insists that it succeeds.
pub(super) fn kubectl(kubectl: &Kubectl, arguments: &[&str]) -> Result<()> {
    let output = narrate(kubectl, arguments)?;
    ensure!(output.status.success(), "kubectl {} failed", shell(arguments));
    Ok(())
}

/// Shows a command, runs it, shows its output, and insists that the API server refuses with a word of ours.
pub(super) fn kubectl_refused(kubectl: &Kubectl, arguments: &[&str], reason: &str) -> Result<()> {
    let output = narrate(kubectl, arguments)?;
    ensure!(!output.status.success(), "kubectl {} was not refused", shell(arguments));
    let message = String::from_utf8_lossy(&output.stderr);
    ensure!(message.contains(reason), "the refusal does not say {reason}");
    Ok(())
}

fn narrate(kubectl: &Kubectl, arguments: &[&str]) -> Result<Output> {
    show_command(&format!("kubectl {}", shell(arguments)));
    let output = kubectl.output(arguments, "")?;
    for part in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(part);
        if !text.trim().is_empty() {
            println!("{}", text.trim_end());
        }
    }
    Ok(output)
}

/// Arguments as one types them.
fn shell(arguments: &[&str]) -> String {
    let quoted = arguments.iter().map(|argument| {
        let plain = argument.chars().all(|c| c.is_ascii_alphanumeric() || "-_=./:,@".contains(c));
        if plain && !argument.is_empty() { (*argument).to_owned() } else { format!("'{argument}'") }
    });
    quoted.collect::<Vec<_>>().join(" ")
}
