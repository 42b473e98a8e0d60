//! What a process has used, from `/proc`.

use anyhow::{Context, Result};

/// `/proc` counts in units of 1/100 s on every machine that Linux runs Rust programs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system time of a process so far, in seconds.
pub(super) fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    ticks(&stat).map(|ticks| ticks / TICKS_PER_SECOND).context("/proc/PID/stat is not as expected")
}

/// A size of `/proc/PID/status`, such as `VmRSS` (now) or `VmHWM` (the most so far), in MiB.
pub(super) fn memory(pid: u32, what: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':')).with_context(|| format!("no {what}"))?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes / 1024.0)
}

/// Fields 14 and 15; the name, field 2, may hold anything and ends with the last parenthesis.
fn ticks(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    use super::ticks;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_move_the_fields() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 100 0 0 0 30 12 0 0 20 0";
        assert!(ticks(stat).is_some_and(|ticks| (41.5..42.5).contains(&ticks)));
        assert_eq!(ticks("7 (a"), None);
    }
}
