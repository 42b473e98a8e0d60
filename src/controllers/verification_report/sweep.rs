//! What no event brings about: reports without pod and owner, and memories of pods that are gone.

use std::sync::Arc;
use std::time::Duration;

use kube::Api;
use kube::runtime::reflector::ObjectRef;
use tokio::time::{MissedTickBehavior, interval};

use super::{Term, change, reports, write};
use crate::policy::ObjectName;

const EVERY: Duration = Duration::from_mins(1);

/// Sweeps every minute, once both stores are listed.
pub(super) async fn run(term: Arc<Term>) {
    term.pods_listed.wait().await;
    term.reports_listed.wait().await;
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        sweep(&term).await;
    }
}

async fn sweep(term: &Term) {
    term.memory.keep(|pod| exists(term, pod));
    term.shared.sweep();
    for report in term.reports.state() {
        let Some(name) = reports::name(&report) else { continue };
        // With a pod as owner the garbage collector removes it.
        if exists(term, &name) || !change::is_orphan(&report) {
            continue;
        }
        let api = Api::namespaced(term.client.clone(), &name.namespace);
        if let Err(error) = write::delete(&api, Some(&report)).await {
            tracing::warn!(%name, error = %crate::chain(&error), "a report without a pod could not be deleted");
        }
    }
}

fn exists(term: &Term, pod: &ObjectName) -> bool {
    term.pods.get(&ObjectRef::new(&pod.name).within(&pod.namespace)).is_some()
}
