//! What one wants to see when a test in a namespace has failed.

use std::fmt::Write as _;

use crate::install::OPERATOR_NAMESPACE;
use crate::kubectl::Kubectl;

const KINDS: &str = "pods,replicasets,imagepolicies.bonafide.dev,validators.bonafide.dev,trustroots.bonafide.dev,\
                     verificationreports.bonafide.dev";

/// Pods, policies, reports and events of a namespace, the policies of the cluster, and the webhook configurations.
///
/// Never fails: what cannot be had is said in its place.
pub(crate) fn dump(kubectl: &Kubectl, namespace: &str) -> String {
    let mut text = String::new();
    section(&mut text, kubectl, &["get", KINDS, "-o", "yaml", "--show-managed-fields=false", "-n", namespace]);
    section(&mut text, kubectl, &["get", "events", "--sort-by=.lastTimestamp", "-n", namespace]);
    section(&mut text, kubectl, &["get", KINDS, "-o", "wide", "-n", OPERATOR_NAMESPACE]);
    section(&mut text, kubectl, &["get", "mutatingwebhookconfigurations,validatingwebhookconfigurations"]);
    text
}

fn section(text: &mut String, kubectl: &Kubectl, arguments: &[&str]) {
    let answer = kubectl.run(arguments).unwrap_or_else(|error| format!("{error:#}"));
    // Writing to a String does not fail.
    let _ = writeln!(text, "--- kubectl {}\n{}", arguments.join(" "), answer.trim_end());
}
