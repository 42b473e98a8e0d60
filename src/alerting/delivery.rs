//! The task of one receiver: waits, paces, sends, tries again.
//!
//! Invariant: it is the only one that takes from the queue; a message that cannot be delivered is given up after
//! [`PATIENCE`], so that what comes later is not lost for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::Alert;
use super::attempt::{Failure, Sender};
use super::line::Line;
use super::pace::Pace;
use super::queue::Load;

/// For one attempt.
const ATTEMPT: Duration = Duration::from_secs(10);
/// For one message, from its first attempt to its last.
pub(super) const PATIENCE: Duration = Duration::from_mins(5);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Also for receivers that ask for more.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// Alerts in one message of what still is so.
const MOST_AGAIN: usize = 200;
/// For what is still to be told when the process stops.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Sends what waits on the line until cancelled; then what is left, once.
pub(super) async fn work(line: Arc<Line>, sender: Sender, cancel: CancellationToken) {
    cancel.run_until_cancelled(send_all(&line, &sender)).await;
    let end = Instant::now() + LAST_WORDS;
    while let Some(load) = line.next() {
        let sent = sender.attempt(&line.destination(), &load, end).await;
        line.done(&load, sent.is_ok());
    }
}

async fn send_all(line: &Line, sender: &Sender) {
    let mut pace = Pace::new();
    loop {
        let turn = async {
            line.waiting().await;
            pace.turn(line.destination().receiver.every).await;
        };
        tokio::select! {
            // Reminders keep to no pace: late ones are of no use.
            alerts = line.reminded() => remind(line, sender, &alerts).await,
            () = turn => if let Some(load) = line.next() {
                let sent = insist(line, sender, &load).await;
                line.done(&load, sent);
            },
        }
    }
}

/// What still is so is told once: the next time is soon.
async fn remind(line: &Line, sender: &Sender, alerts: &[Arc<Alert>]) {
    for alerts in alerts.chunks(MOST_AGAIN) {
        let load = Load { alerts: alerts.to_vec(), missed: 0 };
        if let Err(failure) = sender.attempt(&line.destination(), &load, Instant::now() + ATTEMPT).await {
            line.stumbled(&failure);
            return;
        }
    }
}

/// Tries until it is taken, or until nothing more is to be hoped for; whether it was taken.
async fn insist(line: &Line, sender: &Sender, load: &Load) -> bool {
    let end = Instant::now() + PATIENCE;
    let mut pause = FIRST_PAUSE;
    loop {
        let Err(failure) = sender.attempt(&line.destination(), load, Instant::now() + ATTEMPT).await else { return true };
        line.stumbled(&failure);
        let wait = wait(&failure, pause);
        if !failure.is_passing() || Instant::now() + wait > end {
            return false;
        }
        sleep(wait).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What the receiver asks for, within limits, spread so that replicas do not come back together.
fn wait(failure: &Failure, pause: Duration) -> Duration {
    let least = failure.wish().unwrap_or(pause).clamp(FIRST_PAUSE, LONGEST_PAUSE);
    least.mul_f64(1.0 + rand::random::<f64>() / 4.0)
}
