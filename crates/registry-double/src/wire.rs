//! What becomes of the bytes that the server writes: below HTTP, where no HTTP library can misbehave.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// What happens to everything that is written from now on.
#[derive(Debug, Default)]
pub(crate) enum Plan {
    /// It is sent.
    #[default]
    Send,
    /// So many bytes of it are sent, and nothing after them.
    StopAfter(usize),
    /// It is sent byte by byte with this pause before each.
    Drip(Duration),
    /// These bytes are sent in its place.
    Replace(Bytes),
}

/// The plan of one connection.
#[derive(Debug, Default, Clone)]
pub(crate) struct Wire(Arc<Mutex<Plan>>);

impl Wire {
    pub(crate) fn set(&self, plan: Plan) {
        *self.plan() = plan;
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().expect("no write panicked")
    }
}

/// A connection whose written bytes follow the plan.
pub(crate) struct Wired<S> {
    stream: S,
    wire: Wire,
    pause: Option<Pin<Box<Sleep>>>,
}

impl<S> Wired<S> {
    pub(crate) fn new(stream: S, wire: Wire) -> Self {
        Self { stream, wire, pause: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wired<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wired<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self { stream, wire, pause } = self.get_mut();
        let stream = Pin::new(stream);
        match &mut *wire.plan() {
            Plan::Send => stream.poll_write(context, bytes),
            // Nobody wakes this task again: the connection ends with its server.
            Plan::StopAfter(0) => Poll::Pending,
            Plan::StopAfter(left) => {
                let written = ready!(stream.poll_write(context, bytes.split_at(bytes.len().min(*left)).0))?;
                *left -= written;
                Poll::Ready(Ok(written))
            }
            Plan::Drip(interval) => {
                ready!(pause.get_or_insert_with(|| Box::pin(sleep(*interval))).as_mut().poll(context));
                *pause = None;
                stream.poll_write(context, bytes.split_at(bytes.len().min(1)).0)
            }
            Plan::Replace(left) => {
                let mut stream = stream;
                while !left.is_empty() {
                    let written = ready!(stream.as_mut().poll_write(context, left))?;
                    drop(left.split_to(written));
                }
                Poll::Ready(Ok(bytes.len()))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
