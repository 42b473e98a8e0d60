//! Images that the operator has not looked at: near and far, many in a pod, many pods at once.

use std::time::Duration;

use anyhow::Result;

use super::figures::{median, millis, percentile};
use super::stage::Guarded;
use super::table::Table;
use super::traffic::Baseline;

/// Starts of the operator, after each of which every image is unseen again.
const STARTS: usize = 5;

/// One client, one unseen image per pod.
pub(super) fn cold(guarded: &Guarded, baseline: &Baseline, table: &mut Table) -> Result<()> {
    let stage = &guarded.stage;
    let images: Vec<String> = stage.cold(0, usize::MAX);
    // The hot image, which follows each start, is left out.
    let cold = || Ok::<_, anyhow::Error>(stage.registry.requests()?.iter().filter(|request| request.path.starts_with("/v2/cold-")).count());
    let before = cold()?;
    let latencies = each_alone(guarded, &images)?;
    let requests = cold()? - before;
    let above = millis(percentile(&latencies, 50)) - baseline.one.p50;
    let without = format!("{:.2} ms", baseline.one.p50);
    table.at_most("cold, one client, loopback registry: p50 above the baseline", "ms", 6.0, above, &without);
    table.at_most("cold: registry requests per image", "", 3.0, ratio(requests, latencies.len()), "-");
    Ok(())
}

/// As [`cold`], with a registry at 20 ms round trip.
pub(super) fn far(guarded: &Guarded, baseline: &Baseline, table: &mut Table) -> Result<()> {
    let stage = &guarded.stage;
    let images: Vec<String> = stage.cold.iter().map(|image| stage.afar(image)).collect();
    let latencies = each_alone(guarded, &images)?;
    let without = format!("{:.2} ms", baseline.one.p50);
    table.at_most("cold, registry at 20 ms round trip: p50", "ms", 100.0, millis(percentile(&latencies, 50)), &without);
    table.at_most("cold, registry at 20 ms round trip: p99", "ms", 1000.0, millis(percentile(&latencies, 99)), &without);
    Ok(())
}

/// Eight containers with an image each, none of them seen.
pub(super) fn containers(guarded: &Guarded, baseline: &Baseline, table: &mut Table) -> Result<()> {
    let stage = &guarded.stage;
    let mut latencies = Vec::new();
    for _ in 0..STARTS {
        guarded.restart()?;
        for from in [0, 8] {
            latencies.push(millis(stage.load.pod(stage.namespace.name(), &stage.cold(from, 8))?));
        }
    }
    let without = format!("{:.2} ms", baseline.eight.p50);
    table.at_most("8 containers, 8 uncached images, loopback: p50", "ms", 15.0, median(latencies), &without);

    let requests = requests_during(guarded, || stage.load.pod(stage.namespace.name(), &vec![stage.cold(16, 1).concat(); 8]).map(|_| ()))?;
    table.at_most("8 containers of one unseen image: registry requests", "", 4.0, requests, "-");
    stage.load.clear(stage.namespace.name())
}

/// Many pods of one unseen image; the worst of three images.
pub(super) fn simultaneous(guarded: &Guarded, _baseline: &Baseline, table: &mut Table) -> Result<()> {
    let stage = &guarded.stage;
    guarded.restart()?;
    for (clients, first) in [(100, 0), (1000, 3)] {
        let mut worst = 0.0_f64;
        for number in first..first + 3 {
            let make = || stage.load.pods(stage.namespace.name(), &stage.cold(number, 1), clients, 1000).map(|_| ());
            worst = worst.max(requests_during(guarded, make)?);
            stage.load.clear(stage.namespace.name())?;
        }
        table.at_most(&format!("1,000 pods of one unseen image, {clients} clients: registry requests"), "", 4.0, worst, "-");
    }
    Ok(())
}

/// A pod for each of these images, one after the other, after each of some starts; ascending.
fn each_alone(guarded: &Guarded, images: &[String]) -> Result<Vec<Duration>> {
    let stage = &guarded.stage;
    let mut latencies = Vec::new();
    for _ in 0..STARTS {
        guarded.restart()?;
        for image in images {
            latencies.push(stage.load.pod(stage.namespace.name(), std::slice::from_ref(image))?);
        }
        stage.load.clear(stage.namespace.name())?;
    }
    latencies.sort_unstable();
    Ok(latencies)
}

fn requests_during(guarded: &Guarded, body: impl FnOnce() -> Result<()>) -> Result<f64> {
    let registry = &guarded.stage.registry;
    let before = registry.requests()?.len();
    body()?;
    Ok(ratio(registry.requests()?.len() - before, 1))
}

fn ratio(count: usize, of: usize) -> f64 {
    let float = |number: usize| u32::try_from(number).map_or(f64::INFINITY, f64::from);
    float(count) / float(of)
}
