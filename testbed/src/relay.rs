//! A stretch of cable between the operator and the API server, which a test can cut.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};

/// Passes bytes on for as long as this process lives.
#[derive(Debug)]
pub struct Relay {
    here: String,
    carried: Carried,
}

type Carried = Arc<Mutex<Vec<TcpStream>>>;

impl Relay {
    /// Listens on a free port and passes on to `there` (address and port).
    pub fn to(there: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (here, carried) = (listener.local_addr()?.to_string(), Carried::default());
        let (there, all) = (there.to_owned(), carried.clone());
        thread::Builder::new().name("relay".to_owned()).spawn(move || {
            // A side that cannot be reached now may be later; the one who asked sees a closed connection.
            for near in listener.incoming().flatten() {
                let _ = carry(near, &there, &all);
            }
        })?;
        Ok(Self { here, carried })
    }

    /// A copy of a kubeconfig that leads through here; `url` is what it names.
    pub fn kubeconfig(&self, kubeconfig: &Path, url: &str) -> Result<PathBuf> {
        let text = std::fs::read_to_string(kubeconfig)?.replace(url, &format!("https://{}", self.here));
        let path = kubeconfig.with_extension("relayed.kubeconfig");
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        Ok(path)
    }

    /// Ends every connection that is open now; answers how many there were. New ones are carried again.
    pub fn cut(&self) -> usize {
        let carried = std::mem::take(&mut *self.carried.lock().unwrap_or_else(PoisonError::into_inner));
        carried.into_iter().filter(|stream| stream.shutdown(Shutdown::Both).is_ok()).count()
    }
}

fn carry(near: TcpStream, there: &str, carried: &Carried) -> io::Result<()> {
    let far = TcpStream::connect(there)?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    carried.lock().unwrap_or_else(PoisonError::into_inner).push(near.try_clone()?);
    let (near_again, far_again) = (near.try_clone()?, far.try_clone()?);
    thread::spawn(move || copy(near, far));
    thread::spawn(move || copy(far_again, near_again));
    Ok(())
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
