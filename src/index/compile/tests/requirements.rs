//! Requirements are the same only when they ask for the same (security rule 1).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::demand;
use crate::index::Demand;
use crate::policy::RequirementId;
use crate::testing::{Signer, World};

const LOGIN: &str = r#"{"auths": {"r.example.com": {"auth": "dXNlcjpwYXNzd29yZA=="}}}"#;

/// The signers are made once, so that their keys are the same.
struct Signers {
    build: Signer,
    qa: Signer,
}

impl Signers {
    fn new() -> Self {
        Self { build: Signer::new(), qa: Signer::new() }
    }

    /// What a policy asks for when its entry, its validator and the validator's host have these fields.
    fn requirement(&self, entry: &Value, validator: &Value, host: &Value) -> RequirementId {
        let verify = with(json!({"validator": "release"}), entry);
        let hosts = [with(json!({"host": "r.example.com"}), host)];
        let validator = with(json!({"cosign": {}, "trustRoots": ["build", "qa"], "registry": {"hosts": hosts}}), validator);
        let world = World::new().trust_root("build", &[&self.build]).trust_root("qa", &[&self.qa]);
        let world = world.secret("login", ".dockerconfigjson", LOGIN);
        let world = world.config_map("ca", "ca.crt", &authority()).config_map("other", "ca.crt", &authority());
        let world = world.validator("release", &validator);
        let world = world.policy("p", &json!([{"name": "apps", "images": ["**"], "verify": [verify]}]));
        match demand(&world.snapshot(), "r.example.com/a") {
            Some(Demand::Verify { requirements, .. }) => requirements[0].id,
            other => panic!("{other:?}"),
        }
    }
}

fn with(mut object: Value, more: &Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        object[key] = value.clone();
    }
    object
}

/// Another one each time.
fn authority() -> String {
    rcgen::generate_simple_self_signed(vec!["authority".to_owned()]).unwrap().cert.pem()
}

#[test]
fn requirements_differ_when_anything_that_they_ask_for_differs() {
    let (signers, none) = (Signers::new(), json!({}));
    let ca = |name: &str| json!({"caBundle": {"configMapKeyRef": {"name": name, "key": "ca.crt"}}});
    let entry = |fields: Value| signers.requirement(&fields, &none, &none);
    let validator = |fields: Value| signers.requirement(&none, &fields, &none);
    let host = |fields: Value| signers.requirement(&none, &none, &fields);
    let all = [
        entry(none.clone()),
        entry(json!({"trustRoots": ["build"]})),
        entry(json!({"threshold": 1})),
        entry(json!({"threshold": 1, "required": ["build"]})),
        entry(json!({"threshold": 1, "required": ["qa"]})),
        validator(json!({"cosign": {"signatureRepository": "r.example.com/signatures"}})),
        validator(json!({"registry": {"podPullSecrets": true, "hosts": [{"host": "r.example.com"}]}})),
        host(json!({"host": "other.example.com"})),
        host(json!({"plainHTTP": true})),
        host(ca("ca")),
        host(ca("other")),
        host(json!({"credentialsRef": {"name": "login"}})),
        host(json!({"credentialsRef": {"name": "login"}, "tokenRealms": ["https://auth.example.com/token"]})),
        Signers { build: Signer::new(), qa: signers.qa }.requirement(&none, &none, &none),
    ];
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
}

#[test]
fn the_same_words_are_the_same_requirement() {
    let (signers, none) = (Signers::new(), json!({}));
    let entry = json!({"threshold": 1});
    assert_eq!(signers.requirement(&entry, &none, &none), signers.requirement(&entry, &none, &none));
}
