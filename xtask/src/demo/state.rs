//! What an earlier demo has left up, remembered in `target/demo/state.json`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::{Detached, Kubectl};

use super::{cleanup, cluster};

/// What `--down` needs to know.
pub(super) struct State {
    pub(super) processes: Vec<Detached>,
    pub(super) kubeconfig: PathBuf,
    pub(super) borrowed: bool,
    pub(super) kind: bool,
}

impl State {
    pub(super) fn write(&self, directory: &Path) -> Result<()> {
        let processes: Vec<Value> = self.processes.iter().map(|process| json!({"pid": process.pid, "program": process.program})).collect();
        let value = json!({"processes": processes, "kubeconfig": self.kubeconfig, "borrowed": self.borrowed, "kind": self.kind});
        std::fs::write(directory.join("state.json"), format!("{value:#}"))?;
        Ok(())
    }

    fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let process = |value: &Value| {
            let pid = value.get("pid")?.as_i64()?.try_into().ok()?;
            Some(Detached { pid, program: value.get("program")?.as_str()?.to_owned() })
        };
        Some(Self {
            processes: value.get("processes")?.as_array()?.iter().filter_map(process).collect(),
            kubeconfig: value.get("kubeconfig")?.as_str()?.into(),
            borrowed: value.get("borrowed")?.as_bool()?,
            kind: value.get("kind")?.as_bool()?,
        })
    }
}

/// Ends what is left and empties the directory; tells whether there was anything.
pub(super) fn end_previous(directory: &Path) -> Result<bool> {
    let state = std::fs::read_to_string(directory.join("state.json")).ok().and_then(|text| State::parse(&text));
    if let Some(state) = &state {
        println!("ending what an earlier demo has left up");
        for process in &state.processes {
            process.kill();
        }
        if state.kind {
            cluster::delete_kind()?;
        }
        if state.borrowed {
            cleanup::take_out(&Kubectl::new(&state.kubeconfig, directory.join("kubectl-cache"))?)?;
        }
    }
    if directory.exists() {
        std::fs::remove_dir_all(directory).with_context(|| format!("cannot empty {}", directory.display()))?;
    }
    std::fs::create_dir_all(directory)?;
    Ok(state.is_some())
}

#[cfg(test)]
mod tests {
    use testbed::{Detached, Directory};

    use super::State;

    #[test]
    fn what_was_written_is_read_again() -> anyhow::Result<()> {
        let directory = Directory::temporary()?;
        let processes = vec![Detached { pid: 4711, program: "/bin/etcd".to_owned() }];
        let state = State { processes: processes.clone(), kubeconfig: "/k".into(), borrowed: true, kind: false };
        state.write(directory.path())?;
        let text = std::fs::read_to_string(directory.path().join("state.json"))?;
        let read = State::parse(&text).ok_or_else(|| anyhow::anyhow!("unreadable: {text}"))?;
        assert_eq!((read.processes, read.borrowed, read.kind), (processes, true, false));
        Ok(())
    }
}
