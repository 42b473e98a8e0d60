//! The reports that are stored: as a watch tells, and as our own writes were answered.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::super::pace;
use super::super::queue::Name;
use super::super::stored::Stored;
use super::Book;
use crate::policy::ObjectName;

/// Another writer was faster; by then its report has been seen.
const CONFLICT_RETRY: Duration = Duration::from_secs(1);

impl Book {
    /// A list of reports begins.
    pub(in super::super) fn list_reports(&mut self) {
        self.reports_list.number = self.reports_list.number.wrapping_add(1);
    }

    /// It is complete: reports that were not in it are gone.
    pub(in super::super) fn reports_listed(&mut self, now: Instant) {
        let number = self.reports_list.number;
        let gone: Vec<_> = self.reports.iter().filter(|(_, stored)| stored.seen != number).map(|(name, _)| name.clone()).collect();
        for name in gone {
            self.report_gone(&name, now);
        }
        self.reports.shrink_to_fit();
        if !std::mem::replace(&mut self.reports_list.complete, true) && self.pods_list.complete {
            self.write_unclaimed(now);
        }
    }

    /// A report is there, or has changed: unless it is as it was written last, what it should say is looked at.
    pub(in super::super) fn report(&mut self, name: ObjectName, stored: Stored, now: Instant) {
        let name = self.shared_name(name);
        let is_ours = self.standing(&name).is_some_and(|standing| standing.written == Some(stored.fingerprint));
        self.remember(&name, stored);
        if !is_ours && self.reports_list.complete {
            self.writes.push(&name, now);
        }
    }

    /// A report was deleted.
    pub(in super::super) fn report_gone(&mut self, name: &ObjectName, now: Instant) {
        let Some((name, _)) = self.reports.remove_entry(name) else { return };
        if self.reports_list.complete {
            self.writes.push(&name, now);
        }
    }

    fn shared_name(&self, name: ObjectName) -> Name {
        let of_pod = self.pods.get_key_value(&name).map(|(name, _)| name);
        let of_report = || self.reports.get_key_value(&name).map(|(name, _)| name);
        of_pod.or_else(of_report).cloned().unwrap_or_else(|| Arc::new(name))
    }

    fn remember(&mut self, name: &Name, stored: Stored) {
        let seen = self.reports_list.number;
        self.reports.insert(name.clone(), Stored { seen, ..stored });
    }

    /// What is known of a stored report.
    pub(in super::super) fn stored(&self, name: &Name) -> Option<&Stored> {
        self.reports.get(name)
    }

    /// A report with this content is about to be written, or is there: its echo in the watch is no news.
    pub(in super::super) fn expects(&mut self, name: &Name, fingerprint: u64) {
        if let Some(standing) = self.standing(name) {
            standing.written = Some(fingerprint);
        }
    }

    /// The API server took it, and answered what it stores; nothing when it removed it.
    pub(in super::super) fn written(&mut self, name: &Name, stored: Option<Stored>) {
        match stored {
            Some(stored) => self.remember(name, stored),
            None => drop(self.reports.remove(name)),
        }
        if let Some(standing) = self.standing(name) {
            standing.failures = 0;
        }
    }

    /// The API server did not take it: it is tried again, later each time.
    pub(in super::super) fn not_written(&mut self, name: &Name, is_conflict: bool, now: Instant, roll: f64) {
        let after = if is_conflict {
            CONFLICT_RETRY
        } else {
            let failures = self.standing(name).map_or(1, |standing| {
                standing.failures = standing.failures.saturating_add(1);
                standing.failures
            });
            pace::retry(failures, roll)
        };
        self.writes.push_at(name, now + after);
    }
}
