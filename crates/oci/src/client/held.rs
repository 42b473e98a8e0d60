//! The body of an answer while somebody holds it.
//!
//! Boundary: counts bytes; what they mean is nobody's business here. Invariant: every byte of a body is paid for out of
//! the budget that all sessions share, until the last piece of it is dropped.

use bytes::{Bytes, BytesMut};
use fair::{Share, Shares};

use super::Party;
use crate::{Host, RegistryError, Unit};

/// A body that grows up to its cap.
pub(super) struct Held<'a> {
    budget: &'a Shares<Party>,
    party: &'a Party,
    paid: Option<Share<Party>>,
    cap: usize,
    bytes: BytesMut,
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
        Self { budget, party, paid: None, cap, bytes: BytesMut::new() }
    }

    /// Adds what has arrived from `host`, unless it is too much.
    pub(super) fn add(&mut self, chunk: &[u8], host: &Host) -> Result<(), RegistryError> {
        if chunk.len() > self.cap.saturating_sub(self.bytes.len()) {
            return Err(RegistryError::TooLarge { host: host.clone(), limit: self.cap as u64, unit: Unit::Bytes });
        }
        if !self.pay(chunk.len()) {
            return Err(RegistryError::OverBudget { host: host.clone() });
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    fn pay(&mut self, bytes: usize) -> bool {
        if let Some(paid) = &mut self.paid {
            return paid.grow(bytes);
        }
        self.paid = self.budget.grab(self.party, bytes);
        self.paid.is_some()
    }

    /// The body; whoever holds a piece of it holds what was paid for all of it.
    pub(super) fn freeze(self) -> Bytes {
        if self.bytes.is_empty() {
            return Bytes::new();
        }
        Bytes::from_owner(Body { bytes: self.bytes.freeze(), _paid: self.paid })
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
    fn a_body_beyond_the_budget_is_given_up_and_gives_back() {
        let (budget, party, host) = (Shares::new(100, 100), Party::from("shop"), "a.io".parse().unwrap());
        let mut body = Held::new(&budget, &party, 1000);
        body.add(&[0; 40], &host).unwrap();
        assert_eq!(body.add(&[0; 11], &host), Err(RegistryError::OverBudget { host: host.clone() }));
        drop(body);
        assert_eq!(budget.free(), 100);
    }
}
