//! What became of alerts, by receiver: the labels are names that the settings give.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::alerting::Counts;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReceiverLabels {
    receiver: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabels {
    receiver: String,
    outcome: &'static str,
}

pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, counts: &[Counts]) -> Result<(), fmt::Error> {
    if counts.is_empty() {
        return Ok(());
    }
    let help = "Alerts by receiver: sent, failed (not taken), dropped (no room in the queue)";
    let mut alerts = encoder.encode_descriptor("alerts", help, None, MetricType::Counter)?;
    for Counts { receiver, sent, failed, dropped, queued: _ } in counts {
        for (outcome, count) in [("sent", *sent), ("failed", *failed), ("dropped", *dropped)] {
            ConstCounter::new(count).encode(alerts.encode_family(&OutcomeLabels { receiver: receiver.to_string(), outcome })?)?;
        }
    }
    let mut waiting = encoder.encode_descriptor("alerts_queued", "Alerts that wait for a receiver", None, MetricType::Gauge)?;
    for Counts { receiver, queued, .. } in counts {
        let gauge = ConstGauge::new(i64::try_from(*queued).unwrap_or(i64::MAX));
        gauge.encode(waiting.encode_family(&ReceiverLabels { receiver: receiver.to_string() })?)?;
    }
    Ok(())
}
