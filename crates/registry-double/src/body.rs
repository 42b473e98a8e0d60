//! Bodies, honest and other.

use std::{convert::Infallible, io, time::Duration};

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, Empty, Full, StreamBody, combinators::BoxBody};
use hyper::body::Frame;
use tokio::time::sleep;

pub(crate) type Body = BoxBody<Bytes, io::Error>;

const CHUNK: Bytes = Bytes::from_static(&[b' '; 4096]);

pub(crate) fn empty() -> Body {
    BoxBody::new(Empty::new().map_err(never))
}

pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    BoxBody::new(Full::new(bytes.into()).map_err(never))
}

/// Sends `bytes` and breaks the connection.
pub(crate) fn truncated(bytes: Bytes) -> Body {
    let broken = Err(io::Error::from(io::ErrorKind::ConnectionReset));
    BoxBody::new(StreamBody::new(stream::iter([Ok(Frame::data(bytes)), broken])))
}

/// Blanks, because those delay what a JSON parser has to say.
pub(crate) fn endless() -> Body {
    BoxBody::new(StreamBody::new(stream::repeat_with(|| Ok(Frame::data(CHUNK)))))
}

/// Sends `bytes` and never ends.
pub(crate) fn unfinished(bytes: Bytes) -> Body {
    let first = stream::iter((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))));
    BoxBody::new(StreamBody::new(first.chain(stream::pending())))
}

/// Sends `bytes` one by one.
pub(crate) fn dripping(bytes: Bytes, pause: Duration) -> Body {
    let drops = stream::iter((0..bytes.len()).map(move |at| bytes.slice(at..=at))).then(move |drop| async move {
        sleep(pause).await;
        Ok(Frame::data(drop))
    });
    BoxBody::new(StreamBody::new(drops))
}

fn never(impossible: Infallible) -> io::Error {
    match impossible {}
}
