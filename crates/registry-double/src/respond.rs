//! From a request to an answer: noted, scripted, challenged, served.

use std::sync::Mutex;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header, request::Parts};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::{
    State,
    auth::status,
    body::{Body, dripping, empty, endless, full, truncated, unfinished},
    script::{Misbehaviour, Place},
    seen::{Kind, Route, Seen, route},
    store::Stored,
    wire::{Plan, Wire},
};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// `None` breaks the connection.
pub(crate) async fn respond(request: Request<Incoming>, origin: &str, state: &Mutex<State>, wire: &Wire) -> Option<Response<Body>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    let seen = note(&parts, &body);
    let misbehaviour = {
        let mut state = state.lock().expect("no request panicked");
        state.seen.push(seen.clone());
        state.scripts.next(&seen.method, &seen.path)
    };
    let honest = || answer(&seen, origin, &state.lock().expect("no request panicked"));
    let Some(misbehaviour) = misbehaviour else { return Some(honest()) };
    misbehave(misbehaviour, honest, wire).await
}

fn note(parts: &Parts, body: &Bytes) -> Seen {
    let text = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).map(str::to_owned);
    Seen {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        authorization: text(header::AUTHORIZATION),
        accept: text(header::ACCEPT),
        cache_control: text(header::CACHE_CONTROL),
        body: String::from_utf8_lossy(body).into_owned(),
        kind: route(parts.uri.path()).kind,
    }
}

async fn misbehave(misbehaviour: Misbehaviour, honest: impl Fn() -> Response<Body>, wire: &Wire) -> Option<Response<Body>> {
    let build = |builder: http::response::Builder, body| Some(builder.body(body).expect("a response"));
    match misbehaviour {
        Misbehaviour::Status(code, headers) => {
            let builder = headers.into_iter().fold(Response::builder().status(code), |builder, (name, value)| builder.header(name, value));
            build(builder, empty())
        }
        Misbehaviour::Redirect(location) => build(Response::builder().status(307).header(header::LOCATION, location), empty()),
        Misbehaviour::Body(content_type, bytes) => build(Response::builder().header(header::CONTENT_TYPE, content_type), full(bytes)),
        Misbehaviour::LinkedBody(content_type, bytes, link) => {
            build(Response::builder().header(header::CONTENT_TYPE, content_type).header(header::LINK, link), full(bytes))
        }
        Misbehaviour::ContentDigest(digest) => {
            let mut response = honest();
            response.headers_mut().remove("docker-content-digest");
            if let Some(digest) = digest {
                response.headers_mut().insert("docker-content-digest", digest.parse().expect("a value"));
            }
            Some(response)
        }
        Misbehaviour::Header(name, value) => {
            let mut response = honest();
            response.headers_mut().insert(name, value.parse().expect("a value"));
            Some(response)
        }
        Misbehaviour::Truncated => with_body(honest(), |bytes| truncated(bytes.slice(..bytes.len() / 2))).await,
        Misbehaviour::Endless => build(Response::builder(), endless()),
        Misbehaviour::SlowBody => build(Response::builder(), unfinished(Bytes::from_static(b" "))),
        Misbehaviour::Drip(pause) => with_body(honest(), |bytes| dripping(bytes, pause)).await,
        Misbehaviour::DripAll(pause) => {
            wire.set(Plan::Drip(pause));
            Some(honest())
        }
        Misbehaviour::Stall => std::future::pending().await,
        Misbehaviour::StallAt(place) => stall_at(place, honest(), wire).await,
        Misbehaviour::Raw(bytes) => {
            wire.set(Plan::Replace(bytes));
            build(Response::builder().header(header::CONNECTION, "close"), empty())
        }
        Misbehaviour::Reset => None,
    }
}

/// The same head, which announces the whole body, and another body made of that.
async fn with_body(honest: Response<Body>, body: impl FnOnce(Bytes) -> Body) -> Option<Response<Body>> {
    let (mut parts, honest) = honest.into_parts();
    let bytes = honest.collect().await.ok()?.to_bytes();
    parts.headers.insert(header::CONTENT_LENGTH, bytes.len().into());
    Some(Response::from_parts(parts, body(bytes)))
}

async fn stall_at(place: Place, honest: Response<Body>, wire: &Wire) -> Option<Response<Body>> {
    let kept = |bytes: &Bytes| match place {
        Place::StatusLine | Place::Headers => bytes.len(),
        Place::FirstByte => 0,
        Place::Middle => bytes.len() / 2,
        Place::LastByte => bytes.len().saturating_sub(1),
    };
    match place {
        Place::StatusLine => wire.set(Plan::StopAfter("HTTP/1.1 2".len())),
        Place::Headers => wire.set(Plan::StopAfter("HTTP/1.1 200 OK\r\ncontent-t".len())),
        _ => {}
    }
    with_body(honest, |bytes| unfinished(bytes.slice(..kept(&bytes)))).await
}

fn answer(seen: &Seen, origin: &str, state: &State) -> Response<Body> {
    let Route { kind, repository, name } = route(&seen.path);
    if kind == Kind::Token {
        return state.auth.issue(seen);
    }
    if let Some(refusal) = state.auth.refusal(seen, repository, &format!("{origin}/token")) {
        return refusal;
    }
    let found = match kind {
        Kind::Base => Some(content("application/json", Bytes::from_static(b"{}"))),
        Kind::Manifest => state.store.manifest(repository, name).map(manifest),
        Kind::Blob => state.store.blob(repository, name).map(|bytes| content("application/octet-stream", bytes)),
        Kind::Referrers => referrers(seen, state, repository, name),
        Kind::TrustData => state.store.trust_data(repository, name).map(|bytes| content("text/plain", bytes)),
        Kind::Token | Kind::Other => None,
    };
    found.unwrap_or_else(|| status(StatusCode::NOT_FOUND))
}

fn manifest(stored: Stored) -> Response<Body> {
    let mut response = content(&stored.media_type, stored.bytes);
    response.headers_mut().insert("docker-content-digest", stored.digest.parse().expect("a value"));
    response
}

fn content(media_type: &str, bytes: Bytes) -> Response<Body> {
    Response::builder().header(header::CONTENT_TYPE, media_type).body(full(bytes)).expect("a response")
}

/// One page; `after` counts the entries before it.
fn referrers(seen: &Seen, state: &State, repository: &str, subject: &str) -> Option<Response<Body>> {
    let api = state.referrers?;
    let field = |wanted: &str| {
        let mut fields = form_urlencoded::parse(seen.query.as_bytes());
        fields.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    let mut entries = state.store.referrers(repository, subject);
    let wanted = field("artifactType").filter(|_| api.filters);
    if let Some(wanted) = &wanted {
        entries.retain(|entry| entry.get("artifactType").and_then(Value::as_str) == Some(wanted));
    }
    let after: usize = field("after").map_or(0, |text| text.parse().expect("our own link"));
    let size = api.page_size.unwrap_or(usize::MAX);
    let page: Vec<&Value> = entries.iter().skip(after).take(size).collect();
    let shown = after + page.len();
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": page});
    let mut response = content(INDEX, index.to_string().into());
    if shown < entries.len() {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(wanted.as_ref().map(|wanted| ("artifactType", wanted.as_str())))
            .append_pair("after", &shown.to_string())
            .finish();
        let link = format!("<{}?{query}>; rel=\"next\"", seen.path);
        response.headers_mut().insert(header::LINK, link.parse().expect("a value"));
    }
    if wanted.is_some() {
        response.headers_mut().insert("oci-filters-applied", HeaderValue::from_static("artifactType"));
    }
    Some(response)
}
