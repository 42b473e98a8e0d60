//! Receivers that come, go and change while alerts wait.

use std::time::Duration;

use registry_double::{Misbehaviour, RegistryDouble};

use super::stage::{Stage, names, receiver, refused, webhook};
use crate::settings::Occasion::{Admitted, Refused};

async fn arrives(double: &RegistryDouble, expected: &[&str]) {
    let arrived = async {
        while names(double) != expected {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), arrived).await.unwrap_or_else(|_| panic!("{:?}", names(double)));
}

#[tokio::test]
async fn a_receiver_that_moves_gets_what_waits_for_it_at_its_new_place() {
    let (dead, new) = (RegistryDouble::start().await, receiver().await);
    dead.script("/hook", Misbehaviour::Status(503, vec![]));
    let stage = Stage::of(&webhook("ops", &dead));
    stage.alerts.tell(refused("first"));
    stage.until(|_| !dead.requests().is_empty()).await;
    stage.alerts.tell(refused("second"));
    stage.receivers(&webhook("ops", &new));
    arrives(&new, &["first", "second"]).await;
    assert_eq!((stage.counts().sent, stage.counts().failed), (2, 0));
}

#[tokio::test]
async fn a_receiver_that_is_taken_out_hears_nothing_more() {
    let (one, other) = (receiver().await, receiver().await);
    let stage = Stage::of(&format!("{}, {}", webhook("one", &one), webhook("other", &other)));
    stage.alerts.tell(refused("first"));
    arrives(&one, &["first"]).await;
    arrives(&other, &["first"]).await;
    stage.receivers(&webhook("other", &other));
    stage.alerts.tell(refused("second"));
    arrives(&other, &["first", "second"]).await;
    assert_eq!(names(&one), ["first"]);
    assert_eq!(stage.alerts.counts().len(), 1, "nothing is counted of a receiver that is gone");
}

#[tokio::test]
async fn without_receivers_nobody_listens() {
    let double = receiver().await;
    let stage = Stage::of(&webhook("ops", &double));
    let hears = |occasion| stage.alerts.hears(occasion, "shop");
    assert!(hears(Refused) && !hears(Admitted));
    stage.receivers("");
    assert!(!stage.alerts.hears(Refused, "shop"));
    stage.tasks.close();
    tokio::time::timeout(Duration::from_secs(30), stage.tasks.wait()).await.expect("its task ends with the receiver");
}
