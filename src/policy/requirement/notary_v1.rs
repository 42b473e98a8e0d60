//! What trust data of Notary v1 must show.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use notary::{Anchor, Anchors, Authorities, Deciding, Demand, KeyId, NoAnchors, PublicKey, RequiredSigner, ServerUrl};

use super::hash::Hash;
use crate::policy::ObjectName;

/// A message is for people.
const MOST_NAMES: usize = 8;

/// What trust data must show, and where it is.
#[derive(Clone, Debug)]
pub struct NotaryRequirement {
    /// Whose memory of what was seen counts: the namespace of the policy (security rule 26).
    pub owner: String,
    /// The server that is spelled out; absent means the host of the image.
    pub server: Option<ServerUrl>,
    /// Who must stand behind the root.
    pub roots: NotaryRoots,
    /// Which role decides, and who must have signed besides.
    pub demand: Demand,
    /// The lowest version of the root that is accepted.
    pub minimum_root_version: Option<NonZeroU64>,
    /// For how long trust data is used before the server is asked again.
    pub refresh: Duration,
}

/// Trust roots, and how many of them must have signed the root. One value, so that anchors and their hash never differ.
#[derive(Clone, Debug)]
pub struct NotaryRoots {
    names: Vec<ObjectName>,
    threshold: usize,
    anchors: Anchors,
    hash: [u8; 32],
}

/// One trust root with its material; any of it suffices.
#[derive(Clone, Debug)]
pub struct NotaryRoot {
    /// The `TrustRoot`.
    pub name: ObjectName,
    /// Root keys.
    pub keys: Vec<PublicKey>,
    /// IDs of root keys.
    pub ids: Vec<KeyId>,
    /// Authorities above the certificates of root keys.
    pub authorities: Option<Authorities>,
}

impl NotaryRoots {
    /// At least `threshold` of the roots must have signed, among them those that `required` counts out.
    pub fn new(roots: Vec<NotaryRoot>, threshold: usize, required: Vec<usize>) -> Result<Self, NoAnchors> {
        let names = roots.iter().map(|root| root.name.clone()).collect();
        let mut parties: Vec<_> = roots.iter().enumerate().map(|(index, root)| (root.hash(), required.contains(&index))).collect();
        parties.sort_unstable();
        let mut hash = Hash::new("bonafide notary anchors v1");
        hash.count(threshold);
        for (party, required) in &parties {
            hash.field(party);
            hash.count(usize::from(*required));
        }
        let anchors = roots.into_iter().map(|root| Anchor::new(root.keys, root.ids, root.authorities));
        let anchors = Anchors::quorum(anchors.collect::<Result<_, _>>()?, threshold, required)?;
        Ok(Self { names, threshold, anchors, hash: hash.finish() })
    }

    /// The trust roots.
    pub fn names(&self) -> &[ObjectName] {
        &self.names
    }

    /// What makes a root believable.
    pub fn anchors(&self) -> &Anchors {
        &self.anchors
    }

    /// A hash over everything that makes a root believable. Names and the order in which things are written do not.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }
}

impl NotaryRoot {
    fn hash(&self) -> [u8; 32] {
        let Self { name: _, keys, ids, authorities } = self;
        let keys = keys.iter().map(|key| ("key", key.spki().to_vec()));
        let ids = ids.iter().map(|id| ("id", id.to_string().into_bytes()));
        let certificates = authorities.iter().flat_map(Authorities::certificates).map(|certificate| ("ca", certificate.to_vec()));
        let mut material: Vec<_> = keys.chain(ids).chain(certificates).collect();
        material.sort_unstable();
        let mut hash = Hash::new("bonafide notary anchor v1");
        for (kind, bytes) in &material {
            hash.field(kind.as_bytes());
            hash.field(bytes);
        }
        hash.finish()
    }
}

/// Who must have signed the root, for people.
impl fmt::Display for NotaryRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.names.iter().take(MOST_NAMES).map(|name| name.name.as_str()).collect();
        if self.names.len() > 1 {
            write!(f, "{} of ", self.threshold)?;
        }
        f.write_str(&names.join(", "))?;
        let more = self.names.len().saturating_sub(MOST_NAMES);
        if more > 0 { write!(f, " and {more} more") } else { Ok(()) }
    }
}

impl NotaryRequirement {
    pub(super) fn hash_into(&self, hash: &mut Hash) {
        let Self { owner, server, roots, demand, minimum_root_version, refresh } = self;
        hash.field(b"notaryV1");
        hash.field(owner.as_bytes());
        hash.field(server.as_ref().map(ToString::to_string).unwrap_or_default().as_bytes());
        hash.count(roots.names.len());
        for name in &roots.names {
            hash.field(name.to_string().as_bytes());
        }
        hash.field(&roots.hash);
        let Demand { deciding, signers } = demand;
        hash.count(match deciding {
            Deciding::Releases => 0,
            Deciding::ReleasesThenTargets => 1,
        });
        hash.count(signers.len());
        for RequiredSigner { role, key } in signers {
            hash.field(role.as_str().as_bytes());
            hash.field(key.as_ref().map(PublicKey::spki).unwrap_or_default());
        }
        hash.field(&minimum_root_version.map_or(0, NonZeroU64::get).to_be_bytes());
        hash.field(&refresh.as_secs().to_be_bytes());
    }
}
