//! Real registries on loopback, over plain HTTP, that tell which requests they got.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

use crate::directory::Directory;
use crate::ports::free_port;
use crate::process::{Detached, Process};
use crate::{tools, wait};

/// A running registry; it ends with this value.
#[derive(Debug)]
pub struct Registry {
    host: String,
    requests: PathBuf,
    parse: fn(&str) -> Option<Request>,
    launch: Launch,
    process: Mutex<Option<Process>>,
    _directory: Directory,
}

/// How it is started, each time.
#[derive(Debug)]
struct Launch {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<OsString>,
    log: PathBuf,
}

/// A request that a registry has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `HEAD`, ...
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The status code of the answer.
    pub status: u16,
}

impl Registry {
    /// CNCF Distribution 3: its referrers API answers 404, so signatures are found by the fallback tag.
    pub fn distribution() -> Result<Self> {
        Self::distribution_in(Directory::temporary()?)
    }

    /// As [`Registry::distribution`], with a directory of one's own.
    pub fn distribution_in(directory: Directory) -> Result<Self> {
        let host = format!("127.0.0.1:{}", free_port()?);
        let storage = directory.path().join("storage");
        let config = directory.path().join("config.yml");
        std::fs::write(&config, distribution_config(&host, &storage))?;
        let log = directory.path().join("registry.log");
        let arguments = vec!["serve".into(), config.into()];
        let launch = Launch { name: "registry", program: tools::REGISTRY.path()?, arguments, log: log.clone() };
        Self::start(host, launch, log, parse_combined, directory)
    }

    /// A registry in memory that has the referrers API.
    pub fn referrers() -> Result<Self> {
        Self::referrers_in(Directory::temporary()?)
    }

    /// As [`Registry::referrers`], with a directory of one's own.
    pub fn referrers_in(directory: Directory) -> Result<Self> {
        let host = format!("127.0.0.1:{}", free_port()?);
        let requests = directory.path().join("requests.log");
        let arguments = vec!["-listen".into(), host.clone().into(), "-log".into(), requests.clone().into()];
        let log = directory.path().join("referrers-registry.log");
        let launch = Launch { name: "referrers-registry", program: tools::REFERRERS_REGISTRY.path()?, arguments, log };
        Self::start(host, launch, requests, parse_plain, directory)
    }

    fn start(host: String, launch: Launch, requests: PathBuf, parse: fn(&str) -> Option<Request>, directory: Directory) -> Result<Self> {
        let registry = Self { host, requests, parse, launch, process: Mutex::new(None), _directory: directory };
        registry.start_again()?;
        Ok(registry)
    }

    /// Starts it at the same address, unless it runs, and waits until it answers.
    pub fn start_again(&self) -> Result<()> {
        let Launch { name, program, arguments, log } = &self.launch;
        let mut held = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_some() {
            return Ok(());
        }
        let mut command = Command::new(program);
        // Its tracing would look for a collector on this machine.
        command.args(arguments).env("OTEL_TRACES_EXPORTER", "none");
        let mut process = Process::start(name, command, log)?;
        let url = format!("http://{}/v2/", self.host);
        wait::until(&format!("{name} to answer"), || {
            process.check_alive()?;
            Ok(ureq::get(&url).call().ok().map(|_| ()))
        })?;
        *held = Some(process);
        Ok(())
    }

    /// Ends it as a crash would: connections are refused until it is started again.
    pub fn kill(&self) {
        drop(self.process.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// `127.0.0.1:PORT`, the first part of every reference.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// All requests so far, in the order of their answers.
    pub fn requests(&self) -> Result<Vec<Request>> {
        let text = std::fs::read_to_string(&self.requests);
        let text = text.with_context(|| format!("cannot read {}", self.requests.display()))?;
        Ok(text.lines().filter_map(self.parse).collect())
    }

    /// The most requests of one second by the registry's own clock, without the first ones. Only where its log has the time.
    pub fn busiest_second(&self, without: usize) -> Result<usize> {
        let text = std::fs::read_to_string(&self.requests)?;
        let answered = text.lines().filter(|line| (self.parse)(line).is_some());
        let mut seconds = HashMap::new();
        for second in answered.skip(without).filter_map(combined_time) {
            *seconds.entry(second).or_insert(0) += 1;
        }
        seconds.into_values().max().context("no time in the log of this registry")
    }

    /// How many requests so far were about a repository.
    pub fn requests_to(&self, repository: &str) -> Result<usize> {
        let prefix = format!("/v2/{repository}/");
        Ok(self.requests()?.iter().filter(|request| request.path.starts_with(&prefix)).count())
    }

    /// Lets it outlive this process.
    pub fn detach(self) -> Result<Detached> {
        let process = self.process.into_inner().unwrap_or_else(PoisonError::into_inner);
        process.context("the registry does not run")?.detach()
    }
}

fn distribution_config(host: &str, storage: &Path) -> String {
    format!(
        "version: 0.1\nlog:\n  level: error\n  accesslog: {{disabled: false}}\nstorage:\n  filesystem: {{rootdirectory: {:?}}}\n  delete: {{enabled: true}}\nhttp:\n  addr: {host:?}\n",
        storage.display().to_string()
    )
}

/// `METHOD PATH STATUS`.
pub(crate) fn parse_plain(line: &str) -> Option<Request> {
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    Some(Request { method, path, status: words.next()?.parse().ok()? })
}

/// The combined log format: `... "METHOD PATH PROTOCOL" STATUS ...`.
fn parse_combined(line: &str) -> Option<Request> {
    let mut parts = line.split('"');
    let mut words = parts.nth(1)?.split(' ');
    let status = parts.next()?.split_whitespace().next()?.parse().ok()?;
    Some(Request { method: words.next()?.to_owned(), path: words.next()?.to_owned(), status })
}

/// The time in such a line, to the second.
fn combined_time(line: &str) -> Option<&str> {
    Some(line.split_once('[')?.1.split_once(']')?.0)
}

#[cfg(test)]
mod tests {
    use super::{Request, combined_time, parse_combined, parse_plain};

    fn head(path: &str, status: u16) -> Request {
        Request { method: "HEAD".to_owned(), path: path.to_owned(), status }
    }

    #[test]
    fn an_access_log_line_is_read_and_other_lines_are_not() {
        let line = r#"127.0.0.1 - - [21/Nov/2026:08:00:00 +0000] "HEAD /v2/a/manifests/v1 HTTP/1.1" 404 84 "" "crane/v0.22.1""#;
        assert_eq!(parse_combined(line), Some(head("/v2/a/manifests/v1", 404)));
        assert_eq!(combined_time(line), Some("21/Nov/2026:08:00:00 +0000"));
        assert_eq!(parse_combined(r#"time="2026-11-21T08:00:00Z" level=info msg="listening""#), None);
    }

    #[test]
    fn a_plain_line_is_read_and_a_torn_one_is_not() {
        assert_eq!(parse_plain("HEAD /v2/a/manifests/v1 200"), Some(head("/v2/a/manifests/v1", 200)));
        assert_eq!(parse_plain("HEAD /v2/a/mani"), None);
    }
}
