//! Questions about an image that a pod of the namespace `shop` wants to run.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::evaluate::{CacheOutcome, Evaluator, ImageDecision, NoPullSecrets, Observer, Question};
use crate::policy::Labels;
use crate::testing::World;

struct Silent;

impl Observer for Silent {
    fn answered(&self, _: CacheOutcome, _: Duration) {}
}

/// One that remembers nothing yet.
pub(crate) fn evaluator(client: oci::Client) -> Evaluator {
    Evaluator::new(client, Arc::new(Silent))
}

/// What the policies of the world say of the image, at the latest after this time.
pub(crate) async fn ask(evaluator: &Evaluator, world: &World, image: &str, patience: Duration) -> ImageDecision {
    let snapshot = world.snapshot();
    let policies = snapshot.applicable("shop", &Labels::new());
    let question = Question {
        namespace: "shop",
        image,
        digest: None,
        policies: &policies,
        pull_secrets: &NoPullSecrets,
        now: chrono::Utc::now(),
        last_verdicts: true,
        deadline: Instant::now() + patience,
    };
    evaluator.evaluate(question).await
}
