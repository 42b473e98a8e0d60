//! Statuses: their names, which one is shown first, and which one counts in a pod.

use crate::crd::ImageStatus;

/// Every status, the worst first.
pub(super) const WORST_FIRST: [ImageStatus; 7] = [
    ImageStatus::Untrusted,
    ImageStatus::Revoked,
    ImageStatus::Unsupported,
    ImageStatus::Unknown,
    ImageStatus::Exempt,
    ImageStatus::Unmatched,
    ImageStatus::Trusted,
];

/// As it is written in a report.
pub(super) fn name(status: ImageStatus) -> &'static str {
    match status {
        ImageStatus::Trusted => "Trusted",
        ImageStatus::Untrusted => "Untrusted",
        ImageStatus::Unknown => "Unknown",
        ImageStatus::Unsupported => "Unsupported",
        ImageStatus::Revoked => "Revoked",
        ImageStatus::Exempt => "Exempt",
        ImageStatus::Unmatched => "Unmatched",
    }
}

/// The status of a name in any case.
pub(super) fn by_name(text: &str) -> Option<ImageStatus> {
    WORST_FIRST.into_iter().find(|status| name(*status).eq_ignore_ascii_case(text))
}

/// The place in the list; 0 is the worst.
pub(super) fn place(status: ImageStatus) -> usize {
    WORST_FIRST.iter().position(|other| *other == status).unwrap_or(WORST_FIRST.len())
}

/// What several policies say of one image in one pod, as the summary of a report counts it: an objection counts
/// before everything, and an image that one policy verified and another one exempts was verified.
pub(super) fn in_one_pod(one: ImageStatus, other: ImageStatus) -> ImageStatus {
    let key = |status| match status {
        ImageStatus::Unmatched => usize::MAX,
        ImageStatus::Exempt => usize::MAX - 1,
        status => place(status),
    };
    if key(one) <= key(other) { one } else { other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_place_and_reads_back() {
        for (at, status) in WORST_FIRST.into_iter().enumerate() {
            assert_eq!(place(status), at);
            assert_eq!(by_name(&name(status).to_lowercase()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), name(status));
        }
        assert_eq!(by_name("Trust"), None);
    }

    #[test]
    fn in_a_pod_an_objection_counts_before_trust_and_trust_before_exemption() {
        use ImageStatus::{Exempt, Trusted, Unknown, Unmatched, Untrusted};
        let counted = |statuses: &[ImageStatus]| statuses.iter().copied().reduce(in_one_pod).unwrap();
        assert_eq!(counted(&[Trusted, Untrusted, Unknown]), Untrusted);
        assert_eq!(counted(&[Trusted, Unknown]), Unknown);
        assert_eq!(counted(&[Exempt, Trusted, Unmatched]), Trusted);
        assert_eq!(counted(&[Unmatched, Exempt]), Exempt);
        assert_eq!(counted(&[Unmatched]), Unmatched);
    }
}
