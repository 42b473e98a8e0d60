//! Bodies for servers that are no registries.

use bytes::Bytes;
use http::HeaderMap;
use oci::{Post, PostError, Posted, Poster};
use registry_double::Misbehaviour;
use tokio::time::Instant;
use url::Url;

use super::*;

async fn post(egress: Egress, url: &str, plain_http: bool, time: Duration) -> Result<Posted, PostError> {
    let (url, headers, body): (Url, _, _) = (url.parse().unwrap(), HeaderMap::new(), Bytes::from_static(b"{}"));
    let post = Post { url: &url, headers: &headers, body: &body, plain_http, ca_bundle: None, deadline: Instant::now() + time };
    Poster::new(egress, "test".to_owned()).unwrap().post(post).await
}

#[tokio::test]
async fn a_body_arrives_and_the_head_of_the_answer_comes_back() {
    let registry = RegistryDouble::start().await;
    registry.script("/hook", Misbehaviour::Status(429, vec![("retry-after", "7".to_owned())]));
    let posted = post(loopback(), &registry.url("/hook"), true, AMPLE).await.unwrap();
    assert_eq!((posted.status.as_u16(), posted.retry_after), (429, Some(Duration::from_secs(7))));
    let requests = registry.requests();
    assert_eq!((requests[0].method.as_str(), requests[0].body.as_str()), ("POST", "{}"));
    assert_eq!(requests.len(), 1, "there is no second try");
}

#[tokio::test]
async fn nothing_is_sent_where_it_must_not() {
    let registry = RegistryDouble::start().await;
    let url = registry.url("/hook");
    assert_eq!(post(loopback(), &url, false, AMPLE).await, Err(PostError::PlainHttp));
    let refused = |error: Result<Posted, PostError>| matches!(error, Err(PostError::EgressRefused(Some(_))));
    assert!(refused(post(Egress::closed(), &url, true, AMPLE).await));
    assert!(refused(post(Egress::closed(), &url.replace("127.0.0.1", "localhost"), true, AMPLE).await));
    let user = url.replace("http://", "http://user:password@");
    assert_eq!(post(loopback(), &user, true, AMPLE).await, Err(PostError::UnreadableUrl));
    assert_eq!(post(loopback(), &url, true, Duration::ZERO).await, Err(PostError::Timeout));
    assert!(registry.requests().is_empty());
}

#[tokio::test]
async fn a_server_that_does_not_answer_ends_at_the_deadline() {
    let registry = RegistryDouble::start().await;
    registry.script("/hook", Misbehaviour::Stall);
    assert_eq!(post(loopback(), &registry.url("/hook"), true, SHORT).await, Err(PostError::Timeout));
}
