//! The bound on public-key operations spent on one image.
//!
//! Invariant: every call into the crypto library is paid for here first, so the cost of an image that carries
//! thousands of signatures is known in advance.

/// Signature checks that are left for one image; one check is one key, one hash, one signature.
#[derive(Debug)]
pub struct Budget {
    left: u32,
}

impl Budget {
    /// The cap per image: 2,000 checks, well below a second of one core with ECDSA P-256.
    pub const DEFAULT_CHECKS: u32 = 2000;

    /// A budget of `checks` signature checks.
    pub fn new(checks: u32) -> Budget {
        Budget { left: checks }
    }

    /// The checks that are left.
    pub fn left(&self) -> u32 {
        self.left
    }

    /// Pays for one check; false means that nothing is left and the check must not be made.
    pub(crate) fn spend(&mut self) -> bool {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

impl Default for Budget {
    fn default() -> Budget {
        Budget::new(Budget::DEFAULT_CHECKS)
    }
}
