//! Which image a tag is, and who says so (specification, section 3b, steps 7 and 8).

mod demand;
mod unresolved;
mod view;

use std::cell::OnceCell;

use chrono::{DateTime, Utc};
use oci::Digest;

pub use demand::{Deciding, Demand, RequiredSigner, Wanted};
pub use unresolved::{SignerProblem, Unresolved};

use crate::limits::TAGS_OF_A_DIGEST;
use crate::name::{DelegationName, Role};
use crate::trusted::Trusted;
use view::View;

/// A tag that trust data names an image for; only [`Trusted::resolve`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    tag: String,
    digest: Digest,
    decided_by: Role,
    signers: Vec<DelegationName>,
    expires: DateTime<Utc>,
}

impl Resolved {
    /// The tag; for a reference by digest, the tag under which the digest is signed.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The image.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The role that decided: `targets/releases` or `targets`.
    pub fn decided_by(&self) -> &Role {
        &self.decided_by
    }

    /// The required signers; all of them signed this tag as this image.
    pub fn signers(&self) -> &[DelegationName] {
        &self.signers
    }

    /// Until when this holds: the earliest expiry of all files that it rests on.
    pub fn expires(&self) -> DateTime<Utc> {
        self.expires
    }
}

impl Trusted {
    /// Answers for one image. Every required signer and the deciding role must name the same digest.
    ///
    /// A reference by digest is good when the deciding role has some tag with that digest which satisfies the signers.
    pub fn resolve(&self, wanted: &Wanted<'_>, demand: &Demand) -> Result<Resolved, Unresolved> {
        let deciding = self.deciding_views(demand.deciding)?;
        match wanted {
            Wanted::Tag(tag) => self.by_tag(tag, &deciding, demand, &Signers::default()),
            Wanted::TagAndDigest(tag, digest) => {
                let resolved = self.by_tag(tag, &deciding, demand, &Signers::default())?;
                if resolved.digest == **digest { Ok(resolved) } else { Err(Unresolved::OtherDigest { signed: resolved.digest }) }
            }
            Wanted::Digest(digest) => self.by_digest(digest, &deciding, demand),
        }
    }

    fn by_tag<'t>(&'t self, tag: &str, deciding: &[View<'t>], demand: &Demand, signers: &Signers<'t>) -> Result<Resolved, Unresolved> {
        let (view, entry) = deciding.iter().find_map(|view| Some((view, view.entry(tag)?))).ok_or(Unresolved::NotSigned)?;
        let digest = entry.clone().map_err(|source| Unresolved::Unusable { role: view.role.clone(), source })?;
        let mut expires = self.expires().min(view.expires);
        let signers = signers.get_or_init(|| demand.signers.iter().map(|required| self.signer_view(required)).collect());
        for (required, signer) in demand.signers.iter().zip(signers) {
            let signer = signer.as_ref().map_err(Clone::clone)?;
            signer.check(tag, &digest).map_err(|problem| problem.of(required))?;
            expires = expires.min(signer.expires);
        }
        let signers = demand.signers.iter().map(|required| required.role.clone()).collect();
        Ok(Resolved { tag: tag.to_owned(), digest, decided_by: view.role.clone(), signers, expires })
    }

    /// Of several tags with this digest the first that satisfies everything; otherwise what is wrong with the first.
    fn by_digest<'t>(&'t self, digest: &Digest, deciding: &[View<'t>], demand: &Demand) -> Result<Resolved, Unresolved> {
        let (mut first_problem, signers) = (None, Signers::default());
        for (number, tag) in deciding.iter().flat_map(|view| view.tags_of(digest)).enumerate() {
            if number >= TAGS_OF_A_DIGEST {
                return Err(Unresolved::TooManyTags { most: TAGS_OF_A_DIGEST });
            }
            match self.by_tag(tag, deciding, demand, &signers) {
                Ok(resolved) if resolved.digest == *digest => return Ok(resolved),
                // The tag belongs to a role that decides before this one, and means another image there.
                Ok(_) => {}
                Err(problem) => first_problem = first_problem.or(Some(problem)),
            }
        }
        Err(first_problem.unwrap_or(Unresolved::NotSigned))
    }
}

/// The required signers, looked up once for all tags, and not before a tag was found.
type Signers<'t> = OnceCell<Vec<Result<View<'t>, Unresolved>>>;
