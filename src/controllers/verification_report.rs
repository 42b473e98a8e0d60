//! Re-verification: one `VerificationReport` per pod that a policy applies to, kept true while the pod lives.
//!
//! Boundary: watches pods and reports, asks `evaluate`, writes what `report` makes of the answers. Invariant: only the
//! leader writes, only for pods that exist, and only when the content changes; nothing is ever decided from a report.
//!
//! ```text
//! pods (appear, images change) ──┐
//! reports (edited, deleted) ─────┼─> reconcile ─> evaluate ─> report::content ─> Change ─> write
//! snapshots (swapped) ───────────┤       └─ again after a while: 5 minutes, sooner when something was unknown
//! ```

mod change;
mod memory;
mod news;
mod pace;
mod pods;
mod reconcile;
mod reports;
mod running;
mod seen;
mod sweep;
mod write;

use std::sync::Arc;

use futures::{Stream, StreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::runtime::Controller;
use kube::runtime::controller::Config;
use kube::runtime::reflector::{self, Store};
use tokio::sync::{SetOnce, watch};
use tokio_util::sync::CancellationToken;

use self::memory::Memory;
use self::news::News;
use self::pace::Pace;
pub use self::running::{Counts, Running, SeenPod, Verified};
use self::seen::Shared;
use super::{PullSecretReader, Reach};
use crate::admission::Traffic;
use crate::crd::VerificationReport;
use crate::evaluate::Evaluator;
use crate::index::Snapshot;

/// Pods that are evaluated at one time; the registries have limits of their own.
const CONCURRENCY: u16 = 8;

/// What re-verification needs.
pub struct ReportSettings {
    /// Towards the API server.
    pub client: Client,
    /// Whose pods are verified.
    pub reach: Reach,
    /// Shared with admission, whose verdicts are then known here.
    pub evaluator: Evaluator,
    /// The policies; absent until everything was listed.
    pub snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    /// Whether this replica holds the Lease.
    pub leader: watch::Receiver<bool>,
    /// Reads the pods' pull secrets.
    pub pull_secrets: PullSecretReader,
    /// Whether pods are being admitted: their answers come before reports.
    pub traffic: Traffic,
    /// Where others count what runs.
    pub running: Running,
    /// Ends everything.
    pub cancel: CancellationToken,
}

/// What the parts of one term of leadership share.
struct Term {
    client: Client,
    evaluator: Evaluator,
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    pull_secrets: PullSecretReader,
    pods: Store<Pod>,
    reports: Store<VerificationReport>,
    // Not `Store::wait_until_ready`: of several waiting tasks it wakes only one.
    pods_listed: SetOnce<()>,
    reports_listed: SetOnce<()>,
    traffic: Traffic,
    memory: Memory,
    shared: Shared,
    writes: Pace,
    news: News,
}

/// Works while this replica leads, rests while it does not, ends when cancelled or when leadership is no longer told.
pub async fn run(settings: ReportSettings) {
    let cancel = settings.cancel.clone();
    cancel.run_until_cancelled(lead(settings)).await;
}

async fn lead(settings: ReportSettings) {
    let mut leader = settings.leader.clone();
    let mut lost = settings.leader.clone();
    while leader.wait_for(|leads| *leads).await.is_ok() {
        tracing::info!("re-verification starts");
        tokio::select! {
            () = term(&settings) => {}
            _ = lost.wait_for(|leads| !*leads) => {}
        }
        tracing::info!("re-verification stops");
    }
}

/// Everything starts anew with each term: another leader may have written meanwhile.
async fn term(settings: &ReportSettings) {
    let (pods, pods_writer) = reflector::store();
    let (reports, reports_writer) = reflector::store();
    let ReportSettings { client, reach, evaluator, snapshots, leader: _, pull_secrets, traffic, running, cancel: _ } = settings;
    let term = Arc::new(Term {
        client: client.clone(),
        evaluator: evaluator.clone(),
        snapshots: snapshots.clone(),
        pull_secrets: pull_secrets.clone(),
        pods: pods.clone(),
        reports,
        pods_listed: SetOnce::new(),
        reports_listed: SetOnce::new(),
        traffic: traffic.clone(),
        memory: Memory::default(),
        shared: Shared::default(),
        writes: Pace::default(),
        news: News::new(client.clone()),
    });
    running.begin(&term);
    let work = Controller::for_stream(pods::watch(client, reach, pods_writer, term.clone()), pods)
        .with_config(Config::default().concurrency(CONCURRENCY))
        .reconcile_on(reports::watch(client, reach, reports_writer, term.clone()))
        .reconcile_all_on(changes(snapshots.clone()))
        .run(reconcile::reconcile, |pod, error, term| reconcile::retry(&pod, error, &term), term.clone())
        .for_each(|outcome| async move {
            if let Err(error) = outcome {
                reconcile::log(&error);
            }
        });
    tokio::join!(work, sweep::run(term));
}

fn changes(snapshots: watch::Receiver<Option<Arc<Snapshot>>>) -> impl Stream<Item = ()> {
    stream::unfold(snapshots, |mut snapshots| async move {
        snapshots.changed().await.ok()?;
        Some(((), snapshots))
    })
}
