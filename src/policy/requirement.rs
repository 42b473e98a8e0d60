//! What an image must satisfy, compiled: settings, key material and counts in one value with one hash.
//!
//! Invariant: two requirements have the same [`RequirementId`] only when they ask for exactly the same thing
//! (security rule 1), so verdicts and flights can be keyed by it.

mod hash;
mod notary_v1;

use std::fmt;
use std::sync::Arc;

use self::hash::Hash;
pub use self::notary_v1::{NotaryRequirement, NotaryRoot, NotaryRoots};
use super::ObjectName;

/// SHA-256 over everything that a requirement asks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequirementId([u8; 32]);

/// One thing that an image must satisfy: a scheme's checks, and how its registry is reached.
#[derive(Clone, Debug)]
pub struct Requirement {
    /// The hash over all of it.
    pub id: RequirementId,
    /// The Validator that it comes from.
    pub validator: ObjectName,
    /// The checks.
    pub scheme: Scheme,
    /// How registries are reached.
    pub registry: RegistryAccess,
}

/// The checks of one way of signing.
#[derive(Clone, Debug)]
pub enum Scheme {
    /// cosign with public keys.
    Cosign(Arc<CosignRequirement>),
    /// Trust data of Notary v1.
    NotaryV1(Box<NotaryRequirement>),
}

/// What cosign signatures must show. `roots` is never empty, `threshold` is between one and their number.
#[derive(Clone, Debug)]
pub struct CosignRequirement {
    /// Where signatures are, when not beside the image.
    pub signature_repository: Option<oci::Repository>,
    /// Who counts.
    pub roots: Vec<SignerRoot>,
    /// How many distinct roots must have signed.
    pub threshold: usize,
    /// Indices into `roots` of those that must be among them.
    pub required: Vec<usize>,
}

/// One trust root with its keys; any one of them suffices.
#[derive(Clone, Debug)]
pub struct SignerRoot {
    /// The `TrustRoot`.
    pub name: ObjectName,
    /// Its keys, never empty.
    pub keys: Vec<NamedKey>,
}

/// A public key with the name that its `TrustRoot` gives it.
#[derive(Clone, Debug)]
pub struct NamedKey {
    /// The name.
    pub name: String,
    /// The key.
    pub key: cosign::PublicKey,
}

/// How registries are reached for a requirement.
#[derive(Clone, Debug, Default)]
pub struct RegistryAccess {
    /// Settings and credentials per host.
    pub grants: oci::Grants,
    /// Whether the pod's own pull secrets are used too.
    pub pod_pull_secrets: bool,
}

impl Requirement {
    /// Puts a requirement together and computes its hash.
    pub fn new(validator: ObjectName, scheme: Scheme, registry: RegistryAccess) -> Self {
        let mut hash = Hash::new("bonafide requirement v1");
        hash.field(validator.to_string().as_bytes());
        match &scheme {
            Scheme::Cosign(cosign) => cosign.hash_into(&mut hash),
            Scheme::NotaryV1(notary) => notary.hash_into(&mut hash),
        }
        let RegistryAccess { grants, pod_pull_secrets } = &registry;
        hash.field(&grants.fingerprint());
        hash.field(&[u8::from(*pod_pull_secrets)]);
        Self { id: RequirementId(hash.finish()), validator, scheme, registry }
    }
}

impl Scheme {
    /// The trust roots that count.
    pub fn trust_roots(&self) -> Vec<&ObjectName> {
        match self {
            Self::Cosign(cosign) => cosign.roots.iter().map(|root| &root.name).collect(),
            Self::NotaryV1(notary) => notary.roots.names().iter().collect(),
        }
    }
}

impl CosignRequirement {
    fn hash_into(&self, hash: &mut Hash) {
        let Self { signature_repository, roots, threshold, required } = self;
        hash.field(b"cosign");
        hash.field(signature_repository.as_ref().map(ToString::to_string).unwrap_or_default().as_bytes());
        hash.count(*threshold);
        hash.count(required.len());
        for index in required {
            hash.count(*index);
        }
        hash.count(roots.len());
        for SignerRoot { name, keys } in roots {
            hash.field(name.to_string().as_bytes());
            hash.count(keys.len());
            for NamedKey { name, key } in keys {
                hash.field(name.as_bytes());
                hash.field(key.fingerprint().to_string().as_bytes());
            }
        }
    }
}

impl fmt::Debug for RequirementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(6).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
