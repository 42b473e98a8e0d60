//! Evaluation: a snapshot, an image and the registries give a verdict that explains itself.
//!
//! Boundary: policy, index and the scheme crates; no Kubernetes client. Time, trust and pull secrets are arguments.
//! Invariant: [`Verdict::Trusted`] is built only from requirements that at least one verified signature met, and a
//! [`Refusal`] (we looked) is never mixed up with a [`Fault`] (we could not find out).

mod agreement;
mod cache;
mod cosign_requirement;
mod evaluator;
mod fault;
mod flights;
mod habits;
mod image;
mod last;
mod notary_doubt;
mod notary_requirement;
mod notary_state;
mod notary_trust;
mod pull_secrets;
mod refusal;
mod reported;
mod resolve;
mod rule;
mod running;
mod tags;
#[cfg(test)]
mod tests;
mod verdict;

pub use cache::{CacheOutcome, RequirementVerdict, VerdictCache};
pub use evaluator::{Evaluator, Observer, Purpose, Question};
pub use fault::Fault;
pub use notary_state::{MemoryStateStore, StateFault, StateKey, StateStore};
pub use pull_secrets::{NoPullSecrets, PullSecrets};
pub use refusal::{Doubt, Refusal};
pub use reported::Reported;
pub use verdict::{Evidence, ImageDecision, PolicyResult, Signer, Verdict};
