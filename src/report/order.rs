//! Statuses: which one is shown first, and reading their names.

use super::status::name;
use crate::crd::ImageStatus;

/// Every status, the worst first.
pub(crate) const WORST_FIRST: [ImageStatus; 7] = [
    ImageStatus::Untrusted,
    ImageStatus::Revoked,
    ImageStatus::Unsupported,
    ImageStatus::Unknown,
    ImageStatus::Exempt,
    ImageStatus::Unmatched,
    ImageStatus::Trusted,
];

/// The status of a name in any case.
pub(crate) fn by_name(text: &str) -> Option<ImageStatus> {
    WORST_FIRST.into_iter().find(|status| name(*status).eq_ignore_ascii_case(text))
}

/// The place in the list; 0 is the worst.
pub(crate) fn place(status: ImageStatus) -> usize {
    WORST_FIRST.iter().position(|other| *other == status).unwrap_or(WORST_FIRST.len())
}

/// The one that is shown of an image for which pods, or namespaces, have several.
pub(crate) fn worse(one: ImageStatus, other: ImageStatus) -> ImageStatus {
    if place(one) <= place(other) { one } else { other }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::worse;

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
        let counted = |statuses: &[ImageStatus]| statuses.iter().copied().reduce(worse).unwrap();
        assert_eq!(counted(&[Trusted, Untrusted, Unknown]), Untrusted);
        assert_eq!(counted(&[Trusted, Unknown]), Unknown);
        assert_eq!(counted(&[Exempt, Trusted, Unmatched]), Trusted);
        assert_eq!(counted(&[Unmatched, Exempt]), Exempt);
        assert_eq!(counted(&[Unmatched]), Unmatched);
    }
}
