//! Requests to a cluster that answers as a test says, and counts what it is asked.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap is a failed test")]

mod documents;
mod gates;
mod pages;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::{BoxFuture, FutureExt, pending};
use serde_json::{Value, json};

use super::{Found, Leader, NoAnswer, Peer, Surroundings, User, routes};
use crate::controllers::verification_report::{SeenPod, Verified};
use crate::report::Workload;

const STRANGER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 7));
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// A cluster in which `Bearer good` is alice, who may list what is in `rights`; `*` stands for all namespaces.
#[derive(Default)]
struct Cluster {
    pods: Mutex<Vec<SeenPod>>,
    rights: Mutex<BTreeSet<String>>,
    leads: bool,
    leader: Option<Leader>,
    /// The API server's fault.
    fault: Mutex<Option<Fault>>,
    users_asked: AtomicUsize,
    rights_asked: Mutex<Vec<String>>,
}

#[derive(Clone, Copy)]
enum Fault {
    Refuses,
    Stalls,
}

impl Cluster {
    fn new(rights: &[&str], pods: Vec<SeenPod>) -> Arc<Self> {
        let rights = Mutex::new(rights.iter().map(|name| (*name).to_owned()).collect());
        Arc::new(Self { pods: Mutex::new(pods), rights, leads: true, ..Self::default() })
    }

    async fn answer<T>(&self, value: T) -> Result<T, NoAnswer> {
        let fault = *self.fault.lock().unwrap();
        match fault {
            None => Ok(value),
            Some(Fault::Refuses) => Err(NoAnswer("the API server does not answer".to_owned())),
            Some(Fault::Stalls) => pending().await,
        }
    }

    fn fail(&self, fault: Fault) {
        *self.fault.lock().unwrap() = Some(fault);
    }

    fn rights_asked(&self) -> Vec<String> {
        self.rights_asked.lock().unwrap().clone()
    }
}

impl Surroundings for Cluster {
    fn user<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Option<Arc<User>>, NoAnswer>> {
        self.users_asked.fetch_add(1, Ordering::Relaxed);
        let alice = (token == "good").then(|| Arc::new(User { name: Some("alice".to_owned()), ..User::default() }));
        self.answer(alice).boxed()
    }

    fn may_list<'a>(&'a self, user: &'a User, namespace: Option<&'a str>) -> BoxFuture<'a, Result<bool, NoAnswer>> {
        assert_eq!(user.name.as_deref(), Some("alice"));
        let namespace = namespace.unwrap_or("*").to_owned();
        self.rights_asked.lock().unwrap().push(namespace.clone());
        let allowed = self.rights.lock().unwrap().contains(&namespace);
        self.answer(allowed).boxed()
    }

    fn found(&self) -> Option<Found> {
        self.leads.then(|| Found { pods: self.pods.lock().unwrap().clone(), waiting: 3 })
    }

    fn leader(&self) -> BoxFuture<'_, Option<Leader>> {
        async { self.leader.clone() }.boxed()
    }
}

/// A pod that runs these images, each `(image, status)` by policy `bonafide-system/production`.
fn pod(namespace: &str, name: &str, images: &[(&str, &str)]) -> SeenPod {
    let result = |(image, status): &(&str, &str)| {
        let signers = if *status == "Trusted" { json!(["bonafide-system/release/key"]) } else { json!([]) };
        serde_json::from_value(json!({
            "image": image, "containers": ["main"], "status": status, "policy": "bonafide-system/production", "rule": "all",
            "validator": "bonafide-system/release", "signers": signers, "reason": format!("Because{status}"), "message": "why"
        }))
        .unwrap()
    };
    let verified = match images.iter().map(|(_, status)| *status).find(|status| !["Trusted", "Exempt"].contains(status)) {
        None => Verified::Yes,
        Some("Unknown") => Verified::Unknown,
        Some(_) => Verified::No,
    };
    SeenPod {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        workload: Some(Workload { kind: "ReplicaSet".to_owned(), name: format!("{name}-set") }),
        verified,
        since: "2026-01-02T03:04:05Z".parse().ok(),
        results: images.iter().map(result).collect(),
    }
}

/// A shop and a bank.
fn two_namespaces() -> Vec<SeenPod> {
    vec![
        pod("bank", "vault", &[("registry.example.com/vault:v1", "Untrusted")]),
        pod("shop", "web", &[("registry.example.com/web:v1", "Trusted"), ("registry.example.com/pause:3", "Exempt")]),
    ]
}

struct Asked {
    status: u16,
    headers: warp::http::HeaderMap,
    text: String,
}

impl Asked {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn images(&self) -> Vec<String> {
        self.json()["images"].as_array().unwrap().iter().map(|image| image["image"].as_str().unwrap().to_owned()).collect()
    }
}

/// One service that is asked several times.
fn service(cluster: &Arc<Cluster>) -> impl AsyncFn(Option<IpAddr>, &str, Option<&str>) -> Asked {
    let routes = routes(cluster.clone());
    async move |peer, path, token| {
        let mut request = warp::test::request().path(path).header("host", "localhost:8081");
        if let Some(peer) = peer {
            request = request.extension(Peer(peer));
        }
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = request.reply(&routes).await;
        Asked {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            text: String::from_utf8(answer.body().to_vec()).unwrap(),
        }
    }
}

/// Asked once from somewhere else.
async fn ask(cluster: &Arc<Cluster>, path: &str, token: Option<&str>) -> Asked {
    service(cluster)(Some(STRANGER), path, token).await
}

/// Asked once from here.
async fn look(cluster: &Arc<Cluster>, path: &str) -> Asked {
    service(cluster)(Some(HERE), path, None).await
}
