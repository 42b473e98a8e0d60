//! The pods, each reduced at once to what is kept of it.

use std::pin::pin;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::watcher::Event;

use super::case::Sighting;
use super::listing::{self, Listing};
use super::{Term, now};
use crate::policy::ObjectName;

/// Tells the book what happens to pods.
pub(super) async fn watch(term: &Term, listing: Listing) {
    let mut events = pin!(listing::events::<Pod>(&term.client, &term.reach, listing));
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => take(term, event),
            Err(error) => tracing::warn!(error = %crate::chain(&error), "pods cannot be watched"),
        }
        term.wake();
    }
}

fn take(term: &Term, event: Event<Pod>) {
    let now = now();
    match event {
        Event::Init => term.book().list_pods(),
        Event::InitApply(pod) | Event::Apply(pod) => {
            // Read before the book is held; something that is not stored is no pod.
            if let Some(sighting) = Sighting::of(&pod) {
                term.book().pod(sighting, now);
            }
        }
        Event::Delete(pod) => {
            if let Some(name) = name(&pod) {
                term.book().pod_gone(&name, now.instant);
            }
        }
        Event::InitDone => {
            term.book().pods_listed(now.instant);
            // Already set when they are listed anew.
            let _ = term.pods_listed.set(());
        }
    }
}

fn name(pod: &Pod) -> Option<ObjectName> {
    Some(ObjectName::new(pod.metadata.namespace.clone()?, pod.metadata.name.clone()?))
}
