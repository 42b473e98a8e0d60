//! One trust root with its material read, and what each scheme makes of it.

use std::cell::OnceCell;

use chrono::{DateTime, Utc};
use notary::{Authorities, KeyId, PublicKey, Sha256};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::super::Material;
use crate::policy::{Cause, NamedKey, NotaryRoot, ObjectName, SignerRoot};

const AUTHORITY: &str = "certificate authority";

/// A trust root that was read: keys, or authorities.
#[derive(Clone, Debug)]
pub(super) struct CompiledRoot {
    pub(super) name: ObjectName,
    pub(super) keys: Vec<(String, RootKey)>,
    pub(super) authorities: Vec<(String, Authorities)>,
    identities: OnceCell<Vec<String>>,
}

/// A key, or the ID of one.
#[derive(Clone, Debug)]
pub(super) enum RootKey {
    Public(cosign::PublicKey),
    NotaryId(KeyId),
}

impl CompiledRoot {
    /// One of which nothing was read yet.
    pub(super) fn new(name: ObjectName) -> Self {
        Self { name, keys: vec![], authorities: vec![], identities: OnceCell::new() }
    }

    /// Its keys, when that is all that it holds.
    pub(super) fn for_cosign(&self) -> Result<SignerRoot, Cause> {
        let other = |material| Cause::OtherScheme { root: self.name.clone(), material, scheme: "cosign" };
        if !self.authorities.is_empty() {
            return Err(other("certificate authorities"));
        }
        let key = |(name, key): &(String, RootKey)| match key {
            RootKey::Public(key) => Ok(NamedKey { name: name.clone(), key: key.clone() }),
            RootKey::NotaryId(_) => Err(other("the ID of a Notary key")),
        };
        Ok(SignerRoot { name: self.name.clone(), keys: self.keys.iter().map(key).collect::<Result<_, _>>()? })
    }

    /// Keys, IDs and authorities.
    pub(super) fn for_notary(&self) -> Result<NotaryRoot, Cause> {
        let mut root = NotaryRoot { name: self.name.clone(), keys: vec![], ids: vec![], authorities: None };
        for (_, key) in &self.keys {
            match key {
                RootKey::Public(key) => root.keys.push(PublicKey::from_spki(key.spki()).map_err(Cause::NotaryKey)?),
                RootKey::NotaryId(id) => root.ids.push(*id),
            }
        }
        root.authorities = Authorities::all(self.authorities.iter().map(|(_, authorities)| authorities));
        Ok(root)
    }

    /// Whether it names nothing but keys by their value.
    pub(super) fn has_keys_only(&self) -> bool {
        self.authorities.is_empty() && self.keys.iter().all(|(_, key)| matches!(key, RootKey::Public(_)))
    }

    /// What of it must not be in another trust root that counts beside it (security rule 8). Every entry that counts it asks.
    pub(super) fn identities(&self) -> &[String] {
        self.identities.get_or_init(|| self.find_identities())
    }

    fn find_identities(&self) -> Vec<String> {
        let keys = self.keys.iter().flat_map(|(_, key)| match key {
            // A key that one trust root names by value and another by its ID is the same key.
            RootKey::Public(key) => {
                let id = PublicKey::from_spki(key.spki()).ok().map(|key| key.canonical_id().to_string());
                [key.fingerprint().to_string()].into_iter().chain(id).collect::<Vec<_>>()
            }
            RootKey::NotaryId(id) => vec![id.to_string()],
        });
        keys.chain(self.authorities.iter().flat_map(|(_, authorities)| authorities.certificates().map(fingerprint))).collect()
    }

    /// For the status.
    pub(super) fn described(&self) -> Vec<Material> {
        let keys = self.keys.iter().map(|(name, key)| {
            let (fingerprint, algorithm) = match key {
                RootKey::Public(key) => (key.fingerprint().to_string(), key.algorithm().to_string()),
                RootKey::NotaryId(id) => (id.to_string(), "Notary key ID".to_owned()),
            };
            Material { name: name.clone(), fingerprint, algorithm, expires: None }
        });
        let authorities = self.authorities.iter().flat_map(|(name, authorities)| {
            authorities.certificates().map(|certificate| Material {
                name: name.clone(),
                fingerprint: fingerprint(certificate),
                algorithm: AUTHORITY.to_owned(),
                expires: expiry(certificate),
            })
        });
        keys.chain(authorities).collect()
    }
}

/// As keys are written: SHA-256 of the DER.
fn fingerprint(certificate: &[u8]) -> String {
    format!("SHA256:{}", Sha256::of(certificate))
}

fn expiry(certificate: &[u8]) -> Option<DateTime<Utc>> {
    let certificate = Certificate::from_der(certificate).ok()?;
    Some(certificate.tbs_certificate.validity.not_after.to_system_time().into())
}
