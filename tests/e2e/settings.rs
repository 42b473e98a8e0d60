//! Settings are changed while the operator runs; a bad edit changes nothing and is told.

use anyhow::{Result, ensure};
use testbed::{Alone, Environment, wait};

use crate::Story;
use crate::support::{SETTINGS, settings};

pub const STORIES: &[Story] = &[
    Story { name: "a_changed_setting_is_in_force_without_a_restart", run: a_changed_setting_is_in_force_without_a_restart },
    Story { name: "a_bad_edit_keeps_what_is_in_force_and_is_told", run: a_bad_edit_keeps_what_is_in_force_and_is_told },
    Story { name: "settings_are_checked_before_they_reach_a_cluster", run: settings_are_checked_before_they_reach_a_cluster },
];

/// What only an operator that logs everything writes.
const DEBUG: &str = "\"level\":\"DEBUG\"";

fn a_changed_setting_is_in_force_without_a_restart(env: &Environment) -> Result<()> {
    let alone = env.apart()?.alone("reloaded", &[], |_| Ok(()))?;
    let before = alone.operator.id();
    ensure!(!log(&alone)?.contains(DEBUG), "the default is info");
    write(&alone, "logLevel: debug")?;
    wait::until("lines of another level", || Ok(log(&alone)?.contains(DEBUG).then_some(())))?;
    // Back to the command line's.
    alone.namespace.delete(&["configmap", SETTINGS])?;
    wait::until("the defaults", || Ok((log(&alone)?.matches("other settings are in force").count() == 2).then_some(())))?;
    let lines = log(&alone)?.matches(DEBUG).count();
    write(&alone, "{}")?;
    alone.namespace.delete(&["configmap", SETTINGS])?;
    ensure!(log(&alone)?.matches(DEBUG).count() == lines && alone.operator.id() == before);
    Ok(())
}

fn a_bad_edit_keeps_what_is_in_force_and_is_told(env: &Environment) -> Result<()> {
    let alone = env.apart()?.alone("bad-edit", &[], |_| Ok(()))?;
    let usable = || alone.operator.metric("bonafide_settings_usable");
    write(&alone, "logLevel: debug")?;
    wait::until("lines of another level", || Ok(log(&alone)?.contains(DEBUG).then_some(())))?;
    ensure!(usable()? == Some(1.0));
    write(&alone, "logLevel: info\nverification: {intervall: 1m}")?;
    let told = wait::until("an Event", || Ok(told(&alone)?.first().cloned()))?;
    ensure!(told.contains("intervall") && told.contains("line 2"), "{told}");
    ensure!(usable()? == Some(0.0) && alone.operator.metric("bonafide_settings_refused_total")? == Some(1.0));
    // Debug is still in force: what follows an edit of something else is logged.
    let lines = log(&alone)?.matches(DEBUG).count();
    wait::until("more lines of that level", || Ok((log(&alone)?.matches(DEBUG).count() > lines).then_some(())))?;
    write(&alone, "logLevel: info")?;
    wait::until("the settings to be usable again", || Ok((usable()? == Some(1.0)).then_some(())))?;
    ensure!(self::told(&alone)?.len() == 1, "told more than once: {:?}", self::told(&alone)?);
    Ok(())
}

fn settings_are_checked_before_they_reach_a_cluster(env: &Environment) -> Result<()> {
    let check = |text: &str| -> Result<(bool, String)> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), text)?;
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_bonafide")).arg("settings").arg(file.path()).output()?;
        Ok((output.status.success(), format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))))
    };
    let _ = env;
    let (good, printed) = check("verification: {interval: 1m}")?;
    ensure!(good && printed.contains("interval: 1m") && printed.contains("scope: Pods"), "{printed}");
    // What was printed is a file that can be used.
    ensure!(check(&printed)?.0, "{printed}");
    let (good, printed) = check("verification: {interval: 1s}\nlimits: {reportWritesPerSecond: 0}")?;
    ensure!(!good && printed.contains("verification.interval: ") && printed.contains("limits.reportWritesPerSecond: "), "{printed}");
    Ok(())
}

fn log(alone: &Alone) -> Result<String> {
    Ok(std::fs::read_to_string(alone.operator.log())?)
}

fn write(alone: &Alone, text: &str) -> Result<()> {
    alone.namespace.apply(&settings(text).to_string())
}

/// What was said of settings that cannot be used.
fn told(alone: &Alone) -> Result<Vec<String>> {
    let events = alone.namespace.get(&["events.events.k8s.io"])?.unwrap_or_default();
    let items = events["items"].as_array().cloned().unwrap_or_default();
    let refused = items.iter().filter(|event| event["reason"] == "SettingsRefused");
    Ok(refused.filter_map(|event| event["note"].as_str().map(str::to_owned)).collect())
}
