//! The evaluator: one per process, shared by admission and re-verification.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, join_all};
use notary::ServerClient;
use oci::{Client, Digest, Grants, Session};
use tokio::time::Instant;

use super::agreement::Agreements;
use super::cache::Key;
use super::cosign_requirement::{self, Asked};
use super::flights::{self, Flights, Place};
use super::habits::Habits;
use super::image::{self, Now};
use super::last::LastVerdicts;
use super::notary_trust::TrustData;
use super::tags::Tags;
use super::{CacheOutcome, Fault, ImageDecision, PullSecrets, Reported, RequirementVerdict, StateStore, VerdictCache};
use crate::index::CompiledPolicy;

/// Is told what verification costs. Implemented by the metrics.
pub trait Observer: Send + Sync {
    /// A requirement was answered.
    fn answered(&self, from: CacheOutcome, took: Duration);
}

/// What an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose<'a> {
    /// Somebody waits to run the image: registries are asked for it first, and a policy's `onFault: UseLastVerdict` counts.
    Admission,
    /// The state of things is reported, of an image that runs as this.
    Report(&'a Reported),
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
    /// What the answer is for.
    pub purpose: Purpose<'a>,
    /// When an answer is of no use any more.
    pub deadline: Instant,
}

/// Answers questions about images.
#[derive(Clone)]
pub struct Evaluator {
    client: Client,
    verdicts: VerdictCache,
    flights: Flights,
    last: LastVerdicts,
    tags: Tags,
    habits: Habits,
    agreements: Agreements,
    trust_data: TrustData,
    observer: Arc<dyn Observer>,
}

impl Evaluator {
    /// An evaluator with an empty cache, which keeps in `states` what was seen of trust data.
    pub fn new(client: Client, observer: Arc<dyn Observer>, states: Arc<dyn StateStore>) -> Self {
        Self {
            trust_data: TrustData::new(ServerClient::new(client.clone()), states),
            client,
            verdicts: VerdictCache::default(),
            flights: Flights::default(),
            last: LastVerdicts::default(),
            tags: Tags::default(),
            habits: Habits::default(),
            agreements: Agreements::default(),
            observer,
        }
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

    pub(super) fn last(&self) -> &LastVerdicts {
        &self.last
    }

    pub(super) fn tags(&self) -> &Tags {
        &self.tags
    }

    pub(super) fn agreements(&self) -> &Agreements {
        &self.agreements
    }

    pub(super) fn trust_data(&self) -> &TrustData {
        &self.trust_data
    }

    pub(super) async fn place(&self, namespace: &str) -> Place {
        self.flights.place(namespace).await
    }

    /// Requests for a question, on behalf of its namespace and within its time.
    pub(super) fn session(&self, question: &Question<'_>, grants: &Grants) -> Session {
        let session = self.client.session(question.namespace.into(), grants.clone(), question.deadline);
        match question.purpose {
            Purpose::Admission => session,
            Purpose::Report(_) => session.in_background(),
        }
    }

    /// Forgets what it was told, as time would.
    #[cfg(test)]
    pub(crate) fn forget(&self) {
        self.verdicts.forget();
        self.tags.forget();
        self.agreements.forget();
        self.trust_data.forget_all();
    }

    /// What a requirement of cosign says of a digest, from the cache or from the registry.
    pub(super) async fn cosign(
        &self,
        question: &Question<'_>,
        cosign: Asked<'_>,
        grants: &Grants,
        key: &Key,
    ) -> Result<Arc<RequirementVerdict>, Fault> {
        self.observed(question.deadline, || self.once(question, cosign, grants, key)).await
    }

    /// The answer of `once` within the deadline; how long it took is told.
    pub(super) async fn observed<T, F>(&self, deadline: Instant, once: impl Fn() -> F) -> Result<T, Fault>
    where
        F: Future<Output = (Result<T, Fault>, CacheOutcome)>,
    {
        let started = Instant::now();
        let (answer, from) = flights::by(deadline, CacheOutcome::Miss, once).await;
        self.observer.answered(from, started.elapsed());
        answer
    }

    /// The known verdict, or the one of a flight. Whoever waits for it waits in the queue of its own namespace, also
    /// when another namespace has asked first.
    async fn once(
        &self,
        question: &Question<'_>,
        cosign: Asked<'_>,
        grants: &Grants,
        key: &Key,
    ) -> (Result<Arc<RequirementVerdict>, Fault>, CacheOutcome) {
        if let Some(known) = self.verdicts.known(key).await {
            return (Ok(known), CacheOutcome::Hit);
        }
        let place = self.flights.place(question.namespace).await;
        // Boxed: the future of a whole verification is large, and most answers come from the cache.
        let find_out = async {
            let session = self.session(question, grants);
            let verdict = cosign_requirement::judge(&session, &self.habits, key, cosign).await?;
            self.last.learn(key, &verdict);
            Ok(verdict)
        }
        .boxed();
        let answer = self.verdicts.get_or(key.clone(), find_out).await;
        drop(place);
        answer
    }
}
