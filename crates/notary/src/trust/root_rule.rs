//! Which keys of the root role count (specification, section 3a, root validation, and section 3b, steps 1 and 2).

use chrono::{DateTime, TimeDelta, Utc};

use super::anchors::Anchors;
use super::common_name::{Naming, naming};
use crate::key::{Certificate, ListedKey};
use crate::name::Gun;

/// How far the clock of whoever made a certificate may be ahead; the reference client allows the same.
const CLOCK_SKEW: TimeDelta = TimeDelta::days(1);

/// The rule for one repository, one set of anchors and one moment.
#[derive(Clone, Copy)]
pub(crate) struct RootRule<'a> {
    pub(crate) gun: &'a Gun,
    pub(crate) anchors: &'a Anchors,
    pub(crate) now: DateTime<Utc>,
}

impl RootRule<'_> {
    /// Whether signatures of the key count at all: it stands in a certificate for this repository. Old roots are judged
    /// by this, so the expiry of the certificate does not matter here.
    pub(crate) fn counts(&self, key: &ListedKey) -> bool {
        key.certificate.as_ref().is_some_and(|certificate| certificate.is_root_leaf && self.is_named_by(certificate, key))
    }

    /// The same, and the certificate is valid now.
    pub(crate) fn counts_now(&self, key: &ListedKey) -> bool {
        let valid = |it: &Certificate| it.not_before <= self.now + CLOCK_SKEW && self.now <= it.not_after;
        self.counts(key) && key.certificate.as_ref().is_some_and(valid)
    }

    /// A certificate for all repositories is one for this repository only when the key in it is pinned.
    fn is_named_by(&self, certificate: &Certificate, key: &ListedKey) -> bool {
        match certificate.common_name.as_deref().map(|name| naming(name, self.gun)) {
            Some(Naming::Names) => true,
            Some(Naming::Anything) => self.anchors.pin(key),
            Some(Naming::Another) | None => false,
        }
    }
}
