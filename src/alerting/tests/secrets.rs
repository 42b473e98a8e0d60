//! Secrets reach the receiver, over TLS, and nobody else.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use registry_double::Misbehaviour;
use tokio::time::Instant;

use super::stage::{Stage, admitted, receiver_tls, refused};
use crate::settings::Settings;

const BUNDLE: &str = "caBundle: {configMapKeyRef: {name: ca, key: ca.crt}}";

async fn delivered(stage: &Stage) -> bool {
    stage.alerts.deliver(admitted("web"), Instant::now() + Duration::from_secs(8)).await.is_ok()
}

fn strict(service: &str) -> String {
    format!("{{name: strict, on: [Admitted], failIfNotSent: true, {service}}}")
}

#[tokio::test]
async fn each_kind_of_credential_arrives_as_its_service_wants_it() {
    let double = receiver_tls().await;
    let taken = || Misbehaviour::Body("text/plain".to_owned(), "ok".into());
    double.script("/v2/alerts", taken());
    double.script("/am/api/v2/alerts", taken());
    let (url, base) = (double.url("/hook"), double.url(""));
    for (service, authorization) in [
        (format!("webhook: {{url: '{url}', {BUNDLE}, bearerTokenSecretRef: {{name: s, key: token}}}}"), "Bearer t0ken"),
        (format!("webhook: {{url: '{url}', {BUNDLE}, basicAuthSecretRef: {{name: s}}}}"), "Basic dXNlcjpwYXNzd29yZA=="),
        (format!("opsgenie: {{url: '{base}', {BUNDLE}, apiKeySecretRef: {{name: s, key: token}}}}"), "GenieKey t0ken"),
        (format!("alertmanager: {{url: '{base}/am/', {BUNDLE}, bearerTokenSecretRef: {{name: s, key: token}}}}"), "Bearer t0ken"),
        (
            format!("webhook: {{url: '{url}', {BUNDLE}, headers: [{{name: Authorization, valueSecretRef: {{name: s, key: token}}}}]}}"),
            "t0ken",
        ),
    ] {
        let stage = Stage::of(&strict(&service));
        stage.values.put("ca", "ca.crt", double.ca_pem().unwrap());
        stage.values.put("s", "token", "t0ken\n");
        stage.values.put("s", "username", "user");
        stage.values.put("s", "password", "password");
        assert!(delivered(&stage).await, "{service}");
        assert_eq!(double.requests().last().unwrap().authorization.as_deref(), Some(authorization), "{service}");
    }
}

#[tokio::test]
async fn a_changed_secret_counts_from_the_next_message_on() {
    let double = receiver_tls().await;
    let stage = Stage::of(&strict(&format!("slack: {{urlSecretRef: {{name: s, key: url}}, {BUNDLE}}}")));
    stage.values.put("ca", "ca.crt", double.ca_pem().unwrap());
    stage.values.put("s", "url", &double.url("/old"));
    assert!(!delivered(&stage).await);
    stage.values.put("s", "url", &format!("{}\n", double.url("/hook")));
    assert!(delivered(&stage).await);
}

#[tokio::test]
async fn a_secret_url_over_plain_http_is_not_used() {
    let double = super::stage::receiver().await;
    let stage = Stage::of(&strict("slack: {urlSecretRef: {name: s, key: url}}"));
    stage.values.put("s", "url", &double.url("/hook"));
    assert!(!delivered(&stage).await);
    assert!(double.requests().is_empty());
}

#[test]
fn no_settings_send_a_secret_over_plain_http() {
    for service in [
        "webhook: {url: 'http://siem/x', plainHTTP: true, bearerTokenSecretRef: {name: s, key: t}}",
        "webhook: {url: 'http://127.0.0.1/x', basicAuthSecretRef: {name: s}}",
        "webhook: {url: 'http://siem/x', plainHTTP: true, headers: [{name: X-Key, valueSecretRef: {name: s, key: t}}]}",
        "webhook: {urlSecretRef: {name: s, key: u}, plainHTTP: true}",
        "alertmanager: {url: 'http://am:9093', plainHTTP: true, bearerTokenSecretRef: {name: s, key: t}}",
        "opsgenie: {url: 'http://127.0.0.1', apiKeySecretRef: {name: s, key: t}}",
    ] {
        let text = format!("alerting: {{receivers: [{}]}}", strict(service));
        let error = Settings::parse(&text).unwrap_err().to_string();
        assert!(error.contains("https"), "{service}: {error}");
    }
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_in_logs_or_errors() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).with_ansi(false).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let double = receiver_tls().await;
    double.script("/hook/s3cret", Misbehaviour::Status(500, vec![]));
    let stage = Stage::of(&format!(
        "{{name: ops, on: [Refused, Admitted], failIfNotSent: true, webhook: {{urlSecretRef: {{name: s, key: url}}, {BUNDLE}, headers: [{{name: X-Key, valueSecretRef: {{name: s, key: token}}}}]}}}}"
    ));
    stage.values.put("ca", "ca.crt", double.ca_pem().unwrap());
    stage.values.put("s", "url", &double.url("/hook/s3cret"));
    stage.values.put("s", "token", "s3cret");
    stage.alerts.tell(refused("web"));
    let error = stage.alerts.deliver(admitted("web"), Instant::now() + Duration::from_millis(500)).await.unwrap_err().to_string();
    stage.values.put("s", "token", "s3cret\u{1}s3cret");
    let other = stage.alerts.deliver(admitted("web"), Instant::now() + Duration::from_millis(500)).await.unwrap_err().to_string();
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(log.matches("an alert receiver does not take messages").count(), 1, "once per outage: {log}");
    let ours: Vec<_> = log.lines().filter(|line| line.contains("bonafide")).collect();
    assert!(!ours.is_empty(), "{log}");
    for text in [error, other, ours.join("\n"), format!("{:?}", stage.alerts)] {
        assert!(!text.contains("s3cret"), "{text}");
    }
}
