//! Re-verification of many pods: 10,000 pods of 500 images, written as kubelets would, on a real API server.

mod cluster;
mod limited;
mod server;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use testbed::Operator;

use self::cluster::{Cluster, IMAGES, PODS};
pub(super) use self::limited::limited;
use super::table::Table;
use super::usage;

/// Longer than a verdict stands, so that each image is verified anew meanwhile.
const STEADY: Duration = Duration::from_mins(6);
/// For a pass that nothing slows.
const PATIENCE: Duration = Duration::from_mins(5);
/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(500);
const MOST_WRITES: f64 = 200.0;

/// Runs all of it on a cluster of its own.
pub(super) fn scale(program: &std::path::Path, table: &mut Table) -> Result<()> {
    let cluster = Cluster::start()?;
    cluster.enforce()?;
    let before = cluster.server().read()?;
    let operator = cluster.operator(program)?;
    let report = |text: &str, watched: &Watched| {
        format!("{PODS} pods of {IMAGES} images: {text} (at most {:.0} writes in a second)", watched.most_writes)
    };

    let pass = watch(&cluster, &operator, "verified", PATIENCE)?;
    table.at_most(&report("first pass after ready", &pass), "s", 60.0, pass.took.as_secs_f64(), "-");
    table.at_most("first pass: writes in the busiest second", "", MOST_WRITES, pass.most_writes, "-");
    table.at_most("first pass: verifications", "", as_f64(IMAGES), metric(&operator, "bonafide_verification_seconds_count")?, "-");
    let reports = cluster.server().reports()?;
    ensure!(reports.verified == PODS, "{} of {PODS} reports say that their pod is verified", reports.verified);
    let after = cluster.server().read()?;
    table.at_most("first pass: etcd growth per report", "KiB", 2.0, (after.etcd_bytes - before.etcd_bytes) / as_f64(PODS) / 1024.0, "-");
    table.note("a report as the API server gives it", &format!("{:.2} KiB", as_f64(reports.bytes) / as_f64(PODS) / 1024.0), "-");

    steady(&cluster, &operator, table)?;
    results(&operator, table)?;

    // The pods are trusted by nobody any more.
    cluster.trust(&cluster.other_key)?;
    let turned = watch(&cluster, &operator, "unverified", PATIENCE)?;
    table.at_most(&report("every report right after a change that concerns all", &turned), "s", 60.0, turned.took.as_secs_f64(), "-");
    let reports = cluster.server().reports()?;
    ensure!(reports.unverified == PODS, "{} of {PODS} reports say that their pod is not verified", reports.unverified);
    let pid = operator.id().context("the operator does not run")?;
    table.note("resident memory after that", &format!("{:.1} MiB", usage::memory(pid, "VmRSS")?), "-");
    operator.stop()
}

/// Nothing changes: what that costs.
fn steady(cluster: &Cluster, operator: &Operator, table: &mut Table) -> Result<()> {
    let pid = operator.id().context("the operator does not run")?;
    let (writes, cpu, start) = (cluster.server().read()?.writes, usage::cpu_seconds(pid)?, Instant::now());
    let verified = metric(operator, "bonafide_verification_seconds_count")?;
    std::thread::sleep(STEADY);
    let used = (usage::cpu_seconds(pid)? - cpu) / start.elapsed().as_secs_f64() * 100.0;
    let verified = metric(operator, "bonafide_verification_seconds_count")? - verified;
    table.at_most(
        &format!("when nothing changes, {} s, {verified:.0} verifications: CPU", STEADY.as_secs()),
        "% of a core",
        1.0,
        used,
        "-",
    );
    table.at_most("when nothing changes: API writes", "", 0.0, cluster.server().read()?.writes - writes, "-");
    let goal = 64.0 + as_f64(PODS) / 1024.0;
    let most = usage::memory(pid, "VmHWM")?;
    let what = format!("resident memory with {PODS} pods (at most {most:.1} MiB)");
    table.at_most(&what, "MiB", goal, usage::memory(pid, "VmRSS")?, "-");
    Ok(())
}

/// What a script and the status page ask for.
fn results(operator: &Operator, table: &mut Table) -> Result<()> {
    let start = Instant::now();
    let bytes = operator.admin("/results")?.len();
    let took = start.elapsed().as_secs_f64() * 1000.0;
    table.note("/results of all of them", &format!("{took:.0} ms, {:.2} MiB", as_f64(bytes) / 1024.0 / 1024.0), "-");
    Ok(())
}

/// How a pass went.
struct Watched {
    took: Duration,
    most_writes: f64,
    writes: f64,
}

/// Watches until all pods have this status and all reports were written.
fn watch(cluster: &Cluster, operator: &Operator, status: &str, patience: Duration) -> Result<Watched> {
    let start = Instant::now();
    let first = cluster.server().read()?.writes;
    let mut looks = vec![(Duration::ZERO, first)];
    let mut most_writes: f64 = 0.0;
    loop {
        std::thread::sleep(LOOK);
        let (took, writes) = (start.elapsed(), cluster.server().read()?.writes);
        looks.push((took, writes));
        // Over at least a second, as a goal in seconds is meant.
        if let Some((then, before)) = looks.iter().rev().find(|(then, _)| took.saturating_sub(*then) >= Duration::from_secs(1)) {
            most_writes = most_writes.max((writes - before) / took.saturating_sub(*then).as_secs_f64());
        }
        if writes - first >= as_f64(PODS) && pods(operator, status)? >= as_f64(PODS) {
            return Ok(Watched { took, most_writes, writes: writes - first });
        }
        ensure!(took < patience, "{} pods are {status}, {} reports were written", pods(operator, status)?, writes - first);
    }
}

/// Pods of all namespaces with a status.
fn pods(operator: &Operator, status: &str) -> Result<f64> {
    let label = format!("status=\"{status}\"");
    let metrics = operator.metrics()?;
    let lines = metrics.lines().filter(|line| line.starts_with("bonafide_pods{") && line.contains(&label));
    Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}

fn metric(operator: &Operator, name: &str) -> Result<f64> {
    operator.metric(name)?.with_context(|| format!("no {name}"))
}

fn as_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
