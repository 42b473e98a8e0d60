//! How many connections each peer has: a stranger cannot take them all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections by peer address.
#[derive(Clone, Debug)]
pub(crate) struct Peers {
    most: usize,
    seated: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection that is counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    peers: Peers,
    peer: IpAddr,
}

impl Peers {
    /// At most `most` connections for each peer.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, seated: Arc::default() }
    }

    /// A seat for one more connection of the peer; none when it has all of its own.
    pub(crate) fn seat(&self, peer: IpAddr) -> Option<Seat> {
        let mut seated = self.lock();
        let count = seated.entry(peer).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Seat { peers: self.clone(), peer })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.seated.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seated = self.peers.lock();
        let left = seated.get(&self.peer).copied().unwrap_or(0).saturating_sub(1);
        if left == 0 {
            seated.remove(&self.peer);
        } else {
            seated.insert(self.peer, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_its_seats_and_no_more() {
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let peers = Peers::new(2);
        let (first, second) = (peers.seat(one), peers.seat(one));
        assert!(first.is_some() && second.is_some());
        assert!(peers.seat(one).is_none());
        assert!(peers.seat(other).is_some());
        drop(first);
        assert!(peers.seat(one).is_some());
        drop(second);
        assert!(peers.lock().is_empty(), "a peer that is gone is forgotten");
    }
}
