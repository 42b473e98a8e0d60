//! Where a server may lead: to another host without the credential, never in circles, to plain HTTP or inside.

use bonafide::policy::Reason::{Forbidden, RegistryDenied, RegistryUnavailable};
use registry_double::{Auth, Kind, Misbehaviour};

use crate::row::Wanted::{Fault, Trusted};
use crate::row::{Row, Wanted};
use crate::runner::run;
use crate::scene::{Asked, Scene};

/// A registry that accepts the login, and then leads elsewhere.
fn leads(name: &'static str, asked: Asked, wanted: Wanted, target: impl Fn(&Scene) -> String + 'static) -> Row {
    Row::tls(name, wanted, move |scene| {
        // A request without a token is challenged as ever, so that the one that is led away carries something to steal.
        let challenge = format!("Bearer realm=\"{}\",service=\"double\"", scene.hostile.0.url("/token"));
        let path = scene.path(asked);
        scene.hostile.0.script_once(&path, Misbehaviour::Status(401, vec![("www-authenticate", challenge)]));
        scene.at(asked, Misbehaviour::Redirect(target(scene)));
    })
    .also("the request that was led away carried a token", |scene| {
        scene.hostile.0.requests().iter().any(|seen| seen.kind != Kind::Token && seen.authorization.is_some())
    })
}

/// The payload is at the foreign host too.
fn stored_elsewhere(scene: &Scene) -> String {
    let payload = crate::testing::Images::payload("app", &scene.image);
    scene.foreign.push_blob("app", payload);
    scene.foreign.url(&scene.path(Asked::Payload))
}

#[tokio::test]
async fn redirects_carry_no_credential_away_and_come_to_an_end() {
    run(|| {
        vec![
            leads("a payload in a circle", Asked::Payload, Fault(Forbidden), |scene| scene.path(Asked::Payload)).requests(40),
            leads("a tag in a circle of two hosts", Asked::Tag, Fault(Forbidden), |scene| {
                let path = scene.path(Asked::Tag);
                scene.foreign.script(&path, Misbehaviour::Redirect(scene.hostile.0.url(&path)));
                scene.foreign.url(&path)
            })
            .requests(40)
            .asking_foreign(),
            leads("a payload at another host", Asked::Payload, Trusted, stored_elsewhere).asking_foreign(),
            leads("a payload at another host that wants a login", Asked::Payload, Fault(RegistryDenied), |scene| {
                scene.foreign.require(Auth::Basic("reader".to_owned(), "secret-of-the-shop".to_owned()));
                scene.foreign.url("/x")
            })
            .asking_foreign(),
            leads("a tag at another host that wants a token", Asked::Tag, Fault(RegistryDenied), |scene| {
                scene.foreign.require(Auth::bearer("reader", "secret-of-the-shop"));
                scene.foreign.url("/v2/app/manifests/v1")
            })
            .also("the challenge of the foreign host was not met", |scene| {
                !scene.foreign.requests().is_empty() && scene.foreign.count(Kind::Token) == 0
            }),
            leads("a payload over another host and back", Asked::Payload, Fault(RegistryDenied), |scene| {
                scene.hostile.0.script("/back", Misbehaviour::Status(401, vec![]));
                scene.foreign.script("/x", Misbehaviour::Redirect(scene.hostile.0.url("/back")));
                scene.foreign.url("/x")
            })
            .also("the way back was taken without a credential", |scene| {
                let requests = scene.hostile.0.requests();
                requests.iter().find(|seen| seen.path == "/back").is_some_and(|back| back.authorization.is_none())
            }),
            leads("a payload without TLS", Asked::Payload, Fault(Forbidden), |scene| {
                scene.foreign.url("/x").replace("https://", "http://")
            })
            .not_asking_foreign(),
            leads("a payload at the metadata service", Asked::Payload, Fault(Forbidden), |_| "https://169.254.169.254/latest".to_owned()),
            leads("a payload at an address inside IPv6", Asked::Payload, Fault(Forbidden), |_| {
                "https://[::ffff:169.254.169.254]/".to_owned()
            }),
            leads("a payload in a file", Asked::Payload, Fault(Forbidden), |_| "file:///etc/passwd".to_owned()),
            leads("a payload behind a login in the address", Asked::Payload, Fault(Forbidden), |scene| {
                scene.foreign.url("/x").replace("https://", "https://reader:secret@")
            })
            .not_asking_foreign(),
            leads("a payload nowhere", Asked::Payload, Fault(Forbidden), |_| "https://".to_owned()),
            Row::tls("a next page at another host", Fault(RegistryUnavailable), |scene| {
                scene.forget_signature();
                let link = format!("<{}>; rel=\"next\"", scene.foreign.url("/x"));
                let index = "application/vnd.oci.image.index.v1+json".to_owned();
                // Only a list that was let in has pages.
                let path = scene.path(Asked::Referrers);
                let challenge = format!("Bearer realm=\"{}\",service=\"double\"", scene.hostile.0.url("/token"));
                scene.hostile.0.script_once(&path, Misbehaviour::Status(401, vec![("www-authenticate", challenge)]));
                scene.at(Asked::Referrers, Misbehaviour::LinkedBody(index, r#"{"manifests":[]}"#.into(), link));
            })
            .not_asking_foreign(),
        ]
    })
    .await;
}
