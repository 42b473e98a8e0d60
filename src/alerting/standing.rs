//! What is still so: pods that are not verified, told again and again to those who forget, and closed for those who do not.
//!
//! ```text
//! leader, every minute ── remind ──> Alertmanager: each of them again, before it takes it for resolved
//!                                    Opsgenie: what it was told of a pod that is gone is closed
//! ```
//!
//! Invariant: nothing is closed because of a list that is not whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::Alert;
use super::queue::closes;
use crate::settings::{Occasion, Receiver, Service};

/// Alerts that are remembered for one receiver; beyond them nothing is ended.
const MOST_OPEN: usize = 5000;

/// What a receiver was told and has not been told the end of, by subject.
#[derive(Debug, Default)]
pub(super) struct Open(BTreeMap<String, Arc<Alert>>);

impl Open {
    /// These were taken.
    pub(super) fn learn(&mut self, alerts: &[Arc<Alert>]) {
        for alert in alerts.iter().filter(|alert| alert.occasion == Occasion::Changed) {
            if closes(alert) {
                self.0.remove(&alert.subject());
            } else if self.0.len() < MOST_OPEN {
                self.0.insert(alert.subject(), alert.clone());
            }
        }
    }

    /// What is to be told again: in the words of the first time, where they are known.
    pub(super) fn again(&self, receiver: &Receiver, standing: &[Arc<Alert>]) -> Vec<Arc<Alert>> {
        let heard = standing.iter().filter(|alert| receiver.hears(alert.occasion, &alert.namespace));
        heard.map(|alert| self.0.get(&alert.subject()).unwrap_or(alert).clone()).collect()
    }

    /// The ends of what stands no more; told before `by`, so that nothing is ended that began after the list was made.
    pub(super) fn over(&self, standing: &[Arc<Alert>], by: DateTime<Utc>) -> Vec<Alert> {
        let still: BTreeSet<String> = standing.iter().map(|alert| alert.subject()).collect();
        let gone = self.0.iter().filter(|(subject, alert)| !still.contains(*subject) && alert.time < by);
        gone.map(|(_, alert)| ended(alert)).collect()
    }
}

/// Whether a receiver takes what it is not told again for over.
pub(super) fn forgets(service: &Service) -> bool {
    matches!(service, Service::Alertmanager { .. })
}

/// Whether it keeps what it was told until it is told the end.
pub(super) fn keeps(service: &Service) -> bool {
    matches!(service, Service::Opsgenie { .. })
}

fn ended(alert: &Alert) -> Alert {
    let message = "The pod is gone, or nothing has to be verified any more.".to_owned();
    Alert { good: true, message, images: vec![], more_images: 0, ..alert.clone() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use crate::alerting::tests::{changed, refused};
    use crate::settings::Settings;

    /// Found out by somebody who does not know in what words it was told.
    fn standing(name: &str) -> Arc<Alert> {
        Arc::new(Alert { reason: "Other".to_owned(), ..changed(name, false) })
    }

    fn open(alerts: impl IntoIterator<Item = Alert>) -> Open {
        let mut open = Open::default();
        open.learn(&alerts.into_iter().map(Arc::new).collect::<Vec<_>>());
        open
    }

    fn receiver() -> Arc<Receiver> {
        let text =
            "alerting: {receivers: [{name: a, on: [Changed], namespaces: {include: [shop]}, webhook: {url: 'https://a.example.com'}}]}";
        Settings::parse(text).unwrap().alerting.receivers[0].clone()
    }

    #[test]
    fn what_still_is_so_is_told_again_in_the_words_of_the_first_time_where_they_are_known() {
        let open = open([changed("web", false), refused("stranger")]);
        let elsewhere = Arc::new(Alert { namespace: "bank".to_owned(), ..changed("vault", false) });
        let again = open.again(&receiver(), &[standing("web"), standing("job"), elsewhere]);
        let told: Vec<_> = again.iter().map(|alert| (alert.name.as_str(), alert.reason.as_str())).collect();
        assert_eq!(told, [("web", "NoSignature"), ("job", "Other")]);
    }

    #[test]
    fn what_is_over_is_ended_once_and_what_began_later_is_not() {
        let mut open = open([changed("web", false), changed("job", false), changed("back", false), changed("back", true)]);
        let later = DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(1);
        let over = open.over(&[standing("job")], later);
        let told: Vec<_> = over.iter().map(|alert| (alert.name.as_str(), alert.good)).collect();
        assert_eq!(told, [("web", true)]);
        assert_eq!(over[0].subject(), changed("web", false).subject());
        assert!(open.over(&[standing("job")], DateTime::UNIX_EPOCH).is_empty());
        open.learn(&over.into_iter().map(Arc::new).collect::<Vec<_>>());
        assert!(open.over(&[standing("job")], later).is_empty());
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let open = open((0..MOST_OPEN + 10).map(|number| changed(&format!("web-{number}"), false)));
        assert_eq!(open.0.len(), MOST_OPEN);
    }
}
