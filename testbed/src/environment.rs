//! Everything together, started once for all tests of a run.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

use anyhow::{Result, anyhow};

use crate::apart::Apart;
use crate::control_plane::{ControlPlane, Options};
use crate::cosign::{Cosign, Key};
use crate::images::Images;
use crate::install::{OPERATOR_NAMESPACE, SERVICE_ACCOUNT, install};
use crate::namespace::Namespace;
use crate::notary::{NotaryFront, NotaryServer};
use crate::operator::{Operator, OperatorOptions};
use crate::registry::Registry;
use crate::relay::Relay;
use crate::{post_mortem, tools};

/// A cluster with the operator in it, two registries, a server of trust data, and the programs that fill them.
#[derive(Debug)]
pub struct Environment {
    /// The operator under test.
    pub operator: Operator,
    /// A registry without the referrers API.
    pub registry: Registry,
    /// A registry with the referrers API.
    pub referrers_registry: Registry,
    /// What stands before the server of trust data, where its repositories can be set back one by one.
    pub notary_front: NotaryFront,
    /// A Notary server with a private authority.
    pub notary: NotaryServer,
    /// Makes images.
    pub images: Images,
    /// Signs images.
    pub cosign: Cosign,
    /// The way from the operator to the API server.
    pub relay: Relay,
    /// The cluster.
    pub control_plane: ControlPlane,
    keys: Mutex<HashMap<String, Key>>,
    program: PathBuf,
    starting_apart: Mutex<()>,
    apart: OnceLock<Apart>,
}

impl Environment {
    /// Starts all of it and waits until the operator is ready; `program` is the `bonafide` to test.
    pub fn start(program: &Path) -> Result<Self> {
        tools::all()?;
        let servers = thread::spawn(servers);
        let control_plane = ControlPlane::start(Options { audit: true, ..Options::default() })?;
        install(control_plane.kubectl())?;
        let (registry, referrers_registry, notary, notary_front) = servers.join().map_err(|_| anyhow!("starting servers panicked"))??;
        let kubeconfig = control_plane.service_account_kubeconfig(OPERATOR_NAMESPACE, SERVICE_ACCOUNT)?;
        let url = control_plane.url();
        let relay = Relay::to(url.trim_start_matches("https://"))?;
        let kubeconfig = relay.kubeconfig(&kubeconfig, &url)?;
        let mut options = OperatorOptions::new(program, kubeconfig, control_plane.directory());
        // Whoever does not come from loopback is asked who he is, which takes an address that is none.
        options.admin_host = Ipv4Addr::UNSPECIFIED.into();
        let operator = Operator::start(options)?;
        let (images, cosign) = (Images::new()?, Cosign::new()?);
        let keys = Mutex::default();
        Ok(Self {
            operator,
            registry,
            referrers_registry,
            notary_front,
            notary,
            images,
            cosign,
            relay,
            control_plane,
            keys,
            program: program.to_owned(),
            starting_apart: Mutex::default(),
            apart: OnceLock::new(),
        })
    }

    /// A new namespace for a test, deleted with its value.
    pub fn namespace(&self, story: &str, labels: &[(&str, &str)]) -> Result<Namespace> {
        Namespace::temporary(self.control_plane.kubectl(), story, labels)
    }

    /// The operator namespace, where cluster-wide policies are.
    pub fn operator_namespace(&self) -> Namespace {
        Namespace::existing(self.control_plane.kubectl(), OPERATOR_NAMESPACE)
    }

    /// The second cluster, started when it is first asked for.
    pub fn apart(&self) -> Result<&Apart> {
        let _one_at_a_time = self.starting_apart.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(apart) = self.apart.get() {
            return Ok(apart);
        }
        let apart = Apart::start(&self.program)?;
        Ok(self.apart.get_or_init(|| apart))
    }

    /// The program under test.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The P-256 key of a signer called `name`, made when it is first asked for.
    pub fn key(&self, name: &str) -> Result<Key> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = keys.get(name) {
            return Ok(key.clone());
        }
        let key = self.cosign.key(name)?;
        keys.insert(name.to_owned(), key.clone());
        Ok(key)
    }

    /// Runs `body` with a namespace of its own; when it fails or panics, the error holds the state it has left.
    pub fn story(&self, name: &str, labels: &[(&str, &str)], body: impl FnOnce(&Namespace) -> Result<()>) -> Result<()> {
        let namespace = self.namespace(name, labels)?;
        let outcome = catch_unwind(AssertUnwindSafe(|| body(&namespace)));
        let failure = match outcome {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => format!("{error:#}"),
            // The panic hook has printed the message already.
            Err(_) => "a panic, see above".to_owned(),
        };
        Err(anyhow!("{failure}\n{}", self.post_mortem(namespace.name())))
    }

    /// What one wants to see when a test in `namespace` has failed; never fails itself.
    pub fn post_mortem(&self, namespace: &str) -> String {
        let state = post_mortem::dump(self.control_plane.kubectl(), namespace);
        format!("{state}--- the end of the operator's log\n{}\n", self.operator.log_tail(60))
    }
}

fn servers() -> Result<(Registry, Registry, NotaryServer, NotaryFront)> {
    let notary = NotaryServer::start()?;
    let front = NotaryFront::before(&notary)?;
    Ok((Registry::distribution()?, Registry::referrers()?, notary, front))
}
