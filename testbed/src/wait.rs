//! Waiting for conditions. The only place that sleeps, and only between two looks.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Enough for anything on a loaded machine; a condition that takes longer never comes.
pub const PATIENCE: Duration = Duration::from_mins(1);

const INTERVAL: Duration = Duration::from_millis(50);

/// Waits until `look` answers something, at most [`PATIENCE`]; `what` completes "waited in vain for ...".
pub fn until<T>(what: &str, look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    until_within(PATIENCE, what, look)
}

/// As [`until`], with a limit of one's own. An error of `look` ends the wait at once.
pub fn until_within<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if start.elapsed() > limit {
            bail!("waited {} s in vain for {what}", limit.as_secs());
        }
        sleep(INTERVAL);
    }
}
