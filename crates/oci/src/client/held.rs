//! The body of an answer while somebody holds it.
//!
//! Boundary: counts bytes; what they mean is nobody's business here. Invariant: every byte of a body is paid for out of
//! the budget that all sessions share, until the last piece of it is dropped.

use bytes::{Bytes, BytesMut};
use fair::{Share, Shares};

use super::Party;
use crate::{Host, RegistryError, Unit};

/// Room that is made for the next bytes: as much as there are already, within these bounds. One buffer that doubles
/// would take up to three times of what has arrived while it grows.
const SMALLEST_PIECE: usize = 2 * 1024;
const LARGEST_PIECE: usize = 64 * 1024;

/// A body that grows up to its cap.
pub(super) struct Held<'a> {
    budget: &'a Shares<Party>,
    party: &'a Party,
    paid: Option<Share<Party>>,
    cap: usize,
    length: usize,
    pieces: Vec<BytesMut>,
}

/// A body that is complete, and what it has paid.
struct Body {
    bytes: Bytes,
    _paid: Option<Share<Party>>,
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl<'a> Held<'a> {
    pub(super) fn new(budget: &'a Shares<Party>, party: &'a Party, cap: usize) -> Self {
        Self { budget, party, paid: None, cap, length: 0, pieces: vec![] }
    }

    /// Adds what has arrived from `host`, unless it is too much.
    pub(super) fn add(&mut self, chunk: &[u8], host: &Host) -> Result<(), RegistryError> {
        if chunk.len() > self.cap.saturating_sub(self.length) {
            return Err(RegistryError::TooLarge { host: host.clone(), limit: self.cap as u64, unit: Unit::Bytes });
        }
        if !self.pay(chunk.len()) {
            return Err(RegistryError::OverBudget { host: host.clone() });
        }
        self.copy(chunk);
        Ok(())
    }

    fn copy(&mut self, mut chunk: &[u8]) {
        while !chunk.is_empty() {
            let room = self.pieces.last().map_or(0, |piece| piece.capacity() - piece.len());
            if room == 0 {
                self.pieces.push(BytesMut::with_capacity(self.length.clamp(SMALLEST_PIECE, LARGEST_PIECE)));
                continue;
            }
            let (now, later) = chunk.split_at(room.min(chunk.len()));
            if let Some(piece) = self.pieces.last_mut() {
                piece.extend_from_slice(now);
            }
            self.length += now.len();
            chunk = later;
        }
    }

    fn pay(&mut self, bytes: usize) -> bool {
        if let Some(paid) = &mut self.paid {
            return paid.grow(bytes);
        }
        self.paid = self.budget.grab(self.party, bytes);
        self.paid.is_some()
    }

    /// The body; whoever holds a piece of it holds what was paid for all of it.
    pub(super) fn freeze(mut self) -> Bytes {
        let bytes = match self.pieces.pop() {
            None => return Bytes::new(),
            Some(only) if self.pieces.is_empty() => only,
            Some(last) => {
                let mut whole = BytesMut::with_capacity(self.length);
                self.pieces.into_iter().chain([last]).for_each(|piece| whole.extend_from_slice(&piece));
                whole
            }
        };
        Bytes::from_owner(Body { bytes: bytes.freeze(), _paid: self.paid })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_paid_for_until_the_last_piece_is_gone() {
        let (budget, party, host) = (Shares::new(100, 100), Party::from("shop"), "a.io".parse().unwrap());
        let mut body = Held::new(&budget, &party, 60);
        body.add(&[0; 20], &host).unwrap();
        body.add(&[0; 20], &host).unwrap();
        let piece = body.freeze().slice(..1);
        assert_eq!(budget.free(), 60);
        drop(piece);
        assert_eq!(budget.free(), 100);
    }

    #[test]
    fn a_body_is_what_has_arrived_however_it_came() {
        let (budget, party, host) = (Shares::new(1 << 30, 1 << 30), Party::from("shop"), "a.io".parse().unwrap());
        let whole: Vec<u8> = (0..300_000_u32).map(|number| u8::try_from(number % 251).unwrap()).collect();
        for size in [1, 7, 2048, 65_537, 300_000] {
            let mut body = Held::new(&budget, &party, whole.len());
            whole.chunks(size).for_each(|chunk| body.add(chunk, &host).unwrap());
            assert!(body.add(&[0], &host).is_err(), "beyond the cap");
            assert_eq!(body.freeze(), whole, "{size}");
        }
    }

    #[test]
    fn a_body_beyond_the_budget_is_given_up_and_gives_back() {
        let (budget, party, host) = (Shares::new(100, 100), Party::from("shop"), "a.io".parse().unwrap());
        let mut body = Held::new(&budget, &party, 1000);
        body.add(&[0; 40], &host).unwrap();
        assert_eq!(body.add(&[0; 11], &host), Err(RegistryError::OverBudget { host: host.clone() }));
        drop(body);
        assert_eq!(budget.free(), 100);
    }
}
