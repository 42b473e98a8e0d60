//! The admin listener, over plain HTTP: liveness, readiness and metrics for the kubelet and for Prometheus, open to
//! whoever reaches it; and what runs, for people and scripts, who are asked who they are.

mod server;

use std::convert::Infallible;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use warp::Filter;
use warp::http::StatusCode;
use warp::reply::{Reply, Response};

use super::metrics::render;
use crate::results::{self, Surroundings};

/// What must hold before requests are answered. Never lost again because of a broken watch.
pub(super) trait Readiness: Send + Sync {
    /// What is missing, in words; nothing when ready.
    fn missing(&self) -> Option<&'static str>;
}

/// Serves until cancelled.
pub(super) async fn serve(
    listener: TcpListener,
    readiness: Arc<dyn Readiness>,
    registry: Arc<Registry>,
    surroundings: Arc<dyn Surroundings>,
    cancel: CancellationToken,
) {
    let routes = results::routes(surroundings).or(routes(readiness, registry)).unify();
    server::serve(listener, routes, cancel).await;
}

fn routes(
    readiness: Arc<dyn Readiness>,
    registry: Arc<Registry>,
) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + 'static {
    warp::get()
        .and(warp::path::param::<String>())
        .and(warp::path::end())
        .map(move |path: String| match path.as_str() {
            "livez" => text(StatusCode::OK, "ok"),
            "readyz" => match readiness.missing() {
                None => text(StatusCode::OK, "ok"),
                Some(missing) => text(StatusCode::SERVICE_UNAVAILABLE, missing),
            },
            "metrics" => metrics(&registry),
            _ => text(StatusCode::NOT_FOUND, "not found"),
        })
        .or(warp::any().map(|| text(StatusCode::NOT_FOUND, "not found")))
        .unify()
}

fn metrics(registry: &Registry) -> Response {
    const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match render(registry) {
        Ok(page) => warp::reply::with_header(page, "content-type", TYPE).into_response(),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "metrics could not be written"),
    }
}

fn text(status: StatusCode, text: &str) -> Response {
    warp::reply::with_status(format!("{text}\n"), status).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Said(Option<&'static str>);

    impl Readiness for Said {
        fn missing(&self) -> Option<&'static str> {
            self.0
        }
    }

    async fn get(path: &str, missing: Option<&'static str>) -> (u16, String) {
        let routes = routes(Arc::new(Said(missing)), Arc::new(Registry::default()));
        let response = warp::test::request().path(path).reply(&routes).await;
        (response.status().as_u16(), String::from_utf8_lossy(response.body()).into_owned())
    }

    #[tokio::test]
    async fn readiness_says_what_is_missing() {
        assert_eq!(get("/readyz", Some("the certificate was not read yet")).await, (503, "the certificate was not read yet\n".to_owned()));
        assert_eq!(get("/readyz", None).await, (200, "ok\n".to_owned()));
    }

    #[tokio::test]
    async fn liveness_does_not_depend_on_the_cluster() {
        assert_eq!(get("/livez", Some("nothing was listed yet")).await.0, 200);
    }

    #[tokio::test]
    async fn other_paths_are_not_found() {
        assert_eq!(get("/", None).await.0, 404);
        assert_eq!(get("/debug", None).await.0, 404);
    }
}
