//! What is computed when it is scraped, so that it cannot go stale: the snapshot's age, our objects by state.

mod alerts;
mod containers;
mod running;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use tokio::sync::watch;

use crate::alerting::Alerts;
use crate::controllers::Compiled;
use crate::controllers::notary_state::Remembered;
use crate::controllers::verification_report::Running;
use crate::controllers::webhook_configuration::Installed;
use crate::evaluate::VerdictCache;
use crate::index::Readiness;
use crate::policy::Kind;
use crate::settings::Settings;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TierLabels {
    tier: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
struct ObjectLabels {
    kind: &'static str,
    state: &'static str,
}

/// The live state.
pub(in crate::runtime) struct State {
    pub(in crate::runtime) compiled: watch::Receiver<Option<Compiled>>,
    pub(in crate::runtime) leader: watch::Receiver<bool>,
    pub(in crate::runtime) verdicts: VerdictCache,
    pub(in crate::runtime) installed: watch::Receiver<Option<Installed>>,
    pub(in crate::runtime) remembered: watch::Receiver<Option<Remembered>>,
    pub(in crate::runtime) running: Running,
    pub(in crate::runtime) alerts: Alerts,
    pub(in crate::runtime) settings: watch::Receiver<Arc<Settings>>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("State")
    }
}

impl Collector for State {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let compiled = self.compiled.borrow().clone();
        let leader = ConstGauge::new(i64::from(*self.leader.borrow()));
        leader.encode(encoder.encode_descriptor("leader", "Whether this replica holds the Lease", None, MetricType::Gauge)?)?;
        let cached = ConstGauge::new(i64::try_from(self.verdicts.len()).unwrap_or(i64::MAX));
        cached.encode(encoder.encode_descriptor("cached_verdicts", "Verdicts that are remembered", None, MetricType::Gauge)?)?;
        if let Some(installed) = self.installed.borrow().clone() {
            let paused = ConstGauge::new(i64::from(installed.paused));
            let help = "Whether a webhook configuration is paused by its label";
            paused.encode(encoder.encode_descriptor("webhook_paused", help, None, MetricType::Gauge)?)?;
            let narrowed = ConstGauge::new(i64::from(installed.narrowed_by_others));
            let help = "Whether others exclude namespaces from a webhook configuration";
            narrowed.encode(encoder.encode_descriptor("webhook_narrowed_by_others", help, None, MetricType::Gauge)?)?;
        }
        if let Some(remembered) = self.remembered.borrow().clone() {
            encode_remembered(&mut encoder, &remembered)?;
        }
        if let Some(counts) = self.running.counts() {
            running::encode(&mut encoder, &counts)?;
        }
        alerts::encode(&mut encoder, &self.alerts.counts())?;
        let per_container = self.settings.borrow().metrics.per_container;
        if per_container && let Some(pods) = self.running.pods() {
            containers::encode(&mut encoder, &pods)?;
        }
        let Some(compiled) = compiled else { return Ok(()) };
        let age = ConstGauge::new(compiled.published.elapsed().as_secs_f64());
        age.encode(encoder.encode_descriptor("snapshot_age_seconds", "Time since the snapshot was compiled", None, MetricType::Gauge)?)?;
        let mut objects = encoder.encode_descriptor("objects", "Our objects by state", None, MetricType::Gauge)?;
        for (labels, count) in count(&compiled) {
            ConstGauge::new(count).encode(objects.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// What the leader has counted of the states of trust data.
fn encode_remembered(encoder: &mut DescriptorEncoder<'_>, remembered: &Remembered) -> Result<(), fmt::Error> {
    let gauge = |value: u64| ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    let mut guns = encoder.encode_descriptor("notary_guns", "Repositories whose trust data is remembered", None, MetricType::Gauge)?;
    for (tier, count) in [("cluster", remembered.cluster_guns), ("tenant", remembered.tenant_guns)] {
        gauge(count).encode(guns.encode_family(&TierLabels { tier })?)?;
    }
    let help = "Bytes of the states of trust data";
    gauge(remembered.bytes).encode(encoder.encode_descriptor("notary_state_bytes", help, None, MetricType::Gauge)?)?;
    let lost = remembered.losses.iter().map(|loss| loss.guns).sum();
    let help = "Repositories whose state was lost within the last seven days";
    gauge(lost).encode(encoder.encode_descriptor("notary_guns_lost", help, None, MetricType::Gauge)?)
}

fn count(compiled: &Compiled) -> BTreeMap<ObjectLabels, i64> {
    let kinds = [Kind::ImagePolicy, Kind::Validator, Kind::TrustRoot];
    let states = |kind: Kind| ["ready", "unready"].map(|state| (ObjectLabels { kind: kind.as_str(), state }, 0));
    let mut counts: BTreeMap<_, _> = kinds.into_iter().flat_map(states).collect();
    for finding in compiled.findings.iter() {
        let state = if finding.readiness == Readiness::Ready { "ready" } else { "unready" };
        *counts.entry(ObjectLabels { kind: finding.kind.as_str(), state }).or_default() += 1;
    }
    counts
}
