//! Where signatures were found last: there they are looked for first.
//!
//! Boundary: saves requests, decides nothing; who does not find enough in the usual place looks everywhere.

use cosign::Layout;
use moka::sync::Cache;
use oci::Host;

/// Hosts with the credentials that they are asked with.
const MOST: u64 = 1_000;

/// The usual place, by host and credential set.
#[derive(Clone)]
pub(super) struct Habits(Cache<(Host, [u8; 32]), Layout>);

impl Default for Habits {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl Habits {
    pub(super) fn usual(&self, host: &Host, credentials: [u8; 32]) -> Option<Layout> {
        self.0.get(&(host.clone(), credentials))
    }

    pub(super) fn learn(&self, host: &Host, credentials: [u8; 32], layout: Layout) {
        self.0.insert((host.clone(), credentials), layout);
    }
}
