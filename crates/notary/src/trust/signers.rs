//! Counting signatures (specification, section 3b, step 6).
//!
//! Invariant: what is counted is distinct public keys. The same key under two IDs, in two certificates, or signing
//! twice, counts once.

use crate::key::{KeyId, ListedKey, PublicKey, Signature};
use crate::metadata::{Envelope, RoleKeys};

/// A key that made a valid signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signer {
    /// The ID under which the role lists it.
    pub(crate) id: KeyId,
    pub(crate) key: PublicKey,
}

/// The distinct keys of `keys` that signed, among those that `counts` lets count.
pub(crate) fn signers(envelope: &Envelope, keys: &RoleKeys, counts: impl Fn(&ListedKey) -> bool) -> Vec<Signer> {
    let mut found: Vec<Signer> = Vec::new();
    for signature in &envelope.signatures {
        let mut candidates = keys.keys.iter().filter(|key| key.id == signature.key && counts(key));
        let valid = candidates.find_map(|key| signer(key, signature, &envelope.message));
        if let Some(signer) = valid.filter(|signer| !found.iter().any(|other| other.key == signer.key)) {
            found.push(signer);
        }
    }
    found
}

fn signer(key: &ListedKey, signature: &Signature, message: &[u8]) -> Option<Signer> {
    let public = key.public.as_ref().ok()?;
    public.signed(signature.method, message, &signature.bytes).then(|| Signer { id: key.id, key: public.clone() })
}
