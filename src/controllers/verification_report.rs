//! Re-verification: reports on the pods that a policy applies to, kept true while the pods live.
//!
//! Boundary: watches pods and reports, asks `evaluate`, writes what `report` makes of the answers. Invariant: only the
//! leader writes, only for pods that exist, and only when the content changes; nothing is ever decided from a report.
//!
//! ```text
//! pods ──────> case: the images as they run, shared by the pods of a workload
//!                │   judged when it appears, when its policies change, when its verdict's lifetime ends
//! snapshots ─────┤
//!                v
//!              outcome ─> standing of each pod ─┬─> news: log, Event
//! reports (edited, deleted) ──> what is stored ─┴─> Change ─> write, so many in a second
//! ```

mod alert;
mod book;
mod case;
mod cases;
mod change;
mod drive;
mod lanes;
mod listing;
mod mirrors;
mod news;
mod open_reports;
mod pace;
mod pods;
mod pool;
mod queue;
mod reconcile;
mod reports;
mod running;
mod standing;
mod stored;
mod sweep;
mod write;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::Utc;
use kube::Client;
use tokio::sync::{Notify, SetOnce, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::alert::remind;
use self::book::{Book, Now};
use self::mirrors::Mirrors;
use self::pace::Pace;
pub use self::running::{Counts, Running, SeenPod, Verified};
use super::{PullSecretReader, Reach};
use crate::admission::Traffic;
use crate::alerting::Alerts;
use crate::evaluate::Evaluator;
use crate::index::Snapshot;
use crate::settings::Settings;

/// Cases that are judged at one time; the registries have limits of their own.
const CASES_AT_ONCE: usize = 32;
/// Reports that are written at one time, and Events.
const WRITES_AT_ONCE: usize = 8;
const NEWS_AT_ONCE: usize = 2;

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
    /// Those who are told what has changed.
    pub alerts: Alerts,
    /// Where others count what runs.
    pub running: Running,
    /// What people have set; followed while it works.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// Ends everything.
    pub cancel: CancellationToken,
}

/// What the parts of one term of leadership share.
struct Term {
    client: Client,
    reach: Reach,
    evaluator: Evaluator,
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    settings: watch::Receiver<Arc<Settings>>,
    pull_secrets: PullSecretReader,
    traffic: Traffic,
    alerts: Alerts,
    book: Mutex<Book>,
    mirrors: Mutex<Mirrors>,
    /// Whether Reports of openreports.io can be watched.
    has_open_reports: AtomicBool,
    pods_listed: SetOnce<()>,
    reports_listed: SetOnce<()>,
    writes: Pace,
    woken: [Notify; 3],
}

/// Works while this replica leads, rests while it does not, ends when cancelled or when leadership is no longer told.
pub async fn run(settings: ReportSettings) {
    let cancel = settings.cancel.clone();
    cancel.run_until_cancelled(Box::pin(lead(settings))).await;
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
    let term = Arc::new(Term::new(settings));
    settings.running.begin(&term);
    let listing = listing::supported(&term.client, &term.reach).await;
    tracing::debug!(?listing, "pods are listed");
    tokio::join!(pods::watch(&term, listing), reports::watch(&term, listing), follow(&term), work(&term), open_reports::watch(&term));
}

/// Hands on what is set and compiled, as long as somebody sets and compiles.
async fn follow(term: &Term) {
    let (mut snapshots, mut settings) = (term.snapshots.clone(), term.settings.clone());
    let mut mirrored = settings.borrow().reports.open_reports;
    loop {
        let now = Instant::now();
        let snapshot = snapshots.borrow_and_update().clone();
        let current = settings.borrow_and_update().clone();
        {
            let mut book = term.book();
            book.configure(current.reports.scope, current.reports.keep_closed, now);
            book.cases.paced(&current.limits.registry_requests_per_second);
            book.cases.compiled(snapshot, &current.verification.namespaces, now);
            if std::mem::replace(&mut mirrored, current.reports.open_reports) != current.reports.open_reports {
                book.write_all(now);
            }
        }
        term.wake();
        tokio::select! {
            Ok(()) = snapshots.changed() => {}
            Ok(()) = settings.changed() => {}
            else => return,
        }
    }
}

/// Without the stored reports every report would be written anew, and without all pods some would be removed.
async fn work(term: &Term) {
    term.pods_listed.wait().await;
    term.reports_listed.wait().await;
    let [cases, writes, news] = &term.woken;
    let next_case = |now| term.book().cases.next(now, term.traffic.is_dense(), rand::random());
    let next_write = |now| term.book().writes.next(now, term.traffic.is_dense(), rand::random());
    let next_news = |now| term.book().news.next(now, false, 0.0);
    tokio::join!(
        drive::drive(cases, || CASES_AT_ONCE, next_case, |asked| reconcile::reconcile(term, asked)),
        drive::drive(writes, || WRITES_AT_ONCE, next_write, |name| write::write(term, name)),
        drive::drive(news, || NEWS_AT_ONCE, next_news, |name| news::tell(term, name)),
        sweep::run(term),
    );
}

impl Term {
    fn new(settings: &ReportSettings) -> Self {
        let ReportSettings {
            client,
            reach,
            evaluator,
            snapshots,
            leader: _,
            pull_secrets,
            traffic,
            alerts,
            running: _,
            settings,
            cancel: _,
        } = settings;
        Self {
            client: client.clone(),
            reach: reach.clone(),
            evaluator: evaluator.clone(),
            snapshots: snapshots.clone(),
            settings: settings.clone(),
            pull_secrets: pull_secrets.clone(),
            traffic: traffic.clone(),
            alerts: alerts.clone(),
            book: Mutex::default(),
            mirrors: Mutex::default(),
            has_open_reports: AtomicBool::new(false),
            pods_listed: SetOnce::new(),
            reports_listed: SetOnce::new(),
            writes: Pace::default(),
            woken: [Notify::new(), Notify::new(), Notify::new()],
        }
    }

    /// Never held across an await.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mirrors(&self) -> MutexGuard<'_, Mirrors> {
        self.mirrors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settings(&self) -> Arc<Settings> {
        self.settings.borrow().clone()
    }

    /// Waits for the turn of a write.
    async fn turn(&self) {
        self.writes.turn(self.settings().limits.report_writes_per_second).await;
    }

    /// There may be something to do.
    fn wake(&self) {
        self.woken.iter().for_each(Notify::notify_one);
    }
}

fn now() -> Now {
    Now { utc: Utc::now(), instant: Instant::now() }
}
