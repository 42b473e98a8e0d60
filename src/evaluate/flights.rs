//! How many verifications are under way: bounded in all, and shared fairly by namespace (security rule 21).
//!
//! Invariant: a namespace that has none under way finds a place, unless as many namespaces as it takes to halve all
//! places down to none want more than their share at the same time; then it is the next.

use fair::{Share, Shares};
use oci::Party;
use tokio::time::{Instant, timeout_at};

use super::Fault;

/// With what each may hold in memory this bounds the whole; the bytes have a budget of their own.
const MOST: usize = 64;
/// A pod of eight different images verifies them all at once.
const MOST_PER_NAMESPACE: usize = 16;

/// The places.
#[derive(Clone, Debug)]
pub(super) struct Flights(Shares<Party>);

/// A verification under way.
pub(super) type Place = Share<Party>;

impl Default for Flights {
    fn default() -> Self {
        Self(Shares::new(MOST, MOST_PER_NAMESPACE))
    }
}

impl Flights {
    /// Waits for a place.
    pub(super) async fn place(&self, namespace: &str) -> Place {
        self.0.take(&namespace.into()).await
    }
}

/// Asks until there is an answer that is not of another asker's deadline, at the latest at one's own.
pub(super) async fn by<T, O, F>(deadline: Instant, late: O, ask: impl Fn() -> F) -> (Result<T, Fault>, O)
where
    F: Future<Output = (Result<T, Fault>, O)>,
    O: Copy,
{
    loop {
        let (answer, of) = timeout_at(deadline, ask()).await.unwrap_or((Err(Fault::Timeout), late));
        if !answer.as_ref().is_err_and(|fault| fault.is_of_anothers_deadline(deadline)) {
            return (answer, of);
        }
    }
}
