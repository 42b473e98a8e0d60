//! A registry that is far away: bytes pass on after half a round trip, connections are accepted after a whole one.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

/// Listens on a free port for as long as this process lives and passes on to `near`; answers where.
pub(super) fn listen(near: &str, round_trip: Duration) -> Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let here = listener.local_addr()?.to_string();
    let near = near.to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let serve = move || runtime.block_on(accept(listener, near, round_trip));
    thread::Builder::new().name("distance".to_owned()).spawn(serve).context("cannot start a thread")?;
    Ok(here)
}

async fn accept(listener: std::net::TcpListener, near: String, round_trip: Duration) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(carry(stream, near.clone(), round_trip));
    }
}

async fn carry(stream: TcpStream, near: String, round_trip: Duration) {
    sleep(round_trip).await;
    let Ok(registry) = TcpStream::connect(near).await else { return };
    let _ = (stream.set_nodelay(true), registry.set_nodelay(true));
    let ((from_client, to_client), (from_registry, to_registry)) = (stream.into_split(), registry.into_split());
    tokio::join!(delayed(from_client, to_registry, round_trip / 2), delayed(from_registry, to_client, round_trip / 2));
}

/// Copies until either side is gone; what follows closely is as late as what it follows, not later.
async fn delayed(mut from: impl AsyncRead + Unpin + Send + 'static, mut to: impl AsyncWrite + Unpin, delay: Duration) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(64);
    let reader = tokio::spawn(async move {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let bytes = buffer.get(..count).unwrap_or_default().to_vec();
            if sender.send((Instant::now() + delay, bytes)).await.is_err() {
                return;
            }
        }
    });
    while let Some((due, bytes)) = receiver.recv().await {
        sleep_until(due).await;
        if to.write_all(&bytes).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
    reader.abort();
}
