//! The generic body: everything that is known, for machines. Its fields are documented and only ever added to.

use serde_json::{Value, json};

use super::super::queue::Load;

/// Of the body's shape.
const VERSION: &str = "1";

pub(super) fn body(cluster: Option<&str>, load: &Load) -> Value {
    let alerts: Vec<&_> = load.alerts.iter().map(AsRef::as_ref).collect::<Vec<_>>();
    json!({"version": VERSION, "cluster": cluster, "alerts": alerts, "missed": load.missed})
}
