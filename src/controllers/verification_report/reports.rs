//! The stored reports: what is compared with what should be there, and which are to be looked at again.

use std::pin::pin;

use futures::StreamExt;
use kube::runtime::watcher::Event;

use super::listing::{self, Listing};
use super::stored::Stored;
use super::{Term, now};
use crate::crd::VerificationReport;
use crate::policy::ObjectName;

/// Tells the book what happens to reports.
pub(super) async fn watch(term: &Term, listing: Listing) {
    let mut events = pin!(listing::events::<VerificationReport>(&term.client, &term.reach, listing));
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => take(term, &event),
            Err(error) => tracing::warn!(error = %crate::chain(&error), "reports cannot be watched"),
        }
        term.wake();
    }
}

fn take(term: &Term, event: &Event<VerificationReport>) {
    let now = now().instant;
    match event {
        Event::Init => term.book().list_reports(),
        Event::InitApply(report) | Event::Apply(report) => {
            if let (Some(name), Some(stored)) = (name(report), Stored::of(report)) {
                term.book().report(name, stored, now);
            }
        }
        Event::Delete(report) => {
            if let Some(name) = name(report) {
                term.book().report_gone(&name, now);
            }
        }
        Event::InitDone => {
            term.book().reports_listed(now);
            // Already set when they are listed anew.
            let _ = term.reports_listed.set(());
        }
    }
}

fn name(report: &VerificationReport) -> Option<ObjectName> {
    Some(ObjectName::new(report.metadata.namespace.clone()?, report.metadata.name.clone()?))
}
