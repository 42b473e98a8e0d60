//! Services that forget are reminded, and those that do not are told the end.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use registry_double::{Misbehaviour, RegistryDouble};
use serde_json::Value;

use super::stage::{Stage, bodies, changed, receiver_tls};

fn taken() -> Misbehaviour {
    Misbehaviour::Body("text/plain".to_owned(), "ok".into())
}

async fn requests(double: &RegistryDouble, count: usize) {
    let arrived = async {
        while double.requests().len() < count {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), arrived).await.unwrap_or_else(|_| panic!("{:?}", double.requests()));
}

#[tokio::test]
async fn an_alertmanager_is_told_again_what_still_fires() {
    let double = RegistryDouble::start().await;
    double.script("/api/v2/alerts", taken());
    let stage = Stage::of(&format!("{{name: am, on: [Changed], every: 1h, alertmanager: {{url: '{}'}}}}", double.url("")));
    stage.alerts.tell(changed("web", false));
    requests(&double, 1).await;
    stage.until(|counts| counts.sent == 1).await;
    stage.alerts.remind(&[changed("web", false), changed("job", false)], None);
    requests(&double, 2).await;
    let bodies = bodies(&double);
    assert_eq!(bodies[0][0]["labels"], bodies[1][0]["labels"]);
    assert_eq!(bodies[0][0]["annotations"], bodies[1][0]["annotations"]);
    let ends = |body: &Value| body[0]["endsAt"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    assert!(ends(&bodies[1]) >= ends(&bodies[0]));
    assert_eq!(bodies[1][1]["labels"]["name"], "job", "what another leader has told is told again too");
    assert_eq!(stage.counts().sent, 1, "a reminder is no further alert");
}

#[tokio::test]
async fn an_opsgenie_alert_of_a_pod_that_is_gone_is_closed() {
    let double = receiver_tls().await;
    double.script("/v2/alerts", taken());
    let service = format!(
        "opsgenie: {{url: '{}', caBundle: {{configMapKeyRef: {{name: ca, key: ca.crt}}}}, apiKeySecretRef: {{name: s, key: k}}}}",
        double.url("")
    );
    let stage = Stage::of(&format!("{{name: duty, on: [Changed], every: 1s, {service}}}"));
    stage.values.put("ca", "ca.crt", double.ca_pem().unwrap());
    stage.values.put("s", "k", "key");
    stage.alerts.tell(changed("web", false));
    requests(&double, 1).await;
    stage.until(|counts| counts.sent == 1).await;
    let now = Some(Utc::now() + TimeDelta::seconds(1));
    stage.alerts.remind(&[], None);
    stage.alerts.remind(&[changed("web", false)], now);
    stage.alerts.remind(&[], now);
    requests(&double, 2).await;
    let alias = bodies(&double)[0]["alias"].as_str().unwrap().to_owned();
    let seen = double.requests();
    assert_eq!((seen.len(), seen[1].path.as_str()), (2, format!("/v2/alerts/{alias}/close").as_str()));
    assert_eq!(seen[1].query, "identifierType=alias");
}
