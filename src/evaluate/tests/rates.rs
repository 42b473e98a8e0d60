//! Verdicts where a registry may be asked so often only.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use futures::future::join_all;
use oci::RequestRates;

use super::*;

#[tokio::test]
async fn a_rate_delays_verdicts_makes_faults_of_what_is_too_late_and_loses_none() {
    let (images, build) = (Images::start().await, Signer::new());
    let names: Vec<_> = (0..30).map(|number| format!("v{number}")).collect();
    for tag in &names {
        images.push_signed("a", tag, &[&build]);
    }
    let world = World::new().trust_root("build", &[&build]).cosign("release", &images.host(), &["build"]);
    let world = world.policy("p", &rules(&json!({"validator": "release"})));
    let client = client();
    client.limits().set(RequestRates { default: NonZeroU32::new(100), ..RequestRates::default() });
    let (evaluator, started) = (testing::evaluator(client), Instant::now());
    let mut open: BTreeSet<_> = names.iter().map(|tag| images.reference(&format!("a:{tag}"))).collect();
    let mut rounds = 0;
    while !open.is_empty() {
        rounds += 1;
        assert!(rounds < 50, "{open:?} come no further");
        let asked: Vec<_> = open.iter().cloned().collect();
        let answers = join_all(asked.iter().map(|image| testing::ask(&evaluator, &world, image, Duration::from_millis(500)))).await;
        for (image, decision) in asked.iter().zip(answers) {
            match &decision.results[0].verdict {
                Verdict::Trusted(_) => drop(open.remove(image)),
                Verdict::Fault(fault) => assert!(matches!(fault.reason(), Reason::RateLimited | Reason::Timeout), "{fault}"),
                other => panic!("{image}: {other:?}"),
            }
        }
    }
    let requests = u32::try_from(images.0.requests().len()).unwrap();
    assert!(rounds > 1 && started.elapsed() >= Duration::from_millis(10) * (requests - 1), "{requests} in {:?}", started.elapsed());
}
