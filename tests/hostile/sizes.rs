//! Answers without end, and as much of everything as fits into them.

use bonafide::policy::Reason::{NoSignature, TooLarge, UntrustedSigner};
use oci::Digest;
use registry_double::Misbehaviour;
use serde_json::{Value, json};

use crate::row::Wanted::{Fault, Refused, Trusted};
use crate::row::{MIB, Row, Wanted};
use crate::runner::{one_body_of, run};
use crate::scene::{Asked, Scene};
use crate::testing::Signer;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

fn endless(name: &'static str, asked: Asked, wanted: Wanted) -> Row {
    Row::plain(name, wanted, move |scene: &Scene| scene.at(asked, Misbehaviour::Endless))
}

/// Indexes in indexes, each pushed and named by the next.
fn nested(scene: &Scene, depth: usize, tag: &str) -> Digest {
    let push = |tag: Option<&str>, entries: &[Value]| {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).to_string();
        (index.len(), scene.hostile.0.push_manifest("app", tag, INDEX, index))
    };
    let mut inner = (2, scene.image.clone());
    for _ in 1..depth {
        inner = push(None, &[json!({"mediaType": INDEX, "digest": inner.1, "size": inner.0})]);
    }
    push(Some(tag), &[json!({"mediaType": INDEX, "digest": inner.1, "size": inner.0})]).1
}

fn entries(count: usize) -> Vec<Value> {
    let digest = |number: usize| Digest::of(&number.to_be_bytes());
    (0..count).map(|number| json!({"mediaType": MANIFEST, "digest": digest(number), "size": 2, "artifactType": BUNDLE})).collect()
}

/// Ten thousand referrers on pages of 250, each a bundle that says it signs the image, without the good signature beside them.
fn ten_thousand_referrers(scene: &Scene) {
    scene.forget_signature();
    let link = format!("<{}?page=next>; rel=\"next\"", scene.path(Asked::Referrers));
    let page = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries(250)}).to_string();
    scene.at(Asked::Referrers, Misbehaviour::LinkedBody(INDEX.to_owned(), page.into(), link));
}

#[tokio::test]
async fn what_has_no_end_comes_to_an_end() {
    run(|| {
        vec![
            endless("endless signatures", Asked::Signatures, Refused(NoSignature)).holding(one_body_of(4)),
            endless("an endless payload", Asked::Payload, Refused(NoSignature)),
            Row::plain("an endless manifest of a tag without a digest", Fault(TooLarge), |scene| {
                scene.hostile.0.script_method("HEAD", &scene.path(Asked::Tag), Misbehaviour::Status(405, vec![]));
                scene.hostile.0.script_method("GET", &scene.path(Asked::Tag), Misbehaviour::Endless);
            })
            .holding(one_body_of(4)),
            Row::plain("an endless list of referrers", Refused(TooLarge), |scene| {
                scene.forget_signature();
                scene.at(Asked::ReferrersTag, Misbehaviour::Endless);
            })
            .holding(one_body_of(4)),
            Row::plain("pages of referrers without end", Refused(TooLarge), |scene| {
                scene.forget_signature();
                let link = format!("<{}>; rel=\"next\"", scene.path(Asked::Referrers));
                scene.at(Asked::Referrers, Misbehaviour::LinkedBody(INDEX.to_owned(), r#"{"manifests":[]}"#.into(), link));
            })
            .requests(26),
            Row::plain("pages of blanks without end", Refused(TooLarge), |scene| {
                scene.forget_signature();
                let link = format!("<{}>; rel=\"next\"", scene.path(Asked::Referrers));
                let page = format!("{}{}", r#"{"manifests":[]}"#, " ".repeat(3 * MIB));
                scene.at(Asked::Referrers, Misbehaviour::LinkedBody(INDEX.to_owned(), page.into(), link));
            })
            .holding(one_body_of(4)),
        ]
    })
    .await;
}

#[tokio::test]
async fn more_than_anybody_needs_is_refused_or_passed_over() {
    let strangers = |count: usize| move |scene: &Scene| scene.hostile.sign("app", &scene.image, &scene.image, &vec![&Signer::new(); count]);
    run(|| {
        vec![
            Row::plain("200 layers of signatures by strangers", Refused(UntrustedSigner), strangers(200)),
            Row::plain("200 layers of signatures, the last one good", Trusted, |scene| {
                let stranger = Signer::new();
                let signers: Vec<_> = (0..199).map(|_| &stranger).chain([&scene.build]).collect();
                scene.hostile.sign("app", &scene.image, &scene.image, &signers);
            }),
            Row::plain("more layers of signatures than are looked at", Refused(TooLarge), strangers(1001)).holding(8 * MIB),
            Row::plain("10,000 referrers on pages", Refused(TooLarge), ten_thousand_referrers),
            Row::plain("10,000 referrers on one page", Refused(TooLarge), |scene| {
                scene.forget_signature();
                let list = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries(10_000)}).to_string();
                scene.at(Asked::Referrers, Misbehaviour::Body(INDEX.to_owned(), list.into()));
            })
            .holding(one_body_of(4)),
            Row::plain("200 referrers that are not there", Refused(NoSignature), |scene| {
                scene.forget_signature();
                let list = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries(200)}).to_string();
                scene.at(Asked::Referrers, Misbehaviour::Body(INDEX.to_owned(), list.into()));
            })
            .requests(210),
            Row::plain("an image that is an index nested 50 deep", Refused(NoSignature), |scene| {
                let nested = nested(scene, 50, "nested");
                scene.at(Asked::Tag, Misbehaviour::ContentDigest(Some(nested.to_string())));
            })
            .requests(6),
            Row::plain("signatures that are an index nested 50 deep", Refused(NoSignature), |scene| {
                nested(scene, 50, &format!("sha256-{}.sig", scene.image.hex()));
            })
            .requests(6),
            Row::plain("signatures nested 100,000 deep", Refused(NoSignature), |scene| {
                let deep = format!(r#"{{"layers":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
                scene.at(Asked::Signatures, Misbehaviour::Body(MANIFEST.to_owned(), deep.into()));
            }),
            Row::plain("layers that say they are large", Refused(NoSignature), |scene| {
                let layer = json!({
                    "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", "digest": Digest::of(b"x"), "size": u64::MAX,
                    "annotations": {"dev.cosignproject.cosign/signature": "AAAA"},
                });
                let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": vec![layer; 100]}).to_string();
                scene.at(Asked::Signatures, Misbehaviour::Body(MANIFEST.to_owned(), manifest.into()));
            }),
        ]
    })
    .await;
}
