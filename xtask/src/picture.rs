//! `picture`: what people see in a browser, drawn in Chromium for the documents.

mod dashboard;
mod npm;
mod scene;

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::browser;
use crate::step::{cargo_program, run};

/// The e2e test that draws it when it is told where to.
const STATUS_PAGE_TEST: &str = "status_page_shows";
const STATUS_PAGE_VARIABLE: &str = "BONAFIDE_PICTURE";
/// What goes into the repository stays there for ever.
const MOST_BYTES: u64 = 300 * 1024;

/// Which picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Picture {
    /// The page of the operator, from an e2e test.
    StatusPage,
    /// The Grafana dashboard, with Grafana's components (needs npm) and six minutes of a test cluster.
    Dashboard,
}

impl Picture {
    /// Where it is, from the root of the repository.
    fn path(self) -> &'static str {
        match self {
            Self::StatusPage => "docs/pictures/status-page.png",
            Self::Dashboard => "docs/pictures/dashboard.png",
        }
    }
}

/// Draws these, or all.
pub(crate) fn draw(wanted: &[Picture]) -> Result<()> {
    testbed::tools::all()?;
    browser::provide();
    let chromium = testbed::browser::find().context("pictures need chromium in PATH")?;
    let all = [Picture::StatusPage, Picture::Dashboard];
    for picture in if wanted.is_empty() { &all } else { wanted } {
        let path = testbed::repository().join(picture.path());
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
        match picture {
            Picture::StatusPage => status_page()?,
            Picture::Dashboard => dashboard::draw(&chromium, &path)?,
        }
        let bytes = std::fs::metadata(&path).with_context(|| format!("{} was not drawn", picture.path()))?.len();
        ensure!(bytes <= MOST_BYTES, "{} has {bytes} bytes: at most {MOST_BYTES} go into the repository", picture.path());
        println!("{}: {bytes} bytes", picture.path());
    }
    Ok(())
}

fn status_page() -> Result<()> {
    let mut command = Command::new(cargo_program());
    command.args(["test", "--workspace", "--test", "e2e", "--", STATUS_PAGE_TEST]);
    command.env(STATUS_PAGE_VARIABLE, Picture::StatusPage.path()).current_dir(testbed::repository());
    run(command)
}
