//! A real Chromium without a screen, driven over its `DevTools` protocol by two pipes: no port is opened, and it ends when
//! the pipes do, also when this process is killed.

mod wire;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::directory::Directory;
use crate::wait;
use wire::Wire;

/// Names under which distributions install it.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// It asks nobody but the page, and keeps nothing.
const ARGUMENTS: [&str; 12] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--remote-debugging-pipe",
];

/// Where a Chromium is, if this machine has one.
pub fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|program| program.is_file())
}

/// A browser with one page.
pub struct Browser {
    wire: Wire,
    session: String,
    // Last: the browser writes to it.
    _profile: Directory,
}

impl Browser {
    /// Starts one with an empty profile and an empty page of this many pixels.
    pub fn start(program: &Path, width: u32, height: u32) -> Result<Self> {
        let profile = Directory::temporary()?;
        let mut command = Command::new(program);
        command.args(ARGUMENTS).arg(format!("--user-data-dir={}", profile.path().display()));
        let mut wire = Wire::start(&command, &profile.path().join("browser.log"))?;
        let target = wire.call(None, "Target.createTarget", &json!({"url": "about:blank"}))?;
        let attach = json!({"targetId": target.get("targetId"), "flatten": true});
        let session = text(&wire.call(None, "Target.attachToTarget", &attach)?, "sessionId")?;
        let mut browser = Self { wire, session, _profile: profile };
        for domain in ["Page", "Runtime", "Network", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}))?;
        }
        browser.resize(width, height)?;
        Ok(browser)
    }

    /// Opens an address and waits until it is loaded. Another fragment of the same page is not loaded again.
    pub fn open(&mut self, url: &str) -> Result<()> {
        let answer = self.call("Page.navigate", &json!({"url": url}))?;
        if let Some(problem) = answer.get("errorText") {
            bail!("{url}: {problem}");
        }
        self.until("the page to be loaded", "document.readyState === 'complete'")
    }

    /// Another size of the page.
    pub fn resize(&mut self, width: u32, height: u32) -> Result<()> {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size).map(|_| ())
    }

    /// What an expression comes to.
    pub fn evaluate(&mut self, expression: &str) -> Result<Value> {
        let answer = self.call("Runtime.evaluate", &json!({"expression": expression, "returnByValue": true, "awaitPromise": true}))?;
        if let Some(problem) = answer.get("exceptionDetails") {
            bail!("{expression}: {problem}");
        }
        Ok(answer.pointer("/result/value").cloned().unwrap_or_default())
    }

    /// Waits until an expression is true; in vain, the error shows the text of the page.
    pub fn until(&mut self, what: &str, expression: &str) -> Result<()> {
        let waited = wait::until(what, || Ok((self.evaluate(expression)? == Value::Bool(true)).then_some(())));
        waited.with_context(|| format!("the page says: {}", self.evaluate("document.body.innerText").unwrap_or_default()))
    }

    /// The texts of all elements that a selector matches.
    pub fn texts(&mut self, selector: &str) -> Result<Vec<String>> {
        let list = self.evaluate(&format!("[...document.querySelectorAll({})].map((found) => found.innerText)", json!(selector)))?;
        Ok(serde_json::from_value(list)?)
    }

    /// Clicks with the mouse where an element is.
    pub fn click(&mut self, selector: &str) -> Result<()> {
        let place = format!(
            "(() => {{ const found = document.querySelector({0}); if (!found) return null; found.scrollIntoView({{block: 'center'}}); \
             const box = found.getBoundingClientRect(); return {{x: box.x + box.width / 2, y: box.y + box.height / 2}}; }})()",
            json!(selector)
        );
        let place = self.evaluate(&place)?;
        ensure!(place.is_object(), "nothing is {selector}");
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": place.get("x"), "y": place.get("y"), "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", &event)?;
        }
        Ok(())
    }

    /// Presses one key, such as `/` or `Enter`.
    pub fn press(&mut self, key: &str) -> Result<()> {
        let (text, code) = if key == "Enter" { ("\r", 13) } else { (key, 0) };
        let down = json!({"type": "keyDown", "key": key, "text": text, "windowsVirtualKeyCode": code});
        self.call("Input.dispatchKeyEvent", &down)?;
        self.call("Input.dispatchKeyEvent", &json!({"type": "keyUp", "key": key})).map(|_| ())
    }

    /// Types where the focus is.
    pub fn write(&mut self, text: &str) -> Result<()> {
        self.call("Input.insertText", &json!({"text": text})).map(|_| ())
    }

    /// What the page looks like, as PNG.
    pub fn picture(&mut self) -> Result<Vec<u8>> {
        let answer = self.call("Page.captureScreenshot", &json!({"format": "png", "optimizeForSpeed": false}))?;
        Ok(STANDARD.decode(text(&answer, "data")?)?)
    }

    /// The addresses of everything that the page has asked for.
    pub fn requests(&self) -> Vec<String> {
        let requests = self.wire.events("Network.requestWillBeSent");
        requests.filter_map(|event| Some(event.pointer("/request/url")?.as_str()?.to_owned())).collect()
    }

    /// What went wrong in the page: exceptions, and whatever its security policy has kept from happening.
    pub fn problems(&self) -> Vec<String> {
        let thrown = self.wire.events("Runtime.exceptionThrown").map(ToString::to_string);
        let kept = self.wire.events("Log.entryAdded").filter(|event| event.pointer("/entry/source") == Some(&json!("security")));
        let dialogs = self.wire.events("Page.javascriptDialogOpening").map(ToString::to_string);
        thrown.chain(kept.map(ToString::to_string)).chain(dialogs).collect()
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Result<Value> {
        let session = self.session.clone();
        self.wire.call(Some(&session), method, parameters)
    }
}

fn text(answer: &Value, name: &str) -> Result<String> {
    Ok(answer.get(name).and_then(Value::as_str).with_context(|| format!("no {name} in {answer}"))?.to_owned())
}
