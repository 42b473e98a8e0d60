//! Who may call the webhook, what a broken call does, and what never leaves the operator.

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testbed::Environment;

use crate::Story;
use crate::actions::pod;
use crate::support::{Stage, admitted, refused, stage, yaml};
use crate::tls::Connection;

pub const STORIES: &[Story] = &[
    Story { name: "review_from_stranger_reads_no_secret", run: review_from_stranger_reads_no_secret },
    Story { name: "broken_review_is_answered_and_the_connection_lives_on", run: broken_review_is_answered_and_the_connection_lives_on },
    Story { name: "metrics_tell_what_happens", run: metrics_tell_what_happens },
];

/// After everything else, when the log is longest.
pub const LAST: &[Story] = &[Story { name: "no_secret_is_ever_logged", run: no_secret_is_ever_logged }];

/// A webhook entry: authority and path, as an administrator reads them.
fn webhook(env: &Environment) -> Result<(String, String)> {
    let configuration = env.control_plane.kubectl().get(&["mutatingwebhookconfiguration", "bonafide"])?.context("the configuration")?;
    let client = configuration.pointer("/webhooks/0/clientConfig").context("an entry")?;
    let url = client["url"].as_str().context("a URL")?;
    let authority = STANDARD.decode(client["caBundle"].as_str().context("an authority")?)?;
    let path = url.strip_prefix(&env.operator.webhook_url()).context("a path below the operator's address")?;
    Ok((String::from_utf8(authority)?, path.to_owned()))
}

fn review(stage: &Stage<'_>, image: &str) -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u1", "operation": "CREATE", "namespace": stage.namespace.name(), "name": "web",
        "kind": {"group": "", "version": "v1", "kind": "Pod"}, "resource": {"group": "", "version": "v1", "resource": "pods"},
        "object": pod("web", image)
    }})
}

fn review_from_stranger_reads_no_secret(env: &Environment) -> Result<()> {
    stage(env, "stranger", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let repository = "stranger/never-asked";
        let body = review(stage, &format!("{}/{repository}:v1", env.registry.host())).to_string();
        let (authority, path) = webhook(env)?;
        let open = || Connection::open(&env.operator.webhook_url(), &authority);
        let wrong = path.replace("/mutate", "0/mutate");
        let shorter = path.replacen(|c: char| c.is_ascii_alphanumeric(), "", 1);
        for stranger in
            ["/", "/mutate", "//mutate", "/x/mutate", "/x/resources", "/metrics", &wrong, &shorter, &path.replace("mutate", "other")]
        {
            for method in ["POST", "GET"] {
                // Nobody reads what strangers send, so the connection ends with the answer.
                let (status, answer) = open()?.request(method, stranger, &body)?;
                ensure!(status == 404 && answer == "not found\n", "{method} {stranger}: {status} {answer:?}");
            }
        }
        ensure!(env.registry.requests_to(repository)? == 0, "a stranger made the operator ask a registry");
        // The same with the right path does: what was missing above is the path alone.
        let (status, _) = open()?.request("POST", &path, &body)?;
        ensure!(status == 200 && env.registry.requests_to(repository)? > 0, "{status}");
        Ok(())
    })
}

fn broken_review_is_answered_and_the_connection_lives_on(env: &Environment) -> Result<()> {
    stage(env, "broken-review", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let image = stage.signed("web", &["build"])?;
        let good = review(stage, &image.by_tag());
        let changed = |path: &str, value: Value| {
            let mut review = good.clone();
            if let Some(field) = review.pointer_mut(path) {
                *field = value;
            }
            review.to_string()
        };
        let (authority, path) = webhook(env)?;
        let mut connection = Connection::open(&env.operator.webhook_url(), &authority)?;
        let broken = [
            (String::new(), "the body is not an AdmissionReview"),
            ("<html>".to_owned(), "the body is not an AdmissionReview"),
            ("[".repeat(100_000), "the body is not an AdmissionReview"),
            (changed("/kind", json!("Pod")), "the body is not an AdmissionReview"),
            (changed("/apiVersion", json!("admission.k8s.io/v1beta1")), "only AdmissionReviews of admission.k8s.io/v1"),
            (changed("/request/uid", json!("")), "the request has no uid"),
            (changed("/request", Value::Null), "the AdmissionReview has no request"),
        ];
        for (body, text) in &broken {
            let (status, answer) = connection.request("POST", &path, body)?;
            ensure!(status == 400 && answer.contains(text) && answer.len() < 200, "{text:?}: {status} {answer:?}");
        }
        let (status, answer) = connection.request("POST", &path, &good.to_string())?;
        let answer: Value = serde_json::from_str(&answer)?;
        ensure!(status == 200 && answer.pointer("/response/allowed") == Some(&json!(true)), "{answer:#}");

        let mut connection = Connection::open(&env.operator.webhook_url(), &authority)?;
        let (status, answer) = connection.announce(&path, 17 * 1024 * 1024)?;
        ensure!(status == 413 && answer.contains("16 MiB"), "{status} {answer:?}");
        admitted(stage.pod("web", &image.by_tag())?).map(|_| ())
    })
}

fn metrics_tell_what_happens(env: &Environment) -> Result<()> {
    stage(env, "metrics", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let image = stage.signed("web", &["build"])?.by_tag();
        admitted(stage.pod("web", &image)?)?;
        refused(stage.pod("unsigned", &stage.unsigned("unsigned")?.by_tag())?, &["NoSignature"])?;
        let host = env.registry.host();
        let series = [
            "bonafide_admission_requests_total{webhook=\"mutate\",outcome=\"admitted\",reason=\"none\"}".to_owned(),
            "bonafide_admission_requests_total{webhook=\"validate\",outcome=\"admitted\",reason=\"none\"}".to_owned(),
            "bonafide_admission_requests_total{webhook=\"mutate\",outcome=\"refused\",reason=\"NoSignature\"}".to_owned(),
            "bonafide_admission_seconds_count{webhook=\"mutate\"}".to_owned(),
            format!("bonafide_registry_requests_total{{host=\"{host}\",outcome=\"success\"}}"),
            "bonafide_requirement_verdicts_total{outcome=\"hit\"}".to_owned(),
            "bonafide_requirement_verdicts_total{outcome=\"miss\"}".to_owned(),
            "bonafide_verification_seconds_count".to_owned(),
            "bonafide_cached_verdicts".to_owned(),
            "bonafide_objects{kind=\"ImagePolicy\",state=\"ready\"}".to_owned(),
            "bonafide_objects{kind=\"Validator\",state=\"ready\"}".to_owned(),
            "bonafide_objects{kind=\"TrustRoot\",state=\"ready\"}".to_owned(),
            "bonafide_leader".to_owned(),
        ];
        for series in &series {
            let value = env.operator.metric(series)?;
            ensure!(value.is_some_and(|value| value >= 1.0), "{series} is {value:?} in\n{}", env.operator.metrics()?);
        }
        let age = env.operator.metric("bonafide_snapshot_age_seconds")?;
        ensure!(age.is_some_and(|age| age >= 0.0), "the age of the snapshot is {age:?}");
        ensure!(env.operator.admin("/livez").is_ok() && env.operator.is_ready());
        Ok(())
    })
}

fn no_secret_is_ever_logged(env: &Environment) -> Result<()> {
    stage(env, "secrets", |stage| {
        let password = "correct-horse-battery-staple";
        let login = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": stage.metadata("login"), "type": "kubernetes.io/basic-auth",
            "stringData": {"username": "robot", "password": password}
        });
        let key = env.key("build")?.public_pem;
        let public = json!({"apiVersion": "v1", "kind": "Secret", "metadata": stage.metadata("key"), "stringData": {"cosign.pub": key}});
        let reference = json!({"name": stage.object("key"), "key": "cosign.pub"});
        let root = json!({
            "apiVersion": "bonafide.dev/v1alpha1", "kind": "TrustRoot", "metadata": stage.metadata("team"),
            "spec": {"keys": [{"name": "key", "secretKeyRef": reference}]}
        });
        let hosts = json!([{"host": "localhost:1", "credentialsRef": {"name": stage.object("login")}}]);
        let validator = json!({
            "apiVersion": "bonafide.dev/v1alpha1", "kind": "Validator", "metadata": stage.metadata("release"),
            "spec": {"trustRoots": [stage.object("team")], "cosign": {}, "registry": {"hosts": hosts}}
        });
        stage.operator().apply(&yaml(&[login, public, root, validator]))?;
        stage.enforce()?;
        refused(stage.pod("web", "localhost:1/web:v1")?, &["(policy bonafide-system/secrets-policy"])?;

        let mut secrets = vec![password.to_owned(), STANDARD.encode(password), STANDARD.encode(format!("robot:{password}"))];
        secrets.push(webhook(env)?.1.split('/').nth(1).context("the path segment")?.to_owned());
        secrets.extend(body_lines(&key));
        for name in ["bonafide-webhook-tls", "bonafide-webhook-ca"] {
            let secret = stage.operator().get(&["secret", name])?.with_context(|| format!("the Secret {name}"))?;
            let pem = STANDARD.decode(secret.pointer("/data/tls.key").and_then(Value::as_str).context("its key")?)?;
            secrets.extend(body_lines(&String::from_utf8(pem)?));
        }
        let log = std::fs::read_to_string(env.operator.log())?;
        ensure!(
            log.contains("request judged") && log.contains("\"uid\"") && log.contains("\"namespace\""),
            "the log tells what was judged"
        );
        for secret in &secrets {
            ensure!(secret.len() > 8, "too short to look for: {secret:?}");
            ensure!(!log.contains(secret), "the log holds {secret:?}");
        }
        // Tokens begin so, as JWTs do.
        ensure!(!log.contains("eyJhbGciOi"), "the log holds a token");
        stage.operator().delete(&["secret", "--selector=story=secrets"])
    })
}

/// The base64 of a PEM block, line by line.
fn body_lines(pem: &str) -> Vec<String> {
    pem.lines().filter(|line| !line.starts_with("-----") && line.len() > 8).map(str::to_owned).collect()
}
