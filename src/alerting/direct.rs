//! A message that a request for admission waits for: sent at once, within the time that the request has.
//!
//! Invariant: never longer than the deadline, and never more requests at one receiver than it has places.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::Alert;
use super::attempt::Sender;
use super::line::Line;
use super::queue::Load;

/// For one attempt, so that there can be a second one.
const ATTEMPT: Duration = Duration::from_secs(3);
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Whether the receiver has taken it.
pub(super) async fn deliver(line: &Line, sender: &Sender, alert: Arc<Alert>, deadline: Instant) -> bool {
    let load = Load::of(alert);
    let sent = timeout_at(deadline, insist(line, sender, &load, deadline)).await.unwrap_or(false);
    line.count(&load, sent);
    sent
}

async fn insist(line: &Line, sender: &Sender, load: &Load, deadline: Instant) -> bool {
    let Ok(_place) = line.direct.acquire().await else { return false };
    let mut pause = FIRST_PAUSE;
    loop {
        let by = deadline.min(Instant::now() + ATTEMPT);
        let Err(failure) = sender.attempt(&line.destination(), load, by).await else { return true };
        line.stumbled(&failure);
        if !failure.is_passing() {
            return false;
        }
        sleep(failure.wish().unwrap_or_default().max(pause)).await;
        pause *= 2;
    }
}
