//! What came out for an image, and what it means for the object that wants to run it.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use oci::{Digest, Reference, ReferenceError};

use super::{Fault, Refusal};
use crate::crd::{ImageStatus, Mode, Pin};
use crate::index::CompiledPolicy;
use crate::policy::{ObjectName, Reason};

/// What one policy says about one image.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Every signature that is needed was verified on this digest.
    Trusted(Evidence),
    /// An Allow rule lets it run unverified.
    Exempt {
        /// Why, as the rule says.
        reason: Option<String>,
    },
    /// No rule matches, and the policy allows that.
    Unmatched,
    /// We looked, and it is not trusted.
    Refused(Refusal),
    /// We could not find out.
    Fault(Fault),
}

/// What a trusted verdict rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The digest that was verified.
    pub digest: Digest,
    /// The validators whose requirements were met.
    pub validators: Vec<ObjectName>,
    /// Whose signatures were verified; never empty.
    pub signers: Vec<Signer>,
    /// Until when it holds, whatever happens; absent when it has no end of its own.
    pub expires: Option<DateTime<Utc>>,
}

/// One verified signer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signer {
    /// The trust root.
    pub root: ObjectName,
    /// The name of its key; of trust data, the role that signed.
    pub key: String,
}

/// One policy's verdict on one image.
#[derive(Clone, Debug)]
pub struct PolicyResult {
    /// The policy.
    pub policy: Arc<CompiledPolicy>,
    /// The rule that decided; absent when none matched.
    pub rule: Option<String>,
    /// Whether that rule demands verification.
    pub verifies: bool,
    /// The validators that were asked.
    pub validators: Vec<ObjectName>,
    /// What came out.
    pub verdict: Verdict,
    /// The outage during which the last verdict stands in for one that could be found out now.
    pub outage: Option<Fault>,
}

/// Every policy's verdict on one image.
#[derive(Clone, Debug)]
pub struct ImageDecision {
    /// The image as it is written.
    pub image: String,
    /// The image as it is read.
    pub reference: Result<Reference, ReferenceError>,
    /// One result per applicable policy, in the order of the snapshot.
    pub results: Vec<PolicyResult>,
}

impl Verdict {
    /// In the words of reports and alerts.
    pub fn status(&self) -> ImageStatus {
        match self {
            Self::Trusted(_) => ImageStatus::Trusted,
            Self::Exempt { .. } => ImageStatus::Exempt,
            Self::Unmatched => ImageStatus::Unmatched,
            Self::Refused(_) => ImageStatus::Untrusted,
            Self::Fault(_) => ImageStatus::Unknown,
        }
    }

    /// Whether the policy has no objection.
    pub fn accepts(&self) -> bool {
        matches!(self, Self::Trusted(_) | Self::Exempt { .. } | Self::Unmatched)
    }

    /// Of several objections the one that decides: the first refusal, for then it is known; else the first fault.
    pub fn decisive<'a>(objections: impl Iterator<Item = &'a Self>) -> Option<&'a Self> {
        let mut fault = None;
        for objection in objections {
            if matches!(objection, Self::Refused(_)) {
                return Some(objection);
            }
            fault.get_or_insert(objection);
        }
        fault
    }

    /// The reason in the closed list.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Trusted(_) => Reason::Trusted,
            Self::Exempt { .. } => Reason::Exempt,
            Self::Unmatched => Reason::Unmatched,
            Self::Refused(refusal) => refusal.reason(),
            Self::Fault(fault) => fault.reason(),
        }
    }

    /// The digest that was verified.
    pub fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Trusted(evidence) => Some(&evidence.digest),
            _ => None,
        }
    }

    /// Why, for people; empty for what needs no explanation.
    pub fn message(&self) -> String {
        match self {
            Self::Trusted(_) | Self::Unmatched | Self::Exempt { reason: None } => String::new(),
            Self::Exempt { reason: Some(reason) } => reason.clone(),
            Self::Refused(refusal) => refusal.to_string(),
            Self::Fault(fault) => fault.to_string(),
        }
    }
}

impl ImageDecision {
    /// Results of policies with this mode.
    pub fn of_mode(&self, mode: Mode) -> impl Iterator<Item = &PolicyResult> {
        self.results.iter().filter(move |result| result.policy.mode == mode)
    }

    /// What the policies that enforce object to.
    pub fn objections(&self) -> impl Iterator<Item = &Verdict> {
        self.of_mode(Mode::Enforce).map(|result| &result.verdict).filter(|verdict| !verdict.accepts())
    }

    /// Whether some policy that enforces objects.
    pub fn is_refused(&self) -> bool {
        self.objections().next().is_some()
    }

    /// The one digest that the policies which enforce have verified.
    pub fn digest(&self) -> Option<&Digest> {
        self.of_mode(Mode::Enforce).find_map(|result| result.verdict.digest())
    }

    /// The strongest pin of the policies that enforce and accepted the image.
    pub fn pin(&self) -> Option<Pin> {
        self.of_mode(Mode::Enforce).filter(|result| result.verdict.accepts()).map(|result| result.policy.pin).max()
    }

    /// In Enforce a Pod runs by digest: refuses the image for every policy that enforces and verified it by a reference
    /// without one (security rule 4).
    pub fn refuse_unpinned(&mut self) {
        if self.reference.as_ref().is_ok_and(|reference| reference.digest().is_none()) {
            self.refuse(&Refusal::NotPinned, |result| result.verifies);
        }
    }

    /// In Enforce a Pod names its registry: refuses a short name that nobody has made full (security rule 16).
    pub fn refuse_short(&mut self) {
        if self.reference.as_ref().is_ok_and(|reference| reference.is_short() && reference.digest().is_none()) {
            self.refuse(&Refusal::ShortName, |_| true);
        }
    }

    fn refuse(&mut self, refusal: &Refusal, concerned: impl Fn(&PolicyResult) -> bool) {
        let enforcing = self.results.iter_mut().filter(|result| result.policy.mode == Mode::Enforce && result.verdict.accepts());
        for result in enforcing.filter(|result| concerned(result)) {
            result.verdict = Verdict::Refused(refusal.clone());
        }
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.root, self.key)
    }
}
