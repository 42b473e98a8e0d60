//! A server that fails, limits or denies, and says so.

use std::time::Duration;

use bonafide::policy::Reason::{NoSignature, RateLimited, RegistryDenied, RegistryUnavailable};
use registry_double::Misbehaviour;

use crate::row::Wanted::{Fault, Outage, Refused, Trusted};
use crate::row::{Row, Wanted};
use crate::runner::run;
use crate::scene::{Asked, MARK, Scene};

fn status(code: u16, headers: &[(&'static str, &str)]) -> Misbehaviour {
    Misbehaviour::Status(code, headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect())
}

fn says(name: &'static str, asked: Asked, answer: Misbehaviour, wanted: Wanted) -> Row {
    Row::plain(name, wanted, move |scene: &Scene| scene.at(asked, answer.clone()))
}

#[tokio::test]
async fn a_server_that_fails_or_limits_is_an_outage_and_one_that_denies_is_none() {
    let page = || Misbehaviour::Body("text/html".to_owned(), format!("<html>{MARK}</html>").into());
    let (down, limited, denied) = (Outage(RegistryUnavailable), Outage(RateLimited), Fault(RegistryDenied));
    run(|| {
        vec![
            says("a tag and 500", Asked::Tag, status(500, &[]), down),
            says("a tag and 503 for longer than there is time", Asked::Tag, status(503, &[("retry-after", "1")]), down)
                .within(Duration::from_millis(500))
                .beside_others(),
            says("signatures and 502", Asked::Signatures, status(502, &[]), down),
            says("signatures and 504 with a text", Asked::Signatures, status(504, &[("x-message", MARK)]), down),
            says("a payload and 500", Asked::Payload, status(500, &[]), down),
            says("a list of referrers and 503", Asked::Referrers, status(503, &[]), Trusted),
            says("a tag and 429", Asked::Tag, status(429, &[]), limited),
            says("a tag and 429 for longer than there is time", Asked::Tag, status(429, &[("retry-after", "1")]), limited),
            Row::tls("a token server and 429", limited, |scene| scene.at(Asked::Token, status(429, &[("retry-after", "1")]))),
            says("a payload and 429 with nonsense", Asked::Payload, status(429, &[("retry-after", "soon")]), limited),
            says("signatures and 403", Asked::Signatures, status(403, &[]), denied),
            says("a payload and 401 without a challenge", Asked::Payload, status(401, &[]), Fault(RegistryUnavailable)),
            says("a tag and 418", Asked::Tag, status(418, &[]), Fault(RegistryUnavailable)),
            says("signatures and 204", Asked::Signatures, status(204, &[]), Fault(RegistryUnavailable)),
            says("signatures and 304", Asked::Signatures, status(304, &[]), Fault(RegistryUnavailable)),
            says("signatures and 404", Asked::Signatures, status(404, &[]), Refused(NoSignature)),
            says("a page in place of signatures", Asked::Signatures, page(), Refused(NoSignature)),
            says("a page in place of a payload", Asked::Payload, page(), Refused(NoSignature)),
            says("a page in place of a list of referrers", Asked::Referrers, page(), Trusted),
        ]
    })
    .await;
}
