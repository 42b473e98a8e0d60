//! Reports: what a pod runs and what every policy says of it, as the content of a `VerificationReport`.
//!
//! Boundary: a function of the pod, the verdicts, what was found before and the time; no client, no clock. Invariant:
//! every list and text of a report is bounded, text from outside is shown escaped, and an image that nobody verified is
//! never counted as trusted.

mod condition;
mod content;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod image_id;
pub(crate) mod inventory;
mod judgement;
mod open_report;
pub(crate) mod order;
mod outcome;
mod owner;
mod pod;
mod status;
mod subject;
mod tally;
mod violations;

pub use judgement::{JudgedImage, Judgement};
pub use outcome::Outcome;
pub use owner::Owner;
pub use pod::{ImageGroup, Location, Place, PodFacts, PodImage, Workload};
pub use subject::{Subject, content};

pub(crate) use condition::verified_of;
pub(crate) use open_report::{open_report, open_reports};
pub(crate) use status::{ALL, name, worse};
pub(crate) use subject::{MANAGED_BY, US};
pub(crate) use violations::{carried, updated};
