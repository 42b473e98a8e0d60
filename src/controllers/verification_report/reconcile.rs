//! One case: its images are held against the policies of its namespace, and the book is told.

use chrono::Utc;
use futures::{StreamExt, stream};
use tokio::time::Instant;

use super::cases::Asked;
use super::{Term, lanes, now};
use crate::evaluate::{PullSecrets, Purpose, Question};
use crate::report::{ImageGroup, JudgedImage, Outcome};

/// Images of one pod that are evaluated at one time.
const IMAGES_AT_ONCE: usize = 16;
/// The same where requests are scarce: who admits one of them meanwhile waits for what has begun, and so do others for its
/// namespace's share of what is evaluated at all.
const SCARCE_AT_ONCE: usize = 2;

/// Judges a case for all pods that have it.
pub(super) async fn reconcile(term: &Term, asked: Asked) {
    let outcome = if asked.policies.is_empty() { None } else { Some(judge(term, &asked).await) };
    term.book().judged(&asked, outcome, term.settings().verification.interval, now(), rand::random());
    term.wake();
}

async fn judge(term: &Term, asked: &Asked) -> Outcome {
    let Asked { case, policies, patience, .. } = asked;
    let pull_secrets = term.pull_secrets.for_object(&case.namespace, case.pull_secrets.clone(), case.service_account.clone());
    let (now, deadline) = (Utc::now(), Instant::now() + *patience);
    let judged = case.groups().into_iter().map(|group: ImageGroup| {
        let pull_secrets: &dyn PullSecrets = &pull_secrets;
        async move {
            let digest = group.digest();
            let question = Question {
                namespace: &case.namespace,
                image: &group.image,
                digest: digest.as_ref(),
                policies,
                pull_secrets,
                now,
                purpose: Purpose::Report(&group.reported),
                deadline,
            };
            let decision = term.evaluator.evaluate(question).await;
            JudgedImage::new(group, &decision)
        }
    });
    let at_once = if *patience > lanes::DEADLINE { SCARCE_AT_ONCE } else { IMAGES_AT_ONCE };
    let judged: Vec<_> = stream::iter(judged).buffered(at_once).collect().await;
    Outcome::of(&judged)
}
