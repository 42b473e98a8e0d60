//! Messages to a browser and back: JSON, each ended by a zero byte, on the file descriptors 3 and 4 of the browser.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

use crate::process::tail;

/// Makes the standard input and output of a program its descriptors 3 and 4.
const SWAP: &str = r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null"#;
/// For any one answer, on a loaded machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A browser and what it has told.
pub(super) struct Wire {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    events: Vec<(String, Value)>,
    last: u64,
    log: PathBuf,
}

impl Wire {
    pub(super) fn start(command: &Command, log: &Path) -> Result<Self> {
        let program = command.get_program().display().to_string();
        let mut shell = Command::new("sh");
        shell.args(["-c", SWAP, "browser"]).arg(command.get_program()).args(command.get_args());
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(log)?).process_group(0);
        let mut child = shell.spawn().with_context(|| format!("cannot start {program}"))?;
        let (to, output) = (child.stdin.take().context("its input")?, child.stdout.take().context("its output")?);
        let (sender, from) = channel();
        // Ends with the browser.
        thread::spawn(move || {
            for message in BufReader::new(output).split(0).map_while(Result::ok) {
                let Ok(message) = serde_json::from_slice(&message) else { return };
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, to, from, events: Vec::new(), last: 0, log: log.to_owned() })
    }

    /// Asks, and keeps the events that come before the answer.
    pub(super) fn call(&mut self, session: Option<&str>, method: &str, parameters: &Value) -> Result<Value> {
        self.last += 1;
        let message = match session {
            Some(session) => json!({"id": self.last, "method": method, "params": parameters, "sessionId": session}),
            None => json!({"id": self.last, "method": method, "params": parameters}),
        };
        let written = self.to.write_all(format!("{message}\0").as_bytes());
        written.with_context(|| format!("the browser has ended; the end of its log:\n{}", tail(&self.log, 20)))?;
        loop {
            let Ok(answer) = self.from.recv_timeout(PATIENCE) else {
                bail!("the browser does not answer {method}; the end of its log:\n{}", tail(&self.log, 20));
            };
            if let Some(event) = answer.get("method").and_then(Value::as_str) {
                self.events.push((event.to_owned(), answer.get("params").cloned().unwrap_or_default()));
            } else if answer.get("id") == Some(&json!(self.last)) {
                match answer.get("error") {
                    Some(error) => bail!("{method}: {error}"),
                    None => return Ok(answer.get("result").cloned().unwrap_or_default()),
                }
            }
        }
    }

    /// The events of a name so far.
    pub(super) fn events<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        self.events.iter().filter(move |(event, _)| event == name).map(|(_, parameters)| parameters)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // An error says that it is gone.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}
