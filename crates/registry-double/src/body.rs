//! Bodies, honest and other.

use std::{convert::Infallible, io};

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, Empty, Full, StreamBody, combinators::BoxBody};
use hyper::body::Frame;

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

/// Sends one byte and never ends.
pub(crate) fn slow() -> Body {
    let first = stream::iter([Ok(Frame::data(Bytes::from_static(b" ")))]);
    BoxBody::new(StreamBody::new(first.chain(stream::pending())))
}

fn never(impossible: Infallible) -> io::Error {
    match impossible {}
}
