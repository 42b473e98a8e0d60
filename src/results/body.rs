//! A body that keeps its place until it is sent: whoever reads slowly keeps others of his own waiting, not the memory.

use bytes::Bytes;
use futures::stream;
use tokio::sync::OwnedSemaphorePermit;
use warp::reply::{Reply, Response};

use crate::peers::Seat;

/// What a connection takes at once.
const PIECE: usize = 64 * 1024;

/// Given back when the answer is sent, or its reader is gone.
pub(super) struct Place {
    pub(super) _permit: OwnedSemaphorePermit,
    pub(super) _seat: Seat,
}

/// Sends bytes piece by piece.
pub(super) fn kept(bytes: Vec<u8>, place: Place) -> Response {
    let pieces = stream::unfold((Bytes::from(bytes), place), |(mut rest, place)| async move {
        if rest.is_empty() {
            return None;
        }
        let piece = rest.split_to(rest.len().min(PIECE));
        Some((Ok::<_, std::convert::Infallible>(piece), (rest, place)))
    });
    warp::reply::stream(pieces).into_response()
}
