//! Hashing what is asked for.

use aws_lc_rs::digest::{Context, SHA256};

/// A hash over length-prefixed fields, so that no two sequences of fields look alike.
pub(super) struct Hash(Context);

impl Hash {
    pub(super) fn new(domain: &str) -> Self {
        let mut hash = Self(Context::new(&SHA256));
        hash.field(domain.as_bytes());
        hash
    }

    pub(super) fn count(&mut self, count: usize) {
        self.field(&u64::try_from(count).unwrap_or(u64::MAX).to_be_bytes());
    }

    pub(super) fn field(&mut self, bytes: &[u8]) {
        self.0.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.iter_mut().zip(self.0.finish().as_ref()).for_each(|(to, from)| *to = *from);
        hash
    }
}
