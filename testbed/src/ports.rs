//! Free loopback ports.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::net::{TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};

/// Below the range from which kernels number outgoing connections, so that no client takes a port between two uses.
const FIRST: u64 = 15_000;
const COUNT: u64 = 15_000;

static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// A loopback port that nobody listens on and that this process has not given out before.
pub fn free_port() -> Result<u16> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let given = given.get_or_insert_default();
    for attempt in 0..1000_u32 {
        let random = RandomState::new().hash_one(attempt);
        let port = u16::try_from(FIRST + random % COUNT)?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && given.insert(port) {
            return Ok(port);
        }
    }
    bail!("no free port on 127.0.0.1 between {FIRST} and {}", FIRST + COUNT)
}

/// Whether somebody takes connections on a loopback port.
pub(crate) fn accepts(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}
