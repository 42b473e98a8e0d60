//! The programs of other projects that the tests and the demo run: found, or built from the pinned Go modules in `tools/`.
//!
//! Order: `KUBEBUILDER_ASSETS`, then `target/tools` when it was built from exactly the committed pins, else a build.

mod build;
mod lacking;
mod overlay;

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::directory::{repository, target};
pub use lacking::Lacking;
pub use overlay::Overlay;

/// A program that the testbed needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tool {
    /// The file name of the program.
    pub name: &'static str,
    /// The folder of `tools/` whose `go.mod` pins it; one per family, because their dependencies clash.
    pub module: &'static str,
    /// The Go package to build.
    pub package: &'static str,
    /// Flags of the linker.
    pub link: &'static str,
    /// Build tags.
    pub tags: &'static str,
    /// What it needs of an older Go.
    pub overlay: Option<Overlay>,
    /// What the archive of its module lacks.
    pub lacking: Option<Lacking>,
}

const STRIP: &str = "-s -w";
/// A Kubernetes program built outside its own makefile does not know its version, and kubectl refuses such a server.
const KUBERNETES: &str = "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3 \
                          -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36";

/// The API server.
pub const KUBE_APISERVER: Tool = kubernetes("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver");
/// The controllers behind Deployments, Jobs, namespaces and garbage collection.
pub const KUBE_CONTROLLER_MANAGER: Tool = kubernetes("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager");
/// The client.
pub const KUBECTL: Tool = kubernetes("kubectl", "k8s.io/kubernetes/cmd/kubectl");
/// The API server's store.
pub const ETCD: Tool = plain("etcd", "etcd", "go.etcd.io/etcd/server/v3");
/// A registry without the referrers API.
pub const REGISTRY: Tool = plain("registry", "registry", "github.com/distribution/distribution/v3/cmd/registry");
/// A registry with the referrers API.
pub const REFERRERS_REGISTRY: Tool = plain("referrers-registry", "images", "./referrers-registry");
/// Makes and copies images.
pub const CRANE: Tool = plain("crane", "images", "github.com/google/go-containerregistry/cmd/crane");
/// Signs images.
pub const COSIGN: Tool = plain("cosign", "cosign", "github.com/sigstore/cosign/v3/cmd/cosign");
/// Signs tags for Docker Content Trust.
pub const NOTARY: Tool = plain("notary", "notary", "github.com/theupdateframework/notary/cmd/notary");
/// Keeps and serves what it has signed.
pub const NOTARY_SERVER: Tool = older("notary-server", "notary", "github.com/theupdateframework/notary/cmd/notary-server");
/// Has the server's keys.
pub const NOTARY_SIGNER: Tool = plain("notary-signer", "notary", "github.com/theupdateframework/notary/cmd/notary-signer");
/// The server with timestamps that expire soon.
pub const NOTARY_BRIEF: Tool = older("notary-brief", "notary", "./brief");
/// Stands before the server and can restore a backup.
pub const NOTARY_FRONT: Tool = plain("notary-front", "notary", "./front");
/// Gives out the server's tokens.
pub const NOTARY_TOKENS: Tool = plain("notary-tokens", "notary", "./tokens");

/// Scrapes the operator and evaluates its alerts. Without the service discovery of clouds it is built in half the time.
pub const PROMETHEUS: Tool = monitoring("prometheus", "github.com/prometheus/prometheus/cmd/prometheus");
/// Checks and tests alerts.
pub const PROMTOOL: Tool = monitoring("promtool", "github.com/prometheus/prometheus/cmd/promtool");
/// What alerts are sent to.
pub const ALERTMANAGER: Tool = Tool {
    lacking: Some(lacking::WEB_PAGES),
    ..plain("alertmanager", "alertmanager", "github.com/prometheus/alertmanager/cmd/alertmanager")
};

/// Every tool, the quick builds first.
pub const ALL: [Tool; 17] = [
    CRANE,
    REFERRERS_REGISTRY,
    NOTARY,
    NOTARY_SERVER,
    NOTARY_SIGNER,
    NOTARY_BRIEF,
    NOTARY_FRONT,
    NOTARY_TOKENS,
    ETCD,
    REGISTRY,
    KUBECTL,
    KUBE_APISERVER,
    KUBE_CONTROLLER_MANAGER,
    COSIGN,
    ALERTMANAGER,
    PROMETHEUS,
    PROMTOOL,
];

const fn kubernetes(name: &'static str, package: &'static str) -> Tool {
    Tool { link: KUBERNETES, ..plain(name, "kubernetes", package) }
}

const fn plain(name: &'static str, module: &'static str, package: &'static str) -> Tool {
    Tool { name, module, package, link: STRIP, tags: "", overlay: None, lacking: None }
}

/// As [`plain`], for a Notary server.
const fn older(name: &'static str, module: &'static str, package: &'static str) -> Tool {
    Tool { overlay: Some(overlay::WHOLE_FILE_NAMES), ..plain(name, module, package) }
}

const fn monitoring(name: &'static str, package: &'static str) -> Tool {
    Tool { tags: "remove_all_sd", ..plain(name, "prometheus", package) }
}

impl Tool {
    /// The program, found or built.
    pub fn path(self) -> Result<PathBuf> {
        if let Some(found) = self.in_assets() {
            return Ok(found);
        }
        let directory = target().join("tools");
        std::fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
        let _lock = lock(&directory)?;
        let program = directory.join(self.name);
        let stamp = directory.join(format!("{}.built-from", self.name));
        let pins = self.pins()?;
        if !(program.exists() && std::fs::read_to_string(&stamp).is_ok_and(|built| built == pins)) {
            build::build(self, &program)?;
            std::fs::write(&stamp, pins)?;
        }
        Ok(program)
    }

    /// The folder of its Go module.
    fn source(self) -> PathBuf {
        repository().join("tools").join(self.module)
    }

    fn in_assets(self) -> Option<PathBuf> {
        let assets = std::env::var_os("KUBEBUILDER_ASSETS")?;
        let program = Path::new(&assets).join(self.name);
        program.is_file().then_some(program)
    }

    /// Everything that a build depends on besides Go itself.
    fn pins(self) -> Result<String> {
        let source = self.source();
        let mut files = vec![source.join("go.mod"), source.join("go.sum")];
        if self.package.starts_with("./") {
            files.push(source.join(self.package).join("main.go"));
        }
        let mut pins = format!("{} {}\n", self.package, self.link);
        pins += &self.overlay.map(|overlay| format!("{overlay:?}\n")).unwrap_or_default();
        pins += &self.lacking.map(|lacking| format!("{lacking:?}\n")).unwrap_or_default();
        pins += self.tags;
        for file in files {
            pins += &std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        }
        Ok(pins)
    }
}

/// Builds what is missing and answers where each tool is.
pub fn all() -> Result<Vec<(Tool, PathBuf)>> {
    ALL.into_iter().map(|tool| Ok((tool, tool.path()?))).collect()
}

/// Two test binaries that start at the same time build once.
fn lock(directory: &Path) -> Result<File> {
    let file = File::create(directory.join(".lock"))?;
    file.lock().context("cannot lock target/tools")?;
    Ok(file)
}
