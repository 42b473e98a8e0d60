//! The dashboard that we ship, drawn by Grafana's own components from a real Prometheus.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::Browser;

use super::npm;
use super::scene::Scene;

const DASHBOARD: &str = "manifests/monitoring/dashboard.json";
const WIDTH: u32 = 1400;
/// Rows that are drawn open.
const ROWS: u32 = 2;

/// Lets things happen in a cluster, and draws them.
pub(super) fn draw(chromium: &Path, picture: &Path) -> Result<()> {
    let page = npm::build()?;
    let scene = Scene::start()?;
    let from = seconds()?;
    scene.play()?;
    // A label at a full minute would not fit at the edge.
    let to = (seconds()? + 15) / 60 * 60 - 15;
    let input = json!({"dashboard": dashboard()?, "prometheus": scene.prometheus.url(), "from": from, "to": to, "rows": ROWS});
    std::fs::write(page.join("data.js"), format!("window.input = {input};\n"))?;

    let mut browser = Browser::start(chromium, WIDTH, 1000)?;
    browser.open(&format!("file://{}", page.join("page.html").display()))?;
    browser.until("the dashboard to be drawn", "!['', 'drawing'].includes(document.title)")?;
    let title = browser.evaluate("document.title")?;
    ensure!(title == "drawn", "{title}");
    let height = browser.evaluate("document.documentElement.scrollHeight")?;
    browser.resize(WIDTH, u32::try_from(height.as_u64().context("no height")?)?)?;
    std::fs::write(picture, browser.picture()?)?;
    scene.end()
}

fn dashboard() -> Result<Value> {
    let text = std::fs::read_to_string(testbed::repository().join(DASHBOARD)).context(DASHBOARD)?;
    Ok(serde_json::from_str(&text)?)
}

fn seconds() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}
