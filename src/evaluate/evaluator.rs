//! The evaluator: one per process, shared by admission and re-verification.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, join_all};
use oci::{Client, Digest, Repository, Session};
use tokio::time::Instant;

use super::flights::Flights;
use super::image::{self, Now};
use super::resolve::Credentials;
use super::{CacheOutcome, Fault, ImageDecision, PullSecrets, RequirementVerdict, VerdictCache, cosign_requirement};
use crate::index::CompiledPolicy;
use crate::policy::{Reason, Requirement, Scheme};

/// Is told what verification costs. Implemented by the metrics.
pub trait Observer: Send + Sync {
    /// A requirement was answered.
    fn answered(&self, from: CacheOutcome, took: Duration);
}

/// One image, and what it is held against.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The namespace that the object is in; places are shared out among namespaces.
    pub namespace: &'a str,
    /// The image as it is written.
    pub image: &'a str,
    /// The digest that runs, where it is known otherwise than from the reference.
    pub digest: Option<&'a Digest>,
    /// The applicable policies.
    pub policies: &'a [Arc<CompiledPolicy>],
    /// The pull secrets of the object.
    pub pull_secrets: &'a dyn PullSecrets,
    /// The time, for rules that end.
    pub now: Now,
    /// When an answer is of no use any more.
    pub deadline: Instant,
}

/// Answers questions about images.
#[derive(Clone)]
pub struct Evaluator {
    client: Client,
    verdicts: VerdictCache,
    flights: Flights,
    observer: Arc<dyn Observer>,
}

impl Evaluator {
    /// An evaluator with an empty cache.
    pub fn new(client: Client, observer: Arc<dyn Observer>) -> Self {
        Self { client, verdicts: VerdictCache::default(), flights: Flights::default(), observer }
    }

    /// Evaluates one image. Never longer than its deadline.
    pub fn evaluate<'a>(&'a self, question: Question<'a>) -> BoxFuture<'a, ImageDecision> {
        image::decide(self, question).boxed()
    }

    /// Evaluates several images concurrently, in their order.
    pub async fn evaluate_all(&self, questions: &[Question<'_>]) -> Vec<ImageDecision> {
        let mut answers = Vec::with_capacity(questions.len());
        for question in questions {
            answers.push(self.evaluate(*question));
        }
        join_all(answers).await
    }

    /// The verdicts that are remembered.
    pub fn verdicts(&self) -> &VerdictCache {
        &self.verdicts
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// What a requirement says of a digest, from the cache or from the registry.
    pub(super) async fn requirement(
        &self,
        question: &Question<'_>,
        requirement: &Arc<Requirement>,
        credentials: &Credentials,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Arc<RequirementVerdict>, Fault> {
        let (started, deadline) = (Instant::now(), question.deadline);
        let key = super::cache::Key {
            requirement: requirement.id,
            repository: repository.clone(),
            digest: digest.clone(),
            credentials: credentials.fingerprint,
        };
        let session = self.client.session(credentials.access.clone(), deadline);
        let (answer, from) = loop {
            // Boxed: the future of a whole verification is large, and most answers come from the cache.
            let find_out = async {
                let _place = self.flights.place(question.namespace).await?;
                verify(&session, repository, digest, requirement.clone()).await
            }
            .boxed();
            let answer = tokio::time::timeout_at(deadline, self.verdicts.get_or(key.clone(), find_out)).await;
            let (answer, from) = answer.unwrap_or((Err(Fault::Timeout), CacheOutcome::Miss));
            // The deadline of somebody whose flight was joined is not ours.
            let others = answer.as_ref().is_err_and(|fault| fault.reason() == Reason::Timeout) && Instant::now() < deadline;
            if !others {
                break (answer, from);
            }
        };
        self.observer.answered(from, started.elapsed());
        answer
    }
}

async fn verify(
    session: &Session,
    repository: &Repository,
    digest: &Digest,
    requirement: Arc<Requirement>,
) -> Result<RequirementVerdict, Fault> {
    match &requirement.scheme {
        Scheme::Cosign(_) => cosign_requirement::judge(session, repository, digest, requirement).await,
    }
}
