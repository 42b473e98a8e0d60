//! The HTTP side: three paths below a segment that only the webhook configuration knows.

use std::collections::HashMap;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use tokio::sync::watch;
use tokio::time::Instant;
use warp::http::StatusCode;
use warp::reply::{Reply, Response};
use warp::{Filter, Rejection};

use super::answer::Answer;
use super::bodies::{Bodies, Room};
use super::objects::{Gate, NotReady, Pass};
use super::resources;
use super::review::{Request, ReviewError};

/// More than the largest review that an API server sends for the largest object (about 5.4 MB).
const MOST_BODY: u64 = 16 * 1024 * 1024;
/// Our own limit, below the webhook's timeout.
const MOST_TIME: Duration = Duration::from_secs(8);
/// What is left to the API server of its timeout.
const MARGIN: Duration = Duration::from_secs(1);

/// What the routes answer with.
#[derive(Clone)]
pub struct Routes {
    /// Decides about objects.
    pub gate: Arc<Gate>,
    /// The secret first segment of every path; none before the certificate was read.
    pub segment: watch::Receiver<Option<Arc<str>>>,
    /// Where cluster-wide objects live.
    pub operator_namespace: Arc<str>,
    /// Room for the bodies of reviews.
    pub bodies: Bodies,
}

/// There was no room for a body in time.
#[derive(Debug)]
struct NoRoom;

impl warp::reject::Reject for NoRoom {}

#[derive(Clone, Copy)]
enum Hook {
    Object(Pass),
    Resource,
}

/// Every route of the webhook listener. Strangers get 404 (security rule 18).
pub fn routes(routes: Routes) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone {
    let body = warp::post()
        .and(warp::path::param::<String>())
        .and(warp::path::param::<String>())
        .and(warp::path::end())
        .and_then({
            let routes = routes.clone();
            move |segment: String, hook: String| {
                let found = routes.hook(&segment, &hook);
                async move { found.ok_or_else(warp::reject::not_found) }
            }
        })
        .and(warp::query::<HashMap<String, String>>())
        .map(|hook, query: HashMap<String, String>| (hook, Instant::now() + budget(query.get("timeout").map(String::as_str))))
        .untuple_one()
        .and(warp::body::content_length_limit(MOST_BODY))
        .and(warp::header::<u64>("content-length"))
        .and_then({
            let bodies = routes.bodies.clone();
            move |hook: Hook, deadline: Instant, length: u64| {
                let bodies = bodies.clone();
                async move {
                    let room = bodies.room(length, deadline).await.ok_or_else(|| warp::reject::custom(NoRoom))?;
                    Ok::<_, Rejection>((hook, deadline, room))
                }
            }
        })
        .untuple_one()
        .and(warp::body::bytes());
    body.then(move |hook, deadline, room: Room, body: Bytes| {
        let answer = routes.clone().answer(hook, deadline, body);
        async move {
            let answer = answer.await;
            drop(room);
            answer
        }
        .boxed()
    })
    .recover(refuse)
    .unify()
    .map(|reply: Response| reply)
}

impl Routes {
    fn hook(&self, segment: &str, hook: &str) -> Option<Hook> {
        let expected = self.segment.borrow().clone()?;
        if *expected != *segment {
            return None;
        }
        match hook {
            "mutate" => Some(Hook::Object(Pass::Mutate)),
            "validate" => Some(Hook::Object(Pass::Validate)),
            "resources" => Some(Hook::Resource),
            _ => None,
        }
    }

    async fn answer(self, hook: Hook, deadline: Instant, body: Bytes) -> Response {
        let request = match Request::parse(&body) {
            Ok(request) => request,
            Err(error) => return unreadable(error),
        };
        let answer = match hook {
            // A defect in one answer must not end the connection that others share.
            Hook::Object(pass) => match AssertUnwindSafe(self.gate.answer(pass, &request, deadline)).catch_unwind().await {
                Ok(answer) => answer,
                Err(_) => return text(StatusCode::INTERNAL_SERVER_ERROR, "internal error"),
            },
            Hook::Resource => Ok(self.resource(&request)),
        };
        match answer {
            Ok(answer) => warp::reply::json(&answer.into_review(&request.uid)).into_response(),
            Err(NotReady) => text(StatusCode::SERVICE_UNAVAILABLE, &NotReady.to_string()),
        }
    }

    fn resource(&self, request: &Request<'_>) -> Answer {
        let snapshot = self.gate.snapshots.borrow().clone();
        resources::answer(request, snapshot.as_deref(), &self.operator_namespace)
    }
}

/// The time that an answer may take: the API server tells its own timeout as `?timeout=10s`.
fn budget(timeout: Option<&str>) -> Duration {
    let seconds = timeout.and_then(|text| text.strip_suffix('s')).and_then(|text| text.parse::<u64>().ok());
    seconds.map_or(MOST_TIME, |seconds| Duration::from_secs(seconds).saturating_sub(MARGIN).min(MOST_TIME))
}

fn unreadable(error: ReviewError) -> Response {
    text(StatusCode::BAD_REQUEST, &error.to_string())
}

async fn refuse(rejection: Rejection) -> Result<Response, Infallible> {
    let (status, reason) = if rejection.find::<warp::reject::PayloadTooLarge>().is_some() {
        (StatusCode::PAYLOAD_TOO_LARGE, "a review has at most 16 MiB")
    } else if rejection.find::<NoRoom>().is_some() {
        (StatusCode::SERVICE_UNAVAILABLE, "too many reviews at one time")
    } else if rejection.find::<warp::reject::LengthRequired>().is_some() {
        (StatusCode::LENGTH_REQUIRED, "a length is required")
    } else if rejection.find::<warp::reject::MethodNotAllowed>().is_some() || rejection.is_not_found() {
        (StatusCode::NOT_FOUND, "not found")
    } else {
        (StatusCode::BAD_REQUEST, "bad request")
    };
    Ok(text(status, reason))
}

fn text(status: StatusCode, text: &str) -> Response {
    warp::reply::with_status(format!("{text}\n"), status).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_stays_below_the_api_servers_timeout() {
        assert_eq!(budget(Some("10s")), Duration::from_secs(8));
        assert_eq!(budget(Some("5s")), Duration::from_secs(4));
        assert_eq!(budget(Some("1s")), Duration::ZERO);
        assert_eq!(budget(Some("soon")), Duration::from_secs(8));
        assert_eq!(budget(None), Duration::from_secs(8));
    }
}
