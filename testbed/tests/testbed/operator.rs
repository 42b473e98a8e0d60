//! How an operator is run, shown with a stand-in that does nothing but write its log and answer `/readyz`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use testbed::{Directory, Operator, OperatorOptions};

/// Ends orderly on SIGTERM, as the operator does; this test program answers in its place.
const READY: &str = "#!/bin/sh\ntrap 'exit 0' TERM\necho started $1\nPROGRAM --stand-in \"$@\" &\nwait\n";

const METRICS: &str = "requests_total{answer=\"allow\"} 2\nup 1\n";

/// The argument by which this test program is called in the operator's place.
pub(crate) const STAND_IN: &str = "--stand-in";

/// Answers every request on the admin listener with a few metrics.
pub(crate) fn stand_in() -> Result<()> {
    let address = std::env::args().skip_while(|argument| argument != "--admin-listen").nth(1);
    for connection in TcpListener::bind(address.context("no --admin-listen")?)?.incoming() {
        let mut connection = connection?;
        let head = BufReader::new(&connection).lines().map_while(std::io::Result::ok);
        head.take_while(|line| !line.is_empty()).for_each(drop);
        write!(connection, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{METRICS}", METRICS.len())?;
    }
    Ok(())
}

const FAILING: &str = "#!/bin/sh\necho no such flag\nexit 3\n";

pub(crate) fn an_operator_is_stopped_killed_and_started_again() -> Result<()> {
    let (_directory, options) = script(READY)?;
    let operator = Operator::start(options)?;
    ensure!(operator.metric("requests_total{answer=\"allow\"}")? == Some(2.0));
    ensure!(operator.metric("absent")?.is_none());
    operator.kill();
    ensure!(!operator.is_ready(), "a killed operator answers");
    operator.start_again()?;
    operator.stop()?;
    ensure!(!operator.is_ready(), "a stopped operator answers");
    operator.start_again()?;
    ensure!(operator.log_tail(100).matches("started operator").count() == 3, "{}", operator.log_tail(100));
    Ok(())
}

pub(crate) fn an_operator_that_ends_at_once_shows_its_log() -> Result<()> {
    let (_directory, options) = script(FAILING)?;
    let error = Operator::start(options).map(drop).expect_err("an operator that does not run");
    ensure!(format!("{error:#}").contains("no such flag"), "{error:#}");
    Ok(())
}

fn script(text: &str) -> Result<(Directory, OperatorOptions)> {
    let directory = Directory::temporary()?;
    let program = directory.path().join("bonafide");
    let own = std::env::current_exe()?.display().to_string();
    std::fs::write(&program, text.replace("PROGRAM", &own))?;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
    let options = OperatorOptions::new(&program, PathBuf::from("/dev/null"), directory.path());
    Ok((directory, options))
}
