//! Counting: each image once, by its worst verdict over all policies.

use crate::crd::{ImageStatus, ReportedSummary};
use crate::policy::Reason;

use super::status::severity;
use super::{ImageGroup, JudgedImage};

/// An image with its worst verdict.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Counted {
    pub(super) group: ImageGroup,
    pub(super) status: ImageStatus,
    /// Of several equally bad verdicts the reason furthest down the closed list: it says most.
    pub(super) reason: Reason,
}

impl Counted {
    /// Nothing for an image that no policy judges.
    pub(super) fn of(image: &JudgedImage) -> Option<Self> {
        let verdicts = image.judgements.iter().map(|judgement| (judgement.verdict.status(), judgement.verdict.reason()));
        let (status, reason) = verdicts.max_by_key(|(status, reason)| (severity(*status), *reason))?;
        Some(Self { group: image.group.clone(), status, reason })
    }

    /// The same image in another pod: the worse verdict counts, and all places.
    pub(super) fn join(&mut self, other: &Self) {
        if (severity(other.status), other.reason) > (severity(self.status), self.reason) {
            (self.status, self.reason) = (other.status, other.reason);
        }
        for location in &other.group.locations {
            if !self.group.locations.contains(location) {
                self.group.locations.push(location.clone());
            }
        }
    }
}

/// Whether some policy demands more of such an image than a name.
pub(super) fn must_be_verified(status: ImageStatus) -> bool {
    !matches!(status, ImageStatus::Exempt | ImageStatus::Unmatched)
}

/// Whether it is known that such an image may not run.
pub(super) fn is_refused(status: ImageStatus) -> bool {
    matches!(status, ImageStatus::Untrusted | ImageStatus::Unsupported | ImageStatus::Revoked)
}

/// The columns of the report.
pub(super) fn summary(images: &[Counted]) -> ReportedSummary {
    let count = |status| number(images.iter().filter(|image| image.status == status).count());
    let trusted = count(ImageStatus::Trusted);
    let verifiable = images.iter().filter(|image| must_be_verified(image.status)).count();
    ReportedSummary {
        ratio: format!("{trusted}/{verifiable}"),
        trusted,
        untrusted: count(ImageStatus::Untrusted),
        unknown: count(ImageStatus::Unknown),
        unsupported: count(ImageStatus::Unsupported),
        revoked: count(ImageStatus::Revoked),
        exempt: count(ImageStatus::Exempt),
        unmatched: count(ImageStatus::Unmatched),
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
