//! The statuses of images: their names, and which one counts of several.

use crate::crd::ImageStatus;

/// Every status.
pub(crate) const ALL: [ImageStatus; 7] = [
    ImageStatus::Trusted,
    ImageStatus::Untrusted,
    ImageStatus::Unknown,
    ImageStatus::Unsupported,
    ImageStatus::Revoked,
    ImageStatus::Exempt,
    ImageStatus::Unmatched,
];

/// As it is written in a report.
pub(crate) fn name(status: ImageStatus) -> &'static str {
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

/// How bad a status is; of several verdicts on one image the worst counts. An image that one policy verified and
/// another one exempts is trusted: it was verified.
pub(crate) fn severity(status: ImageStatus) -> u8 {
    match status {
        ImageStatus::Unmatched => 0,
        ImageStatus::Exempt => 1,
        ImageStatus::Trusted => 2,
        ImageStatus::Unknown => 3,
        ImageStatus::Unsupported => 4,
        ImageStatus::Untrusted => 5,
        ImageStatus::Revoked => 6,
    }
}

/// The one that counts.
pub(crate) fn worse(one: ImageStatus, other: ImageStatus) -> ImageStatus {
    if severity(one) >= severity(other) { one } else { other }
}
