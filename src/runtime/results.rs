//! Joins `/results` to the cluster: reviews by the API server, what re-verification has found out, and the Lease.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client, Error, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::leadership;
use crate::chain;
use crate::controllers::verification_report::Running;
use crate::crd::VerificationReport;
use crate::results::{Found, Leader, NoAnswer, Surroundings, User};

const TIMEOUT: Duration = Duration::from_secs(5);

/// The cluster around `/results`.
pub(super) struct ResultsCluster {
    pub(super) client: Client,
    pub(super) running: Running,
    pub(super) namespace: String,
    pub(super) lease: &'static str,
    /// Where pods serve this port, if replicas are pods.
    pub(super) pod_port: Option<u16>,
}

impl Surroundings for ResultsCluster {
    fn user<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Option<Arc<User>>, NoAnswer>> {
        let spec = TokenReviewSpec { token: Some(token.to_owned()), audiences: None };
        async move {
            let review = self.review(&TokenReview { spec, ..TokenReview::default() }).await?;
            let status = review.status.unwrap_or_default();
            Ok(status.user.filter(|_| status.authenticated == Some(true)).map(|user| Arc::new(known(user))))
        }
        .boxed()
    }

    fn may_list<'a>(&'a self, user: &'a User, namespace: Option<&'a str>) -> BoxFuture<'a, Result<bool, NoAnswer>> {
        async move {
            let review = self.review(&SubjectAccessReview { spec: to_list(user, namespace), ..SubjectAccessReview::default() }).await?;
            Ok(review.status.is_some_and(|status| status.allowed && status.denied != Some(true)))
        }
        .boxed()
    }

    fn found(&self) -> Option<Found> {
        let waiting = self.running.counts()?.waiting;
        Some(Found { pods: self.running.pods()?, waiting })
    }

    fn leader(&self) -> BoxFuture<'_, Option<Leader>> {
        async move {
            let read = leadership::holder(&self.client, &self.namespace, self.lease);
            let identity = tokio::time::timeout(TIMEOUT, read).await.ok().flatten()?;
            let namespace = &self.namespace;
            let reach = self.pod_port.map(|port| format!("kubectl port-forward -n {namespace} pod/{identity} {port}"));
            Some(Leader { identity, reach })
        }
        .boxed()
    }
}

impl ResultsCluster {
    async fn review<K>(&self, review: &K) -> Result<K, NoAnswer>
    where
        K: Resource<DynamicType = ()> + Clone + Serialize + DeserializeOwned + std::fmt::Debug,
    {
        let api: Api<K> = Api::all(self.client.clone());
        let params = PostParams::default();
        match tokio::time::timeout(TIMEOUT, api.create(&params, review)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Error::Api(status))) if status.is_forbidden() => {
                Err(NoAnswer(format!("the operator may not create {}", K::plural(&()))))
            }
            Ok(Err(error)) => {
                tracing::warn!(error = %chain(&error), kind = %K::kind(&()), "the API server does not answer a review");
                Err(NoAnswer("the API server does not answer".to_owned()))
            }
            Err(_) => Err(NoAnswer("the API server does not answer in time".to_owned())),
        }
    }
}

fn known(user: UserInfo) -> User {
    let UserInfo { username, uid, groups, extra } = user;
    User { name: username, uid, groups: groups.unwrap_or_default(), extra: extra.unwrap_or_default() }
}

/// No namespace means all of them.
fn to_list(user: &User, namespace: Option<&str>) -> SubjectAccessReviewSpec {
    let User { name, uid, groups, extra } = user.clone();
    let resource = ResourceAttributes {
        group: Some(VerificationReport::group(&()).into_owned()),
        resource: Some(VerificationReport::plural(&()).into_owned()),
        verb: Some("list".to_owned()),
        namespace: namespace.map(str::to_owned),
        ..ResourceAttributes::default()
    };
    SubjectAccessReviewSpec {
        user: name,
        uid,
        groups: Some(groups),
        extra: Some(extra),
        resource_attributes: Some(resource),
        non_resource_attributes: None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use std::sync::Mutex;

    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::{Value, json};

    use super::*;

    /// A cluster whose API server answers every review with this status, and what it was asked.
    fn cluster(code: u16, answer: Value) -> (ResultsCluster, Arc<Mutex<Vec<Value>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let (log, answer) = (log.clone(), answer.clone());
            async move {
                let sent = request.into_body().collect_bytes().await.unwrap();
                let mut object: Value = serde_json::from_slice(&sent).unwrap();
                log.lock().unwrap().push(object["spec"].clone());
                object["status"] = answer.clone();
                let body = if code < 300 { object } else { answer };
                Ok::<_, std::convert::Infallible>(Response::builder().status(code).body(Body::from(body.to_string().into_bytes())).unwrap())
            }
        });
        let client = Client::new(service, "default");
        let cluster = ResultsCluster {
            client,
            running: Running::default(),
            namespace: "bonafide-system".to_owned(),
            lease: "bonafide",
            pod_port: None,
        };
        (cluster, asked)
    }

    #[tokio::test]
    async fn only_whom_the_api_server_calls_authenticated_is_somebody() {
        let user = json!({"username": "alice", "uid": "u", "groups": ["team"], "extra": {"scopes": ["a"]}});
        let (cluster, asked) = cluster_of(json!({"authenticated": true, "user": user}));
        let alice = cluster.user("secret").await.unwrap().unwrap();
        let extra = [("scopes".to_owned(), vec!["a".to_owned()])].into();
        assert_eq!(*alice, User { name: Some("alice".to_owned()), uid: Some("u".to_owned()), groups: vec!["team".to_owned()], extra });
        assert_eq!(*asked.lock().unwrap(), [json!({"token": "secret"})]);
        for status in [
            json!({"authenticated": false, "user": {"username": "alice"}}),
            json!({"user": {"username": "alice"}}),
            json!({"error": "expired"}),
        ] {
            assert_eq!(cluster_of(status.clone()).0.user("secret").await.unwrap(), None, "{status}");
        }
    }

    fn cluster_of(status: Value) -> (ResultsCluster, Arc<Mutex<Vec<Value>>>) {
        cluster(201, status)
    }

    #[tokio::test]
    async fn it_is_asked_whether_the_user_may_list_reports_there_and_a_denial_is_none() {
        let user = User { name: Some("alice".to_owned()), groups: vec!["team".to_owned()], ..User::default() };
        let (cluster, asked) = cluster_of(json!({"allowed": true}));
        assert!(cluster.may_list(&user, Some("shop")).await.unwrap() && cluster.may_list(&user, None).await.unwrap());
        let list = json!({"group": "bonafide.dev", "resource": "verificationreports", "verb": "list"});
        let mut there = list.clone();
        there["namespace"] = json!("shop");
        let spec = |attributes: Value| json!({"user": "alice", "groups": ["team"], "extra": {}, "resourceAttributes": attributes});
        assert_eq!(*asked.lock().unwrap(), [spec(there), spec(list)]);
        for status in [json!({"allowed": false}), json!({"allowed": true, "denied": true})] {
            assert!(!cluster_of(status.clone()).0.may_list(&user, None).await.unwrap(), "{status}");
        }
    }

    #[tokio::test]
    async fn an_api_server_that_refuses_the_review_has_not_answered() {
        let failure = |code: u16, reason: &str| json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": "no"});
        let (refused, _) = cluster(403, failure(403, "Forbidden"));
        assert_eq!(refused.user("secret").await.unwrap_err().to_string(), "the operator may not create tokenreviews");
        let (broken, _) = cluster(500, failure(500, "InternalError"));
        assert!(broken.may_list(&User::default(), None).await.is_err());
    }
}
