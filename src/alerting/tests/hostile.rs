//! Receivers that misbehave, one for each check that stands alone against it.

use std::time::Duration;

use oci::Egress;
use registry_double::{Misbehaviour, Reception, RegistryDouble};
use tokio::time::Instant;

use super::stage::{Stage, admitted, receiver, receiver_tls, refused, webhook};

fn awaited(double: &RegistryDouble) -> String {
    format!("{{name: strict, on: [Admitted, Refused], failIfNotSent: true, webhook: {{url: '{}'}}}}", double.url("/hook"))
}

async fn delivered(stage: &Stage, within: Duration) -> bool {
    stage.alerts.deliver(admitted("web"), Instant::now() + within).await.is_ok()
}

#[tokio::test]
async fn an_admission_waits_for_those_who_must_take_the_message() {
    let double = receiver().await;
    let stage = Stage::of(&awaited(&double));
    assert!(delivered(&stage, Duration::from_secs(8)).await);
    assert_eq!(double.requests().len(), 1);
    stage.alerts.tell(admitted("web"));
    stage.alerts.tell(refused("bad"));
    stage.until(|counts| counts.queued == 0 && counts.sent >= 2).await;
    assert_eq!(super::stage::names(&double), ["web", "bad"], "what was delivered is not told again");
}

#[tokio::test]
async fn a_stalled_receiver_ends_at_the_deadline_and_is_named() {
    let double = RegistryDouble::start().await;
    double.script("/hook", Misbehaviour::Stall);
    let stage = Stage::of(&awaited(&double));
    let start = Instant::now();
    let not_sent = stage.alerts.deliver(admitted("web"), start + Duration::from_millis(300)).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    let text = not_sent.to_string();
    assert!(text.contains("\"strict\"") && !text.contains(&double.address()), "{text}");
}

#[tokio::test]
async fn a_second_try_within_the_deadline_can_save_an_admission() {
    let double = receiver().await;
    double.script_once("/hook", Misbehaviour::Status(500, vec![]));
    double.script_once("/hook", Misbehaviour::Reset);
    let stage = Stage::of(&awaited(&double));
    assert!(delivered(&stage, Duration::from_secs(8)).await);
    assert_eq!(double.requests().len(), 3);
}

#[tokio::test]
async fn a_receiver_that_says_no_is_not_asked_until_the_deadline() {
    let double = receiver().await;
    double.script("/hook", Misbehaviour::Status(403, vec![]));
    let stage = Stage::of(&awaited(&double));
    let start = Instant::now();
    assert!(!delivered(&stage, Duration::from_mins(1)).await);
    assert!(start.elapsed() < Duration::from_secs(30));
    assert_eq!(double.requests().len(), 1);
}

#[tokio::test]
async fn an_endless_or_unfinished_answer_holds_up_nobody() {
    for misbehaviour in [Misbehaviour::Endless, Misbehaviour::SlowBody] {
        let double = RegistryDouble::start().await;
        double.script("/hook", misbehaviour.clone());
        let stage = Stage::of(&awaited(&double));
        let start = Instant::now();
        assert!(delivered(&stage, Duration::from_secs(20)).await, "{misbehaviour:?}: its status was a success");
        assert!(start.elapsed() < Duration::from_secs(15), "{misbehaviour:?}: {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (double, elsewhere) = (RegistryDouble::start().await, receiver().await);
    double.script("/hook", Misbehaviour::Redirect(elsewhere.url("/hook")));
    let stage = Stage::of(&awaited(&double));
    assert!(!delivered(&stage, Duration::from_secs(8)).await);
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn loopback_is_not_dialled_unless_it_is_allowed() {
    let double = receiver().await;
    let stage = Stage::with_egress(&awaited(&double), Egress::closed());
    assert!(!delivered(&stage, Duration::from_secs(8)).await);
    let by_name = awaited(&double).replace("127.0.0.1", "localhost");
    let stage = Stage::with_egress(&by_name, Egress::closed());
    assert!(!delivered(&stage, Duration::from_secs(8)).await);
    assert!(double.requests().is_empty());
}

#[tokio::test]
async fn a_certificate_must_be_of_the_given_authority_and_for_this_host() {
    let double = receiver_tls().await;
    let (ca, url) = (double.ca_pem().unwrap().to_owned(), double.url("/hook"));
    let with = |bundle: &str| format!("{{name: strict, on: [Admitted], failIfNotSent: true, webhook: {{url: '{url}'{bundle}}}}}");
    let short = Duration::from_millis(700);
    assert!(!delivered(&Stage::of(&with("")), short).await, "an unknown authority");
    let stage = Stage::of(&with(", caBundle: {configMapKeyRef: {name: ca, key: ca.crt}}"));
    assert!(!delivered(&stage, short).await, "no bundle is there");
    stage.values.put("ca", "ca.crt", &ca);
    assert!(delivered(&stage, Duration::from_secs(8)).await);
    for reception in [Reception::CertificateOfAnotherHost, Reception::ExpiredCertificate, Reception::WithoutTls] {
        let double = receiver_tls().await;
        double.receive(reception);
        let bundle = format!(
            "{{name: strict, on: [Admitted], failIfNotSent: true, webhook: {{url: '{}', caBundle: {{configMapKeyRef: {{name: ca, key: ca.crt}}}}}}}}",
            double.url("/hook")
        );
        let stage = Stage::of(&bundle);
        stage.values.put("ca", "ca.crt", double.ca_pem().unwrap());
        assert!(!delivered(&stage, short).await, "{reception:?}");
        assert!(double.requests().is_empty(), "{reception:?}");
    }
}

#[tokio::test]
async fn so_many_admissions_wait_for_one_receiver_and_no_more() {
    let double = RegistryDouble::start().await;
    double.script("/hook", Misbehaviour::Stall);
    let stage = Stage::of(&awaited(&double));
    let deadline = Instant::now() + Duration::from_secs(2);
    let deliveries = (0..100).map(|_| stage.alerts.deliver(admitted("web"), deadline));
    let outcomes = futures::future::join_all(deliveries).await;
    assert!(outcomes.iter().all(Result::is_err));
    assert!((1..=32).contains(&double.requests().len()), "{}", double.requests().len());
}

#[tokio::test]
async fn a_receiver_for_other_occasions_is_not_waited_for() {
    let double = RegistryDouble::start().await;
    double.script("/hook", Misbehaviour::Stall);
    let stage = Stage::of(&webhook("ops", &double));
    assert!(delivered(&stage, Duration::from_millis(1)).await);
}
