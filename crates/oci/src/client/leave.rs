//! Servers that want fewer requests, and until when they are left alone (RFC 6585, section 4; RFC 9110, section 10.2.3).
//!
//! Boundary: remembers a time per host and set of grants; `exchange` asks before it sends. Invariant: a host that has
//! asked to be left alone gets no request before that time under the same grants, those who waited for it come spread
//! out, and nobody is kept from asking for longer than a minute.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};
use moka::sync::Cache;
use tokio::time::{Instant, sleep_until};

use super::{HostKey, MAX_HOSTS, Session, exchange::Answer};
use crate::{Host, RegistryError};

/// How often one exchange waits and asks again.
pub(super) const MOST_RETRIES: usize = 3;
/// A server that says nothing about how long is left alone for this long, and twice as long each further time.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Whatever a server wants: it may be wrong, and who asks for more may never be asked again.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// Those who waited come back over this time, or over half of what they have left.
const SPREAD: Duration = Duration::from_secs(2);

/// Who is left alone until when.
#[derive(Clone)]
pub(super) struct Leaves(Cache<HostKey, Leave>);

#[derive(Clone, Copy)]
struct Leave {
    until: Instant,
    refusals: u32,
}

impl Default for Leaves {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MAX_HOSTS).time_to_live(LONGEST_WAIT * 2).build())
    }
}

/// A server's wish for fewer requests, with the time that it names.
#[derive(Clone, Copy)]
pub(super) struct Wish(Option<Duration>);

/// 429, and 503 where it says when to come back.
pub(super) fn wish(answer: &Answer) -> Option<Wish> {
    let named = || retry_after(&answer.headers, SystemTime::now());
    match answer.status.as_u16() {
        429 => Some(Wish(named())),
        503 => named().map(|named| Wish(Some(named))),
        _ => None,
    }
}

impl Session {
    /// Waits until the host may be asked; an error when that is after the deadline.
    pub(super) async fn wait_for_leave(&self, host: &Host) -> Result<(), RegistryError> {
        let Some(leave) = self.leave(host) else { return Ok(()) };
        let left = self.deadline.saturating_duration_since(leave.until);
        if left.is_zero() {
            let retry_after = Some(leave.until.saturating_duration_since(Instant::now()));
            return Err(RegistryError::RateLimited { host: host.clone(), retry_after });
        }
        sleep_until(leave.until + (left / 2).min(SPREAD).mul_f64(rand::random())).await;
        Ok(())
    }

    /// Whether the host has asked for that.
    pub(super) fn is_left_alone(&self, host: &Host) -> bool {
        self.leave(host).is_some()
    }

    /// Whether the host may be asked again before the deadline.
    pub(super) fn leave_in_time(&self, host: &Host) -> bool {
        self.leave(host).is_none_or(|leave| leave.until < self.deadline)
    }

    /// Remembers what the server wishes, and forgets it when the server has answered.
    pub(super) fn heed(&self, host: &Host, result: &Result<Answer, RegistryError>, wish: Option<Wish>) {
        let (key, leaves) = (self.host_key(host), &self.shared().leaves.0);
        match wish {
            Some(Wish(named)) => {
                let known = leaves.get(&key);
                let refusals = known.map_or(0, |known| known.refusals);
                let wait = named.unwrap_or_else(|| FIRST_WAIT.saturating_mul(1 << refusals.min(10))).min(LONGEST_WAIT);
                let until = known.map_or(Instant::now(), |known| known.until).max(Instant::now() + wait);
                leaves.insert(key, Leave { until, refusals: refusals.saturating_add(1) });
            }
            // The answer to a request that was under way when another one was refused says nothing.
            None if result.is_ok() && leaves.get(&key).is_some_and(|leave| leave.until <= Instant::now()) => leaves.invalidate(&key),
            None => {}
        }
    }

    fn leave(&self, host: &Host) -> Option<Leave> {
        self.shared().leaves.0.get(&self.host_key(host)).filter(|leave| leave.until > Instant::now())
    }
}

/// Seconds or a date.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    const MAX: Duration = Duration::from_hours(1);
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(wait.min(MAX))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date_and_capped() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let of = |text: &str| retry_after(&[(header::RETRY_AFTER, text.parse().unwrap())].into_iter().collect(), now);
        let date = |offset| httpdate::fmt_http_date(now + Duration::from_secs(offset));
        assert_eq!(of("7"), Some(Duration::from_secs(7)));
        assert_eq!(of(&date(30)), Some(Duration::from_secs(30)));
        assert_eq!(of(&httpdate::fmt_http_date(SystemTime::UNIX_EPOCH)), Some(Duration::ZERO));
        assert_eq!(of("99999999"), Some(Duration::from_hours(1)));
        assert_eq!(of("soon"), None);
    }
}
