//! Content that is not what was asked for: it counts for nothing.

use bonafide::policy::Reason::{DigestMismatch, InvalidSignature, NoSignature, RegistryUnavailable, UntrustedSigner};
use oci::Digest;
use registry_double::Misbehaviour;

use crate::row::Wanted::{Fault, Outage, Refused, Trusted};
use crate::row::{Row, Wanted};
use crate::runner::run;
use crate::scene::{Asked, Scene};
use crate::testing::{Images, Signer};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn sends(name: &'static str, asked: Asked, media_type: &str, body: &str, wanted: Wanted) -> Row {
    let answer = Misbehaviour::Body(media_type.to_owned(), body.to_owned().into());
    Row::plain(name, wanted, move |scene: &Scene| scene.at(asked, answer.clone()))
}

fn answers(name: &'static str, asked: Asked, answer: Misbehaviour, wanted: Wanted) -> Row {
    Row::plain(name, wanted, move |scene: &Scene| scene.at(asked, answer.clone()))
}

fn says_digest(name: &'static str, asked: Asked, digest: Option<&str>, wanted: Wanted) -> Row {
    answers(name, asked, Misbehaviour::ContentDigest(digest.map(str::to_owned)), wanted)
}

#[tokio::test]
async fn content_that_is_not_what_was_asked_for_counts_for_nothing() {
    let other = Digest::of(b"another image").to_string();
    let unreadable = Refused(NoSignature);
    run(|| {
        vec![
            says_digest("signatures under a digest that they do not have", Asked::Signatures, Some(&other), Fault(DigestMismatch)),
            says_digest("signatures under a digest that is none", Asked::Signatures, Some("sha256:xyz"), Trusted),
            says_digest("a tag without a digest is hashed", Asked::Tag, None, Trusted),
            sends("a payload of another length", Asked::Payload, "text/plain", "{}", unreadable),
            Row::plain("a payload of the same length", Fault(DigestMismatch), |scene| {
                let length = Images::payload("app", &scene.image).len();
                scene.at(Asked::Payload, Misbehaviour::Body("text/plain".to_owned(), "x".repeat(length).into()));
            }),
            answers("a payload that breaks off", Asked::Payload, Misbehaviour::Truncated, Outage(RegistryUnavailable)),
            answers("signatures that break off", Asked::Signatures, Misbehaviour::Truncated, Outage(RegistryUnavailable)),
            Row::plain("a payload under a shorter length", unreadable, |scene| {
                let payload = Images::payload("app", &scene.image);
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{payload}");
                scene.at(Asked::Payload, Misbehaviour::Raw(answer.into()));
            }),
            sends("signatures of no media type", Asked::Signatures, "", r#"{"layers":[]}"#, unreadable),
            sends("signatures that say they are an index", Asked::Signatures, INDEX, r#"{"mediaType":"a/b","layers":[]}"#, unreadable),
            sends("signatures that are an index too", Asked::Signatures, INDEX, r#"{"manifests":[],"layers":[]}"#, unreadable),
            sends("signatures that are no JSON", Asked::Signatures, MANIFEST, "\u{0}\u{1}", unreadable),
            sends("signatures that are a list", Asked::Signatures, MANIFEST, "[]", unreadable),
            sends("a list of referrers that is a manifest", Asked::Referrers, INDEX, r#"{"manifests":{}}"#, Trusted),
            Row::plain("a signature of another image", Refused(DigestMismatch), |scene| {
                let other = scene.hostile.push("app", "other", "another image");
                scene.hostile.sign("app", &scene.image, &other, &[&scene.build]);
            }),
            Row::plain("a signature by somebody else", Refused(UntrustedSigner), |scene| {
                scene.hostile.sign("app", &scene.image, &scene.image, &[&Signer::new()]);
            }),
            Row::plain("a tag that means another image than is signed", Refused(NoSignature), |scene| {
                let other = scene.hostile.push("app", "other", "another image");
                scene.at(Asked::Tag, Misbehaviour::ContentDigest(Some(other.to_string())));
            }),
            Row::plain("a tag that moves after the first answer", Trusted, |scene| {
                let other = scene.hostile.push_signed("app", "other", &[&scene.build]);
                let says = |digest: &Digest| Misbehaviour::ContentDigest(Some(digest.to_string()));
                scene.hostile.0.script_once(&scene.path(Asked::Tag), says(&scene.image));
                scene.at(Asked::Tag, says(&other));
            }),
            Row::plain("a layer with a broken signature", Refused(InvalidSignature), |scene| {
                let payload = Images::payload("app", &scene.image);
                let layer = serde_json::json!({
                    "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", "digest": Digest::of(payload.as_bytes()),
                    "size": payload.len(), "annotations": {"dev.cosignproject.cosign/signature": "no base64"},
                });
                let manifest = serde_json::json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [layer]}).to_string();
                scene.at(Asked::Signatures, Misbehaviour::Body(MANIFEST.to_owned(), manifest.into()));
            }),
        ]
    })
    .await;
}
