//! The `Verified` condition: one answer for the whole pod.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use crate::crd::{Condition, ImageStatus, VERIFIED, VerificationReport};
use crate::policy::Reason;

use super::Location;
use super::tally::{Counted, is_refused, must_be_verified};
use crate::text;

const MOST_MESSAGE: usize = 512;
const MOST_NAMED: usize = 8;

/// False when an image is refused, else Unknown when one could not be determined, else True.
///
/// The reason is that of the worst image; when nothing has to be verified `Exempt`, or `Unmatched` when no rule
/// exempts anything either.
pub(super) fn verified(images: &[Counted], left_out: usize, since: DateTime<Utc>) -> Condition {
    let (status, reason) = answer(images);
    let mut message = message(images);
    if left_out > 0 {
        // Writing to a String cannot fail.
        let _ = write!(message, "; {left_out} more results are not listed");
    }
    Condition {
        type_: VERIFIED.to_owned(),
        status: status.to_owned(),
        reason: reason.as_str().to_owned(),
        message: text::shown(&message, MOST_MESSAGE),
        last_transition_time: whole_seconds(since),
        observed_generation: None,
    }
}

/// The condition of a report.
pub(crate) fn verified_of(report: &VerificationReport) -> Option<&Condition> {
    report.status.as_ref()?.conditions.iter().find(|condition| condition.type_ == VERIFIED)
}

pub(super) fn answer(images: &[Counted]) -> (&'static str, Reason) {
    let reason = |keep: fn(ImageStatus) -> bool| images.iter().filter(|image| keep(image.status)).map(|image| image.reason).max();
    if let Some(reason) = reason(is_refused) {
        return ("False", reason);
    }
    if let Some(reason) = reason(|status| status == ImageStatus::Unknown) {
        return ("Unknown", reason);
    }
    let has = |status| images.iter().any(|image| image.status == status);
    let reason = match (has(ImageStatus::Trusted), has(ImageStatus::Exempt)) {
        (true, _) => Reason::Trusted,
        (false, true) => Reason::Exempt,
        (false, false) => Reason::Unmatched,
    };
    ("True", reason)
}

fn message(images: &[Counted]) -> String {
    let of = |keep: fn(ImageStatus) -> bool| images.iter().filter(|image| keep(image.status)).collect::<Vec<_>>();
    let verifiable = of(must_be_verified).len();
    let (refused, unknown) = (of(is_refused), of(|status| status == ImageStatus::Unknown));
    let mut parts = Vec::new();
    if !refused.is_empty() {
        let verb = if refused.len() == 1 { "is" } else { "are" };
        parts.push(format!("{} of {verifiable} images {verb} not trusted: {}", refused.len(), places(of_images(&refused))));
    }
    if !unknown.is_empty() {
        parts.push(format!("{} of {verifiable} images could not be determined: {}", unknown.len(), places(of_images(&unknown))));
    }
    if parts.is_empty() {
        parts.push(settled(verifiable, of(|status| status == ImageStatus::Exempt).len(), images.len()));
    }
    parts.join("; ")
}

/// Nothing is refused and nothing unknown.
fn settled(trusted: usize, exempt: usize, all: usize) -> String {
    let unmatched = all.saturating_sub(trusted).saturating_sub(exempt);
    let mut text = match trusted {
        0 => "no image has to be verified".to_owned(),
        1 => "1 of 1 images is trusted".to_owned(),
        n => format!("{n} of {n} images are trusted"),
    };
    if exempt > 0 {
        let _ = write!(text, ", {exempt} exempt by a rule");
    }
    if unmatched > 0 {
        let _ = write!(text, ", {unmatched} allowed without a rule");
    }
    text
}

/// The first of these places, in words.
pub(super) fn places<'a>(locations: impl IntoIterator<Item = &'a Location>) -> String {
    let all: Vec<_> = locations.into_iter().collect();
    let mut named = all.iter().take(MOST_NAMED).map(|location| location.in_words()).collect::<Vec<_>>().join(", ");
    if all.len() > MOST_NAMED {
        let _ = write!(named, " and {} more", all.len() - MOST_NAMED);
    }
    named
}

fn of_images<'a>(images: &'a [&Counted]) -> impl Iterator<Item = &'a Location> {
    images.iter().flat_map(|image| &image.group.locations)
}

/// Kubernetes stores whole seconds; anything finer would differ from what is read back.
pub(super) fn whole_seconds(now: DateTime<Utc>) -> Time {
    Time(Timestamp::from_second(now.timestamp()).unwrap_or_default())
}
