//! Questions about an image that a pod of the namespace `shop` wants to run.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::evaluate::{CacheOutcome, Evaluator, ImageDecision, MemoryStateStore, NoPullSecrets, Observer, Purpose, Question, StateStore};
use crate::policy::Labels;
use crate::testing::World;

struct Silent;

impl Observer for Silent {
    fn answered(&self, _: CacheOutcome, _: Duration) {}
}

/// One that remembers nothing yet.
pub(crate) fn evaluator(client: oci::Client) -> Evaluator {
    evaluator_with(client, Arc::new(MemoryStateStore::default()))
}

/// One with a memory of trust data that others may share.
pub(crate) fn evaluator_with(client: oci::Client, states: Arc<dyn StateStore>) -> Evaluator {
    Evaluator::new(client, Arc::new(Silent), states)
}

/// What the policies of the world say of the image, at the latest after this time.
pub(crate) async fn ask(evaluator: &Evaluator, world: &World, image: &str, patience: Duration) -> ImageDecision {
    ask_in("shop", evaluator, world, image, patience).await
}

/// The same for another namespace.
pub(crate) async fn ask_in(namespace: &str, evaluator: &Evaluator, world: &World, image: &str, patience: Duration) -> ImageDecision {
    let snapshot = world.snapshot();
    let policies = snapshot.applicable(namespace, &Labels::new());
    let question = Question {
        namespace,
        image,
        digest: None,
        policies: &policies,
        pull_secrets: &NoPullSecrets,
        now: chrono::Utc::now(),
        purpose: Purpose::Admission,
        deadline: Instant::now() + patience,
    };
    evaluator.evaluate(question).await
}
