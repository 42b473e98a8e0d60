//! One requirement of Notary v1 against one image: which digest trust data names, and who says so.

use std::sync::Arc;

use notary::{Gun, Resolved, ServerUrl, Wanted};
use oci::{Digest, Grants, Reference};

use super::notary_doubt::of_image;
use super::notary_trust::{Key, Known, Source};
use super::{CacheOutcome, Doubt, Evaluator, Evidence, Fault, Purpose, Question, Refusal, RequirementVerdict, Signer};
use crate::policy::{NotaryRequirement, Requirement};

/// Trust data that ends between being fetched and being used is fetched once more.
const TRIES: usize = 2;

/// What trust data says of the image. The registry is not asked.
pub(super) async fn judge(
    evaluator: &Evaluator,
    question: &Question<'_>,
    reference: &Reference,
    (requirement, notary): (&Requirement, &NotaryRequirement),
    grants: &Grants,
) -> Result<RequirementVerdict, Fault> {
    let repository = reference.repository();
    let Ok(gun) = format!("{}/{}", repository.host(), repository.path()).parse::<Gun>() else {
        let why = "trust servers have no name for this repository".to_owned();
        return Ok(Err(Refusal::TrustData { doubt: Doubt::NoTrustData, why }));
    };
    let derived = || ServerUrl::of_registry(repository.host()).map_err(|_| Fault::Internal);
    let server = notary.server.clone().map_or_else(derived, Ok)?;
    let key = (requirement.id, gun);
    for _ in 0..TRIES {
        let once = || once(evaluator, question, notary, &key, &server, grants);
        let known = evaluator.observed(question.deadline, once).await?;
        let (trusted, parties) = match &known.outcome {
            Ok(trusted) => trusted,
            Err(refusal) => return Ok(Err(refusal.clone())),
        };
        match trusted.resolve(&wanted(question, reference)?, &notary.demand) {
            Ok(resolved) if resolved.expires() > question.now => {
                let roots = parties.iter().filter_map(|index| notary.roots.names().get(*index));
                let signers = roots.flat_map(|root| roles(&resolved).map(|key| Signer { root: root.clone(), key })).collect();
                return Ok(Ok(evidence(requirement, &resolved, signers)));
            }
            Ok(_) => evaluator.trust_data().forget(&key).await,
            Err(error) => match of_image(&error, &server) {
                // What could not be fetched is not remembered, so this asks again.
                Err(fault) if fault.is_of_anothers_deadline(question.deadline) => {}
                answer => return answer.map(Err),
            },
        }
    }
    let why = format!("trust data expires at this moment (trust server {server})");
    Ok(Err(Refusal::TrustData { doubt: Doubt::Expired, why }))
}

/// A reference with a digest is that digest; its tag is text that its author chose (security rule 3).
fn wanted<'a>(question: &Question<'a>, reference: &'a Reference) -> Result<Wanted<'a>, Fault> {
    match question.digest.or(reference.digest()) {
        Some(digest) => Ok(Wanted::Digest(digest)),
        None => reference.tag().map(|tag| Wanted::Tag(tag.as_str())).ok_or(Fault::Internal),
    }
}

fn roles(resolved: &Resolved) -> impl Iterator<Item = String> {
    let signers = resolved.signers().iter().map(ToString::to_string);
    [resolved.decided_by().to_string()].into_iter().chain(signers)
}

fn evidence(requirement: &Requirement, resolved: &Resolved, signers: Vec<Signer>) -> Evidence {
    let digest: Digest = resolved.digest().clone();
    Evidence { digest, validators: vec![requirement.validator.clone()], signers, expires: Some(resolved.expires()) }
}

/// The trust data that is known, or that of a flight. Who waits for it waits in the queue of its own namespace.
async fn once(
    evaluator: &Evaluator,
    question: &Question<'_>,
    notary: &NotaryRequirement,
    key: &Key,
    server: &ServerUrl,
    grants: &Grants,
) -> (Result<Arc<Known>, Fault>, CacheOutcome) {
    let trust_data = evaluator.trust_data();
    if let Some(known) = trust_data.known(key).await {
        return (Ok(known), CacheOutcome::Hit);
    }
    let place = evaluator.place(question.namespace).await;
    let (gun, server) = (key.1.clone(), server.clone());
    let session = trust_data.servers.session(server.clone(), gun.clone(), question.namespace.into(), grants.clone(), question.deadline);
    let session = match question.purpose {
        Purpose::Admission => session,
        Purpose::Report(_) => session.in_background(),
    };
    let answer = trust_data.get(key, notary, Source { gun, server, session, now: question.now }).await;
    drop(place);
    answer
}
