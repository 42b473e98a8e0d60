//! What compilation found out about each object: the source of its status.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::policy::{Kind, ObjectName, Problem};

/// What was found out about one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The object's kind.
    pub kind: Kind,
    /// Its name.
    pub object: ObjectName,
    /// The generation that was compiled.
    pub generation: Option<i64>,
    /// Whether it is in force.
    pub readiness: Readiness,
    /// What works but may not be meant, in a stable order.
    pub warnings: Vec<Warning>,
    /// Of a trust root: what was read of it.
    pub keys: Vec<Material>,
}

/// A key or certificate of a trust root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Material {
    /// The name that the trust root gives it.
    pub name: String,
    /// What tells it from others.
    pub fingerprint: String,
    /// What it is.
    pub algorithm: String,
    /// When it ends, of a certificate.
    pub expires: Option<DateTime<Utc>>,
}

/// Whether an object is in force.
#[derive(Clone, Debug, PartialEq)]
pub enum Readiness {
    /// It compiled.
    Ready,
    /// It did not, and what needs it refuses.
    Unready(UnreadyReason, Vec<Problem>),
}

/// Why an object is not in force; the reasons of a false `Ready` condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnreadyReason {
    /// The object itself is wrong.
    Invalid,
    /// We may not read what it names.
    Forbidden,
    /// What it names is missing or not usable.
    Unresolved,
    /// What it names was not read yet.
    Pending,
}

/// Something that works, but maybe not as meant; the reasons of a true `Warning` condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// An earlier rule matches everything that this one does.
    RuleShadowed {
        /// The rule that never decides.
        rule: String,
        /// The one that decides instead.
        by: String,
    },
    /// A rule that is chosen by a tag stands before one that would match the same image without it.
    RuleChosenByTag {
        /// The rule with the tag.
        rule: String,
        /// The other.
        before: String,
    },
    /// There are too many patterns to compare all rules with each other.
    RulesNotCompared {
        /// The first rule that was not compared.
        from: String,
    },
    /// The policy selects a namespace that is exempt.
    ExemptNamespaceSelected(String),
    /// Another trust root of the namespace has the same key.
    KeyShared {
        /// This trust root's key.
        key: String,
        /// The other trust root.
        with: ObjectName,
    },
    /// A certificate of the trust root ends soon, or has ended; not found by compilation, which knows no time.
    MaterialEnds {
        /// The name of the entry.
        name: String,
        /// When.
        at: DateTime<Utc>,
        /// Whether that is past.
        over: bool,
    },
    /// What was seen of trust data is gone; not found by compilation, but by who counts it.
    NotaryStateLost {
        /// How many repositories.
        guns: u64,
        /// When the last of it was noticed.
        noticed: DateTime<Utc>,
    },
}

impl Readiness {
    pub(super) fn of(problems: Vec<Problem>) -> Self {
        let reason = problems.iter().map(UnreadyReason::of).min();
        reason.map_or(Self::Ready, |reason| Self::Unready(reason, problems))
    }
}

impl UnreadyReason {
    fn of(problem: &Problem) -> Self {
        use crate::policy::Cause;
        match problem.cause {
            Cause::Forbidden { .. } => Self::Forbidden,
            Cause::NotYetRead { .. } => Self::Pending,
            _ if problem.is_own() => Self::Invalid,
            _ => Self::Unresolved,
        }
    }

    /// The reason as conditions write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "Invalid",
            Self::Forbidden => "Forbidden",
            Self::Unresolved => "Unresolved",
            Self::Pending => "Pending",
        }
    }
}

impl Warning {
    /// The reason as conditions write it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::RuleShadowed { .. } => "RuleShadowed",
            Self::RuleChosenByTag { .. } => "RuleChosenByTag",
            Self::RulesNotCompared { .. } => "RulesNotCompared",
            Self::ExemptNamespaceSelected(_) => "ExemptNamespaceSelected",
            Self::KeyShared { .. } => "KeyShared",
            Self::MaterialEnds { .. } => "MaterialEnds",
            Self::NotaryStateLost { .. } => "NotaryStateLost",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RuleShadowed { rule, by } => write!(f, "rule {rule:?} never decides: the earlier rule {by:?} matches all its images"),
            Self::RuleChosenByTag { rule, before } => write!(
                f,
                "rule {rule:?} is chosen by a tag, which the author of a reference with a digest writes freely; without it rule {before:?} would decide"
            ),
            Self::RulesNotCompared { from } => {
                write!(f, "from rule {from:?} on it was not checked whether rules shadow each other: there are too many patterns")
            }
            Self::ExemptNamespaceSelected(name) => write!(f, "namespace {name} is selected, but exempt from every policy"),
            Self::KeyShared { key, with } => write!(f, "key {key:?} is also in TrustRoot {with}: a rule cannot count over both"),
            Self::MaterialEnds { name, at, over } => {
                let ends = if *over { "has ended" } else { "ends" };
                write!(f, "a certificate of {name:?} {ends} at {}", at.format("%F %T UTC"))
            }
            Self::NotaryStateLost { guns, noticed } => write!(
                f,
                "what was seen of {guns} repositories was lost, noticed last at {}: if their server went back before they were seen again, that is not noticed",
                noticed.format("%F %T UTC")
            ),
        }
    }
}
