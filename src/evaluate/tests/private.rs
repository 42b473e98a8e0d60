//! Registries that want credentials.

use registry_double::Auth;

use super::*;

#[tokio::test]
async fn a_private_registry_is_reached_with_its_authority_and_its_secret() {
    let (images, build) = (Images::start_tls().await, Signer::new());
    let digest = images.push_signed("a", "v1", &[&build]);
    images.0.require(Auth::bearer("reader", "pass"));
    let host = json!({
        "host": images.host(), "credentialsRef": {"name": "regcred"},
        "caBundle": {"configMapKeyRef": {"name": "registry-ca", "key": "ca.crt"}}
    });
    let config = json!({"auths": {images.host(): {"username": "reader", "password": "pass"}}}).to_string();
    let other = json!({"auths": {"other.example.com": {"username": "reader", "password": "pass"}}}).to_string();
    let world = World::new()
        .trust_root("build", &[&build])
        .validator("release", &json!({"cosign": {}, "trustRoots": ["build"], "registry": {"hosts": [host]}}))
        .config_map("registry-ca", "ca.crt", images.0.ca_pem().unwrap())
        .policy("p", &rules(&json!({"validator": "release"})));
    let image = images.reference("a:v1");
    let with = |secret: &str| world.clone().secret("regcred", ".dockerconfigjson", secret);
    assert_eq!(trusted(&verdict(&with(&config), &image).await).0, &digest);
    // A Secret without an entry for the host gives nothing to it.
    assert_eq!(verdict(&with(&other), &image).await.reason(), Reason::RegistryDenied);
}

/// A pod whose pull secrets are these.
struct Pulls(Arc<oci::Keyring>);

impl PullSecrets for Pulls {
    fn keyring(&self) -> BoxFuture<'_, Result<Arc<oci::Keyring>, Fault>> {
        ready(Ok(self.0.clone())).boxed()
    }
}

#[tokio::test]
async fn one_pods_pull_secret_answers_no_other_pod() {
    let (images, build) = (Images::start_tls().await, Signer::new());
    let digest = images.push_signed("a", "v1", &[&build]);
    images.0.require(Auth::bearer("reader", "pass"));
    let host = json!({"host": images.host(), "caBundle": {"configMapKeyRef": {"name": "registry-ca", "key": "ca.crt"}}});
    let world = World::new()
        .trust_root("build", &[&build])
        .validator("release", &json!({"cosign": {}, "trustRoots": ["build"], "registry": {"hosts": [host], "podPullSecrets": true}}))
        .config_map("registry-ca", "ca.crt", images.0.ca_pem().unwrap())
        .policy("p", &rules(&json!({"validator": "release"})));
    let snapshot = world.snapshot();
    let policies = snapshot.applicable("shop", &crate::policy::Labels::new());
    let config = json!({"auths": {images.host(): {"username": "reader", "password": "pass"}}}).to_string();
    let pulls = Pulls(Arc::new(oci::Keyring::from_docker_config(config.as_bytes()).unwrap()));
    let image = images.reference(&format!("a@{digest}"));
    let evaluator = evaluator();
    let (now, deadline) = (chrono::Utc::now(), Instant::now() + Duration::from_secs(5));
    let question = Question {
        namespace: "shop",
        image: &image,
        digest: None,
        policies: &policies,
        pull_secrets: &pulls,
        purpose: Purpose::Admission,
        now,
        deadline,
    };
    assert!(!evaluator.evaluate(question).await.is_refused());
    let stranger = evaluator.evaluate(Question { pull_secrets: &NoPullSecrets, ..question }).await;
    assert_eq!(stranger.results[0].verdict.reason(), Reason::RegistryDenied);
}
