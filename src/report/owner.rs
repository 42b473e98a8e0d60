//! The controller that made a pod, and the name of the report on all that it made.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use k8s_openapi::api::core::v1::Pod;

use super::Workload;

/// Characters of a kind, and of a name, in the name of a report; with the hash less than the 253 of a name.
const MOST_KIND: usize = 63;
const MOST_NAME: usize = 170;
/// Bytes of the hash, twice as many characters.
const HASH: usize = 5;

/// The controller that made a pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// Its group and version.
    pub api_version: String,
    /// Its kind and name.
    pub workload: Workload,
    /// Its uid.
    pub uid: String,
}

impl Owner {
    /// The controller of a pod, if one made it.
    pub fn of(pod: &Pod) -> Option<Self> {
        let owner = pod.metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))?;
        let workload = Workload { kind: owner.kind.clone(), name: owner.name.clone() };
        Some(Self { api_version: owner.api_version.clone(), workload, uid: owner.uid.clone() })
    }

    /// `KIND-NAME-HASH`, a valid name whatever the controller is called; another controller of that name has another one.
    pub fn report_name(&self) -> String {
        let Self { api_version, workload: Workload { kind, name }, uid } = self;
        let kind = Some(plain(kind, MOST_KIND)).filter(|kind| !kind.is_empty()).unwrap_or_else(|| "workload".to_owned());
        let mut report = format!("{kind}-{}-", plain(name, MOST_NAME));
        let hash = digest(&SHA256, [api_version.as_str(), &workload_key(&self.workload), uid].join("\n").as_bytes());
        for byte in hash.as_ref().iter().take(HASH) {
            // Writing to a String cannot fail.
            let _ = write!(report, "{byte:02x}");
        }
        report
    }
}

fn workload_key(workload: &Workload) -> String {
    format!("{}\n{}", workload.kind, workload.name)
}

/// Lower case letters, digits and hyphens inside.
fn plain(text: &str, most: usize) -> String {
    let mapped: String =
        text.chars().map(|c| c.to_ascii_lowercase()).map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(most).collect();
    mapped.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(kind: &str, name: &str, uid: &str) -> Owner {
        let workload = Workload { kind: kind.to_owned(), name: name.to_owned() };
        Owner { api_version: "apps/v1".to_owned(), workload, uid: uid.to_owned() }
    }

    #[test]
    fn a_report_on_a_workload_is_named_after_it() {
        let name = owner("ReplicaSet", "web-7d9f", "u1").report_name();
        assert!(name.starts_with("replicaset-web-7d9f-"), "{name}");
        assert_ne!(name, owner("ReplicaSet", "web-7d9f", "u2").report_name());
        assert_eq!(name, owner("ReplicaSet", "web-7d9f", "u1").report_name());
    }

    #[test]
    fn the_name_is_valid_whatever_a_workload_is_called() {
        let long = "X".repeat(1_000);
        for (kind, name) in [("Job", "a.b-.-c"), ("", ""), ("Über", "-ä-"), (long.as_str(), long.as_str()), ("-", "..")] {
            let name = owner(kind, name, "u").report_name();
            let is_plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
            let ends = name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.ends_with(|c: char| c.is_ascii_alphanumeric());
            assert!(is_plain && ends && name.len() <= 253, "{name}");
        }
    }
}
