//! Alerts, receivers of a test and what they name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use oci::{Egress, Poster};
use registry_double::{Misbehaviour, RegistryDouble};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::alerting::{Absent, Alert, AlertImage, Alerts, Counts, Dispatcher, Material};
use crate::crd::ImageStatus;
use crate::settings::{Occasion, Settings};

pub(super) const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A pod of the namespace `shop` that was refused.
pub(in crate::alerting) fn refused(name: &str) -> Alert {
    alert(Occasion::Refused, name, false)
}

/// A pod of the namespace `shop` whose verdict has changed.
pub(in crate::alerting) fn changed(name: &str, good: bool) -> Alert {
    Alert { uid: Some(format!("uid-of-{name}")), ..alert(Occasion::Changed, name, good) }
}

/// A pod of the namespace `shop` that was admitted.
pub(super) fn admitted(name: &str) -> Alert {
    alert(Occasion::Admitted, name, true)
}

fn alert(occasion: Occasion, name: &str, good: bool) -> Alert {
    let image = AlertImage {
        image: format!("registry.example.com/apps/{name}:v1"),
        digest: good.then(|| DIGEST.to_owned()),
        policy: "bonafide-system/production".to_owned(),
        rule: Some("apps".to_owned()),
        status: if good { ImageStatus::Trusted } else { ImageStatus::Untrusted },
        reason: if good { "Trusted" } else { "NoSignature" }.to_owned(),
        message: if good { "" } else { "no signature found" }.to_owned(),
    };
    Alert {
        occasion,
        time: DateTime::<Utc>::UNIX_EPOCH,
        namespace: "shop".to_owned(),
        kind: "Pod".to_owned(),
        name: name.to_owned(),
        uid: None,
        good,
        reason: image.reason.clone(),
        message: String::new(),
        images: vec![image],
        more_images: 0,
    }
}

/// Secrets and `ConfigMap`s; all of them can change.
#[derive(Clone, Default)]
pub(super) struct Values(Arc<Mutex<Stored>>);

/// By name and key.
type Stored = BTreeMap<(String, String), Vec<u8>>;

impl Values {
    pub(super) fn put(&self, name: &str, key: &str, value: &str) {
        self.0.lock().unwrap().insert((name.to_owned(), key.to_owned()), value.as_bytes().to_vec());
    }

    fn get(&self, kind: &'static str, name: &str, key: &str) -> Result<Vec<u8>, Absent> {
        let found = self.0.lock().unwrap().get(&(name.to_owned(), key.to_owned())).cloned();
        found.ok_or_else(|| Absent::Key { kind, name: name.to_owned(), key: key.to_owned() })
    }
}

impl Material for Values {
    fn secret(&self, name: &str, key: &str) -> Result<Vec<u8>, Absent> {
        self.get("Secret", name, key)
    }

    fn config_map(&self, name: &str, key: &str) -> Result<Vec<u8>, Absent> {
        self.get("ConfigMap", name, key)
    }
}

/// Alerts with receivers as a settings text has them.
pub(super) struct Stage {
    pub(super) alerts: Alerts,
    pub(super) values: Values,
    pub(super) tasks: TaskTracker,
    pub(super) cancel: CancellationToken,
    dispatcher: Dispatcher,
}

impl Stage {
    /// With these entries of `alerting.receivers`; loopback may be dialled.
    pub(super) fn of(receivers: &str) -> Self {
        Self::with_egress(receivers, Egress::allowing(&["127.0.0.0/8".to_owned()]).unwrap())
    }

    pub(super) fn with_egress(receivers: &str, egress: Egress) -> Self {
        let (alerts, values, tasks, cancel) = (Alerts::default(), Values::default(), TaskTracker::new(), CancellationToken::new());
        let poster = Poster::new(egress, "test".to_owned()).unwrap();
        let dispatcher = Dispatcher::new(alerts.clone(), poster, Arc::new(values.clone()), tasks.clone(), cancel.clone());
        let stage = Self { alerts, values, tasks, cancel, dispatcher };
        stage.receivers(receivers);
        stage
    }

    /// Other receivers from now on.
    pub(super) fn receivers(&self, receivers: &str) {
        let settings = Settings::parse(&format!("alerting: {{cluster: test, receivers: [{receivers}]}}")).unwrap();
        self.dispatcher.follow(&settings.alerting);
    }

    pub(super) fn counts(&self) -> Counts {
        self.alerts.counts().remove(0)
    }

    /// Waits until this holds of the first receiver's counts. Under paused time, time passes meanwhile.
    pub(super) async fn until(&self, holds: impl Fn(&Counts) -> bool) -> Counts {
        loop {
            let counts = self.counts();
            if holds(&counts) {
                return counts;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

/// A receiver on loopback that takes what it gets at `/hook`.
pub(super) async fn receiver() -> RegistryDouble {
    takes(RegistryDouble::start().await)
}

/// The same over TLS.
pub(super) async fn receiver_tls() -> RegistryDouble {
    takes(RegistryDouble::start_tls().await)
}

fn takes(double: RegistryDouble) -> RegistryDouble {
    double.script("/hook", Misbehaviour::Body("text/plain".to_owned(), "ok".into()));
    double
}

/// A webhook receiver for refusals and changes.
pub(super) fn webhook(name: &str, double: &RegistryDouble) -> String {
    format!("{{name: {name}, on: [Refused, Changed], every: 1s, webhook: {{url: '{}'}}}}", double.url("/hook"))
}

/// The bodies that it got, in their order.
pub(super) fn bodies(double: &RegistryDouble) -> Vec<Value> {
    double.requests().iter().map(|seen| serde_json::from_str(&seen.body).unwrap()).collect()
}

/// The names of the objects of all alerts in the bodies of the generic shape.
pub(super) fn names(double: &RegistryDouble) -> Vec<String> {
    let alerts = bodies(double).into_iter().flat_map(|body| body["alerts"].as_array().unwrap().clone());
    alerts.map(|alert| alert["name"].as_str().unwrap().to_owned()).collect()
}
