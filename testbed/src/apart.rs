//! A second cluster, for operators whose settings would be in the way of everything else: each has one namespace.
//!
//! Nothing of the first cluster's is installed here but the kinds: no cluster-wide permission, no webhook.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::control_plane::{ControlPlane, Options};
use crate::directory::repository;
use crate::install::{SERVICE_ACCOUNT, install_kinds};
use crate::kubectl::Kubectl;
use crate::namespace::Namespace;
use crate::operator::{Operator, OperatorOptions};

/// The cluster.
#[derive(Debug)]
pub struct Apart {
    program: PathBuf,
    control_plane: ControlPlane,
}

/// A namespace with an operator of its own.
#[derive(Debug)]
pub struct Alone {
    /// The operator, which ends with this value.
    pub operator: Operator,
    /// The namespace.
    pub namespace: Namespace,
}

impl Apart {
    /// Starts one for operators of `program`.
    pub fn start(program: &Path) -> Result<Self> {
        let control_plane = ControlPlane::start(Options::default())?;
        install_kinds(control_plane.kubectl())?;
        Ok(Self { program: program.to_owned(), control_plane })
    }

    /// The administrator's client.
    pub fn kubectl(&self) -> &Kubectl {
        self.control_plane.kubectl()
    }

    /// The cluster itself.
    pub fn control_plane(&self) -> &ControlPlane {
        &self.control_plane
    }

    /// A new namespace with the permissions of `manifests/namespaced`, and with an operator that looks at it once it is `prepared`.
    pub fn alone(&self, story: &str, arguments: &[&str], prepare: impl FnOnce(&Namespace) -> Result<()>) -> Result<Alone> {
        let namespace = Namespace::temporary(self.kubectl(), story, &[])?;
        let role = std::fs::read_to_string(repository().join("manifests/namespaced/10-role.yaml")).context("the Role")?;
        namespace.apply(&role)?;
        let account = format!("--serviceaccount={}:{SERVICE_ACCOUNT}", namespace.name());
        namespace.kubectl(&["create", "rolebinding", "bonafide", "--role=bonafide", &account])?;
        prepare(&namespace)?;
        Ok(Alone { operator: self.operator(&namespace, arguments)?, namespace })
    }

    /// A further operator that looks at the namespace of another one.
    pub fn operator(&self, namespace: &Namespace, arguments: &[&str]) -> Result<Operator> {
        let kubeconfig = self.control_plane.service_account_kubeconfig(namespace.name(), SERVICE_ACCOUNT)?;
        let mut options = OperatorOptions::new(&self.program, kubeconfig, self.control_plane.directory());
        options.watch_namespace = Some(namespace.name().to_owned());
        options.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Operator::start(options)
    }
}
