//! The second output: the same content as Reports of openreports.io, where people want it and the kind is installed.
//!
//! Boundary: what is written comes from `report`; nothing is read back. Invariant: only Reports with our label and name are
//! touched, and what cannot be written holds up no report of ours.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_kind};
use kube::{Api, ResourceExt};
use tokio::time::Instant;

use super::mirrors::Mirror;
use super::queue::Name;
use super::{Term, now};
use crate::crd::VerificationReport;
use crate::policy::ObjectName;
use crate::report::{MANAGED_BY, US, open_report, open_reports};

const FIELD_MANAGER: &str = "bonafide";
/// The kind may be installed, or permitted, later.
const LOOK: Duration = Duration::from_mins(1);
/// Until something that could not be written is tried again.
const RETRY: Duration = Duration::from_mins(1);

/// Follows the Reports for as long as they can be, and looks for them again where they cannot.
pub(super) async fn watch(term: &Term) {
    let (mut told, mut settings) = (false, term.settings.clone());
    loop {
        // Where nobody wants them nothing is asked: without the role each look would be a warning in the log.
        if settings.wait_for(|settings| settings.reports.open_reports).await.is_err() {
            return;
        }
        let error = follow(term).await;
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(error = %crate::chain(&error), "Reports of openreports.io are wanted, and cannot be watched");
        }
        tokio::select! {
            Ok(()) = settings.changed() => told = false,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn follow(term: &Term) -> watcher::Error {
    let api = term.reach.untyped_metadata(&term.client, &open_reports());
    let ours = watcher::Config::default().labels(&format!("{MANAGED_BY}={US}"));
    let mut events = pin!(watch_kind(api, ours).default_backoff());
    loop {
        let again = match events.next().await {
            Some(Ok(event)) => take(term, &event),
            // Back-off is for servers that are away; this one has said that there is nothing to watch.
            Some(Err(error)) if is_refusal(&error) => return error,
            Some(Err(error)) => {
                tracing::debug!(error = %crate::chain(&error), "Reports of openreports.io cannot be watched");
                None
            }
            None => return watcher::Error::NoResourceVersion,
        };
        if let Some(report) = again {
            term.book().writes.push(&report, Instant::now());
        }
        term.wake();
    }
}

fn is_refusal(error: &watcher::Error) -> bool {
    let (watcher::Error::InitialListFailed(kube::Error::Api(status)) | watcher::Error::WatchStartFailed(kube::Error::Api(status))) = error
    else {
        return false;
    };
    status.is_not_found() || status.is_forbidden()
}

/// The report whose content is to be written again.
fn take(term: &Term, event: &Event<PartialObjectMeta<DynamicObject>>) -> Option<Name> {
    let name = |object: &PartialObjectMeta<DynamicObject>| Some(ObjectName::new(object.namespace()?, object.name_any()));
    let mut mirrors = term.mirrors();
    match event {
        Event::Init => None,
        Event::InitApply(object) | Event::Apply(object) => mirrors.seen(name(object)?, &object.resource_version()?),
        Event::Delete(object) => mirrors.gone(&name(object)?),
        Event::InitDone => {
            drop(mirrors);
            // The kind is there now: everything is to be written.
            let first = !term.has_open_reports.swap(true, std::sync::atomic::Ordering::Relaxed);
            if first && term.settings().reports.open_reports {
                term.book().write_all(Instant::now());
            }
            None
        }
    }
}

/// Makes the Report with the content of the report of this name what it should be.
pub(super) async fn mirror(term: &Term, name: &Name, report: Option<&VerificationReport>) {
    if !term.has_open_reports.load(std::sync::atomic::Ordering::Relaxed) {
        return;
    }
    let wanted = report.filter(|_| term.settings().reports.open_reports).and_then(open_report);
    let known = term.mirrors().get(name).cloned();
    if let Err(error) = change(term, name, known, wanted).await {
        tracing::warn!(%name, error = %crate::chain(&error), "a Report of openreports.io could not be written");
        term.book().writes.push_at(name, now().instant + RETRY);
    }
}

async fn change(term: &Term, name: &Name, known: Option<Mirror>, wanted: Option<DynamicObject>) -> kube::Result<()> {
    let fingerprint = wanted.as_ref().map(fingerprint);
    let is_same = |known: &Mirror| wanted.as_ref().is_some_and(|wanted| wanted.name_any() == known.object.name);
    if let Some(known) = &known {
        if is_same(known) && Some(known.fingerprint) == fingerprint {
            return Ok(());
        }
        if !is_same(known) {
            delete(term, &known.object).await?;
            term.mirrors().removed(name);
        }
    }
    let (Some(wanted), Some(fingerprint)) = (wanted, fingerprint) else { return Ok(()) };
    term.turn().await;
    let api = Api::<DynamicObject>::namespaced_with(term.client.clone(), &name.namespace, &open_reports());
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let stored = api.patch(&wanted.name_any(), &params, &Patch::Apply(&wanted)).await?;
    let object = ObjectName::new(name.namespace.clone(), wanted.name_any());
    let version = stored.resource_version().unwrap_or_default();
    term.mirrors().written(name, Mirror { object, fingerprint, version });
    Ok(())
}

async fn delete(term: &Term, object: &ObjectName) -> kube::Result<()> {
    term.turn().await;
    let api = Api::<DynamicObject>::namespaced_with(term.client.clone(), &object.namespace, &open_reports());
    match api.delete(&object.name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        other => other.map(drop),
    }
}

/// Removes Reports that nothing stands behind, when every pod was looked at and nothing waits to be written.
pub(super) async fn sweep(term: &Term) {
    let is_settled = {
        let book = term.book();
        !book.writes.is_busy() && book.looked_at().1 == 0
    };
    let strays = if is_settled { term.mirrors().take_strays() } else { vec![] };
    for object in strays {
        if let Err(error) = delete(term, &object).await {
            tracing::warn!(%object, error = %crate::chain(&error), "a Report of openreports.io could not be deleted");
        }
    }
}

fn fingerprint(object: &DynamicObject) -> u64 {
    let mut hasher = DefaultHasher::new();
    object.data.to_string().hash(&mut hasher);
    hasher.finish()
}
