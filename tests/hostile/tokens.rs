//! The token server, and what a registry says about it: no login leaves its host, and nothing but our own scope is asked for.

use bonafide::policy::Reason::{Forbidden, RegistryDenied, RegistryUnavailable, TooLarge};
use registry_double::{BearerAuth, Kind, Misbehaviour};

use crate::row::Wanted::{Fault, Outage, Trusted};
use crate::row::{Row, Wanted};
use crate::runner::run;
use crate::scene::{Asked, MARK, Scene};

fn issues(name: &'static str, answer: Misbehaviour, wanted: Wanted) -> Row {
    Row::tls(name, wanted, move |scene: &Scene| scene.at(Asked::Token, answer.clone()))
}

fn json(text: &str) -> Misbehaviour {
    Misbehaviour::Body("application/json".to_owned(), text.to_owned().into())
}

fn at_realm(name: &'static str, wanted: Wanted, realm: impl Fn(&Scene) -> String + 'static) -> Row {
    Row::tls(name, wanted, move |scene: &Scene| scene.require(BearerAuth { realm: Some(realm(scene)), ..BearerAuth::default() }))
}

fn challenges(name: &'static str, challenge: &str, wanted: Wanted) -> Row {
    let challenge = challenge.to_owned();
    Row::tls(name, wanted, move |scene: &Scene| {
        scene.at(Asked::Tag, Misbehaviour::Status(401, vec![("www-authenticate", challenge.clone())]));
    })
}

/// Every token was asked for with the scope that we need and no other.
fn our_scope_only(scene: &Scene) -> bool {
    let tokens: Vec<_> = scene.hostile.0.requests().into_iter().filter(|seen| seen.kind == Kind::Token).collect();
    !tokens.is_empty() && tokens.iter().all(|token| token.query == "service=double&scope=repository%3Aapp%3Apull")
}

#[tokio::test]
async fn a_hostile_token_server_gets_no_login_of_others_and_no_wider_scope() {
    let unusable = Fault(RegistryUnavailable);
    run(|| {
        vec![
            issues("a token server and 500", Misbehaviour::Status(500, vec![]), Outage(RegistryUnavailable)),
            issues("a token server that breaks off", Misbehaviour::Reset, Outage(RegistryUnavailable)),
            issues("a token server and 404", Misbehaviour::Status(404, vec![]), unusable),
            issues("a token server and 403", Misbehaviour::Status(403, vec![]), Fault(RegistryDenied)),
            issues("a page in place of a token", Misbehaviour::Body("text/html".to_owned(), format!("<html>{MARK}").into()), unusable),
            issues("an endless token", Misbehaviour::Endless, Fault(TooLarge)),
            issues("an empty token", json(r#"{"token":""}"#), unusable),
            issues("a token with a line in it", json("{\"token\":\"a\\r\\nx: hostile-text\"}"), unusable),
            issues("a token that nobody accepts", json(r#"{"token":"wrong"}"#), Fault(RegistryDenied)),
            issues("a token that is led elsewhere", Misbehaviour::Redirect("https://127.0.0.1/x".to_owned()), Fault(Forbidden)),
            Row::tls("a token for a wider scope", Trusted, |scene| {
                // The registry takes it like the narrow one; what was asked for is what counts.
                let token =
                    r#"{"token":"t0.repository~app~pull","scope":"repository:app:pull,push registry:catalog:*","expires_in":1e300}"#;
                scene.at(Asked::Token, json(&token.replace("1e300", "18446744073709551615")));
            })
            .also("our scope was asked for and no other", our_scope_only),
            Row::tls("a challenge for a scope that nobody asked for", Trusted, |scene| {
                let challenge_scope = Some("repository:victim:pull,push".to_owned());
                let realm = Some(scene.hostile.0.url("/token?scope=repository:victim:push&account=admin"));
                scene.require(BearerAuth { challenge_scope, realm, ..BearerAuth::default() });
            })
            .also("our scope was asked for and no other", our_scope_only),
            at_realm("a realm elsewhere", Trusted, |scene| scene.foreign.url("/token"))
                // The registry accepts what the foreign realm gives to anybody: what counts is what that was told.
                .asking_foreign(),
            at_realm("a realm without TLS", Fault(Forbidden), |scene| scene.foreign.url("/token").replace("https://", "http://")),
            at_realm("a realm at the metadata service", Fault(Forbidden), |_| "https://169.254.169.254/token".to_owned()),
            at_realm("a realm behind a login", unusable, |scene| scene.foreign.url("/token").replace("https://", "https://reader:x@")),
            at_realm("a realm in a file", unusable, |_| "file:///etc/passwd".to_owned()),
            challenges("a challenge of no scheme", "Negotiate hostile-text", unusable),
            challenges("a challenge with two realms", r#"Bearer realm="https://a.example.com",realm="https://b.example.com""#, unusable),
            challenges("a challenge for a password", r#"Basic realm="hostile-text""#, Fault(RegistryDenied)),
        ]
    })
    .await;
}
