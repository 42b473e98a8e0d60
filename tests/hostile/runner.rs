//! Runs a table: every row by itself, those that wait side by side, and tells everything that went wrong at once.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use bonafide::evaluate::{ImageDecision, Verdict};
use futures::future::join_all;
use tokio::sync::Mutex;

use crate::MEMORY;
use crate::row::{MIB, Row, Wanted};
use crate::scene::{MARK, Scene};

/// What a busy machine may add to a deadline.
const SLACK: Duration = Duration::from_millis(500);

/// Memory is counted for the whole process, so that tables take turns.
pub(crate) static ALONE: Mutex<()> = Mutex::const_new(());

/// What a row came to.
struct Outcome<'a> {
    row: &'a Row,
    scene: Scene,
    decision: ImageDecision,
    took: Duration,
}

/// The table is laid only when it is its turn, because it takes memory too.
pub(crate) async fn run(table: impl FnOnce() -> Vec<Row>) {
    let _alone = ALONE.lock().await;
    let table = table();
    let (waiting, others): (Vec<_>, Vec<_>) = table.iter().partition(|row| row.waits);
    let mut wrong = String::new();
    for row in others {
        wrong += &measure(&[row]).await;
    }
    if !waiting.is_empty() {
        wrong += &measure(&waiting).await;
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Runs these rows at the same time; together they may hold what all of them may.
async fn measure(rows: &[&Row]) -> String {
    let mut scenes = Vec::with_capacity(rows.len());
    for row in rows {
        let scene = Scene::set_up(row.speaks).await;
        (row.stage)(&scene);
        scenes.push(scene);
    }
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let outcomes = join_all(rows.iter().zip(scenes).map(|(row, scene)| evaluate(row, scene))).await;
    let held = MEMORY.peak_usage().saturating_sub(before);
    let mut wrong = String::new();
    let most = rows.iter().map(|row| row.holding).sum();
    if held > most {
        let names: Vec<_> = rows.iter().map(|row| row.name).collect();
        let _ = writeln!(wrong, "{}: {held} bytes were held, more than {most}", names.join(", "));
    }
    for outcome in &outcomes {
        println!("{:>6} ms {:>8} KiB  {}", outcome.took.as_millis(), held / 1024, outcome.row.name);
    }
    for found in join_all(outcomes.into_iter().map(examine)).await {
        wrong += &found;
    }
    wrong
}

async fn evaluate(row: &Row, scene: Scene) -> Outcome<'_> {
    let start = Instant::now();
    let decision = scene.ask_hostile(row.patience).await;
    Outcome { row, took: start.elapsed(), scene, decision }
}

/// What is wrong with an outcome, one line each.
async fn examine(outcome: Outcome<'_>) -> String {
    let Outcome { row, scene, decision, took } = outcome;
    let verdict = decision.results[0].verdict.clone();
    drop(decision);
    let mut wrong = Vec::new();
    if came_to(&verdict) != row.wanted {
        wrong.push(format!("{verdict:?} in place of {:?}", row.wanted));
    }
    if verdict.digest().is_some_and(|digest| *digest != scene.image) {
        wrong.push("another digest was trusted".to_owned());
    }
    if took > row.patience + SLACK {
        wrong.push(format!("took {took:?}, and had {:?}", row.patience));
    }
    if format!("{} {verdict:?}", verdict.message()).contains(MARK) {
        wrong.push(format!("the server speaks in our message: {}", verdict.message()));
    }
    wrong.extend(scene.unmet().into_iter().map(|path| format!("nobody asked for {path}")));
    let requests = scene.hostile.0.requests().len();
    if requests > row.requests {
        wrong.push(format!("{requests} requests were sent, more than {}", row.requests));
    }
    let untrue = row.also.iter().filter(|(_, is_true)| !is_true(&scene));
    wrong.extend(untrue.map(|(what, _)| format!("it is not true that {what}")));
    wrong.extend(aftermath(&scene).await);
    wrong.into_iter().fold(String::new(), |text, what| text + row.name + ": " + &what + "\n")
}

/// What the next requests find, and what was left behind.
async fn aftermath(scene: &Scene) -> Vec<String> {
    let mut wrong = Vec::new();
    let good = scene.good_is_trusted().await;
    if !good.accepts() {
        wrong.push(format!("then the good registry: {good:?}"));
    }
    let hostile = scene.hostile_is_trusted_once_it_behaves().await;
    if !hostile.accepts() {
        wrong.push(format!("then the same registry, which behaves: {hostile:?}"));
    }
    if scene.held() > 0 {
        wrong.push(format!("{} bytes of answers are still held", scene.held()));
    }
    wrong.extend(scene.leaks());
    wrong
}

fn came_to(verdict: &Verdict) -> Wanted {
    match verdict {
        Verdict::Refused(refusal) => Wanted::Refused(refusal.reason()),
        Verdict::Fault(fault) if fault.is_outage() => Wanted::Outage(fault.reason()),
        Verdict::Fault(fault) => Wanted::Fault(fault.reason()),
        Verdict::Trusted(_) | Verdict::Exempt { .. } | Verdict::Unmatched => Wanted::Trusted,
    }
}

/// The bound of a row that one body of this many bytes explains: what it grows by doubling, and copies meanwhile.
pub(crate) const fn one_body_of(mib: usize) -> usize {
    (3 * mib + 2) * MIB
}
