//! The same pods with a registry that takes five requests a second, from an operator that has seen nothing yet.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use super::super::stage::Stage;
use super::super::table::Table;
use super::cluster::{Cluster, IMAGES, PODS};
use super::{as_f64, metric, watch};

const PER_SECOND: f64 = 5.0;
/// Twice what 500 images of four requests take at that pace.
const PATIENCE: Duration = Duration::from_secs(800);

/// Runs all of it on a cluster of its own.
pub(in super::super) fn limited(program: &Path, table: &mut Table) -> Result<()> {
    let cluster = Cluster::start()?;
    let text = format!("limits: {{registryRequestsPerSecond: {{hosts: {{{:?}: {PER_SECOND}}}}}}}", cluster.registry.host());
    let settings =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": Stage::metadata("bonafide-settings"), "data": {"settings.yaml": text}});
    cluster.operator_namespace().apply(&settings.to_string())?;
    cluster.enforce()?;
    let before = cluster.registry.requests()?.len();
    let operator = cluster.operator(program)?;
    let pass = watch(&cluster, &operator, "verified", PATIENCE)?;

    let reports = cluster.server().reports()?;
    ensure!(reports.verified == PODS, "{} of {PODS} reports say that their pod is verified", reports.verified);
    let requests = as_f64(cluster.registry.requests()?.len() - before);
    let busiest = cluster.registry.busiest_second(before)?;
    let what = format!("a registry that takes {PER_SECOND} a second, {PODS} pods of {IMAGES} images: requests in its busiest second");
    table.at_most(&what, "", PER_SECOND, as_f64(busiest), "-");
    let took = pass.took.as_secs_f64();
    let ideal = format!("{:.0} s", requests / PER_SECOND);
    table.note(&format!("the same: until all are verified, {requests} requests"), &format!("{took:.0} s"), &ideal);
    // One that was not answered in time would be written as unknown first, and once more.
    table.at_most("the same: writes beyond one for each report", "", 0.0, pass.writes - as_f64(PODS), "-");
    let looked = metric(&operator, "bonafide_verification_seconds_count")?;
    table.note("the same: verifications, with those that are due again after five minutes", &format!("{looked}"), "-");
    operator.stop()
}
