//! The stored reports: what is compared with what should be there, and whose pods are to be looked at again.

use std::sync::Arc;

use futures::{Stream, StreamExt, future};
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::reflector::{ObjectRef, store::Writer};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};

use super::{Term, pods};
use crate::controllers::Reach;
use crate::crd::VerificationReport;
use crate::policy::ObjectName;

/// Fills the store and names the pods whose report was deleted or changed by somebody else.
pub(super) fn watch(
    client: &Client,
    reach: &Reach,
    writer: Writer<VerificationReport>,
    term: Arc<Term>,
) -> impl Stream<Item = ObjectRef<Pod>> + use<> {
    watcher(reach.api::<VerificationReport>(client), watcher::Config::default().page_size(pods::PAGE))
        .default_backoff()
        .modify(|report| report.metadata.managed_fields = None)
        .reflect(writer)
        .filter_map(move |event| future::ready(event.map_or_else(|error| skip(&error), |event| pod_of(&event, &term))))
}

fn skip(error: &watcher::Error) -> Option<ObjectRef<Pod>> {
    tracing::warn!(error = %crate::chain(error), "reports cannot be watched");
    None
}

fn pod_of(event: &watcher::Event<VerificationReport>, term: &Term) -> Option<ObjectRef<Pod>> {
    let (report, gone) = match event {
        watcher::Event::Apply(report) | watcher::Event::InitApply(report) => (report, false),
        watcher::Event::Delete(report) => (report, true),
        watcher::Event::Init => return None,
        watcher::Event::InitDone => {
            // Already set when they are listed anew.
            let _ = term.reports_listed.set(());
            return None;
        }
    };
    let name = name(report)?;
    (gone || !term.memory.wrote(&name, report)).then(|| ObjectRef::new(&name.name).within(&name.namespace))
}

/// A report has the name of its pod.
pub(super) fn name(report: &VerificationReport) -> Option<ObjectName> {
    Some(ObjectName::new(report.namespace()?, report.metadata.name.clone()?))
}
