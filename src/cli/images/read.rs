//! Reports from the cluster, page by page.

use anyhow::{Context, bail};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::core::{PartialObjectMeta, ResourceExt, Status};
use kube::{Api, Client, Error};

use crate::crd::VerificationReport;
use crate::report::inventory::{Inventory, PodImages};

/// Objects per page: a page of reports is about a megabyte.
pub(super) const PAGE: u32 = 500;
/// A list of many pages may outlive the API server's memory of its beginning; then it is read again.
const BEGINNINGS: usize = 3;
/// Namespaces that are asked at the same time.
const AT_ONCE: usize = 8;

/// What the reports say.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) inventory: Inventory,
    /// How many reports there were.
    pub(super) reports: usize,
    /// How many of them had nothing to say yet.
    pub(super) silent: usize,
}

impl Found {
    pub(super) fn add(&mut self, report: VerificationReport) {
        self.reports += 1;
        match report.status {
            None => self.silent += 1,
            Some(status) => {
                let namespace = report.metadata.namespace.unwrap_or_default();
                let images = if report.spec.pod.is_some() { PodImages::of(status.images) } else { PodImages::of_workload(status.images) };
                self.inventory.add(&namespace, &images, |_, _| ());
            }
        }
    }

    pub(super) fn append(&mut self, other: Self) {
        self.reports += other.reports;
        self.silent += other.silent;
        self.inventory.append(other.inventory);
    }
}

/// Where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// One namespace.
    Namespace(String),
    /// The whole cluster or nothing.
    Everywhere,
    /// The whole cluster, or else every namespace whose reports may be listed.
    WhereAllowed,
}

/// Everything that the reports there say.
pub(super) async fn read(client: &Client, scope: &Scope) -> anyhow::Result<Found> {
    match scope {
        Scope::Namespace(namespace) => match list(&Api::namespaced(client.clone(), namespace)).await {
            Err(Error::Api(status)) if status.is_forbidden() => bail!("you may not list VerificationReports in namespace {namespace}"),
            answer => complete(answer),
        },
        Scope::Everywhere => match list(&Api::all(client.clone())).await {
            Err(Error::Api(status)) if status.is_forbidden() => bail!(
                "you may not list VerificationReports in all namespaces: name one with --namespace, or leave out --all-namespaces to see those that you may"
            ),
            answer => complete(answer),
        },
        Scope::WhereAllowed => match list(&Api::all(client.clone())).await {
            Err(Error::Api(status)) if status.is_forbidden() => one_by_one(client).await,
            answer => complete(answer),
        },
    }
}

fn complete(answer: Result<Found, Error>) -> anyhow::Result<Found> {
    match answer {
        Err(Error::Api(status)) if status.is_not_found() => {
            bail!("this cluster has no VerificationReports: Bonafide is not installed (kubectl apply --server-side -f manifests/crds)")
        }
        // The status alone: the error would print it twice.
        Err(Error::Api(status)) => bail!("the API server does not list the VerificationReports: {}", said(&status)),
        answer => answer.context("the VerificationReports cannot be listed"),
    }
}

fn said(status: &Status) -> String {
    crate::text::shown(&format!("{} {}", status.code, status.message), 1024)
}

/// For people without rights on the cluster.
async fn one_by_one(client: &Client) -> anyhow::Result<Found> {
    let names = match namespaces(client).await {
        Err(Error::Api(status)) if status.is_forbidden() => {
            bail!("you may list neither VerificationReports in all namespaces nor the namespaces: name one with --namespace")
        }
        names => names.context("the namespaces cannot be listed")?,
    };
    let all = names.len();
    let answers = stream::iter(names).map(|name| async move {
        let reports: Api<VerificationReport> = Api::namespaced(client.clone(), &name);
        match list(&reports).await {
            Err(Error::Api(status)) if status.is_forbidden() => Ok(None),
            answer => complete(answer).map(Some).with_context(|| format!("namespace {name}")),
        }
    });
    let answers: Vec<Option<Found>> = answers.buffered(AT_ONCE).try_collect().await?;
    let mut everything = Found::default();
    let mut seen = 0;
    for found in answers.into_iter().flatten() {
        seen += 1;
        everything.append(found);
    }
    if seen == 0 {
        bail!("you may not list VerificationReports in any namespace");
    }
    if seen < all {
        eprintln!("bonafide: {seen} of {all} namespaces are shown: in the others you may not list VerificationReports");
    }
    Ok(everything)
}

async fn namespaces(client: &Client) -> Result<Vec<String>, Error> {
    let api: Api<Namespace> = Api::all(client.clone());
    let mut names = Vec::new();
    let mut params = ListParams::default().limit(PAGE);
    loop {
        let page = api.list_metadata(&params).await?;
        names.extend(page.items.iter().map(PartialObjectMeta::name_any));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params.continue_token = Some(token),
            None => return Ok(names),
        }
    }
}

async fn list(api: &Api<VerificationReport>) -> Result<Found, Error> {
    let mut beginnings = 1;
    loop {
        match pages(api).await {
            Err(Error::Api(status)) if status.code == 410 && beginnings < BEGINNINGS => beginnings += 1,
            answer => return answer,
        }
    }
}

async fn pages(api: &Api<VerificationReport>) -> Result<Found, Error> {
    let mut found = Found::default();
    let mut params = ListParams::default().limit(PAGE);
    loop {
        let page = api.list(&params).await?;
        for report in page.items {
            found.add(report);
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params.continue_token = Some(token),
            None => return Ok(found),
        }
    }
}
