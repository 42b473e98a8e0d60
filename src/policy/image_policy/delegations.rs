//! The delegations of Notary v1 that an entry demands.

use std::collections::BTreeMap;

use notary::{DelegationName, PublicKey, RequiredSigner};

use super::super::trust_root::list_problems;
use super::super::{Cause, Problem};

const MAX_DELEGATIONS: usize = 16;

/// Reads the signers with the keys that are pinned for them; a key for a role that is not demanded is an error.
pub(super) fn read(
    written: Option<Vec<String>>,
    keys: Option<BTreeMap<String, String>>,
    path: &str,
    problems: &mut Vec<Problem>,
) -> Vec<RequiredSigner> {
    let at = format!("{path}.delegations");
    if let Some(written) = &written {
        problems.extend(list_problems(&at, written.len(), MAX_DELEGATIONS));
    }
    let mut keys = read_keys(keys, path, problems);
    let mut signers: Vec<RequiredSigner> = Vec::new();
    for (i, text) in written.into_iter().flatten().enumerate() {
        match DelegationName::of_signer(&text) {
            // Only a role that targets itself delegates to is a signer.
            Ok(role) if role.parent().is_some() => problems.push(Problem::new(format!("{at}[{i}]"), Cause::NotA(SIGNER))),
            Ok(role) if signers.iter().any(|signer| signer.role == role) => {
                problems.push(Problem::new(&at, Cause::Duplicate(text)));
            }
            Ok(role) => signers.push(RequiredSigner { key: keys.remove(&text), role }),
            Err(_) => problems.push(Problem::new(format!("{at}[{i}]"), Cause::NotA(SIGNER))),
        }
    }
    for name in keys.into_keys() {
        problems.push(Problem::new(format!("{path}.delegationKeys.{name}"), Cause::Meaningless("without the same name in delegations")));
    }
    signers
}

const SIGNER: &str = "the name of a signer such as build, which stands for the role targets/build";

fn read_keys(written: Option<BTreeMap<String, String>>, path: &str, problems: &mut Vec<Problem>) -> BTreeMap<String, PublicKey> {
    let path = format!("{path}.delegationKeys");
    if let Some(written) = &written {
        problems.extend(list_problems(&path, written.len(), MAX_DELEGATIONS));
    }
    let mut keys = BTreeMap::new();
    for (name, pem) in written.into_iter().flatten() {
        match PublicKey::from_pem(&pem) {
            Ok(key) => drop(keys.insert(name, key)),
            Err(error) => problems.push(Problem::new(format!("{path}.{name}"), Cause::NotaryKey(error))),
        }
    }
    keys
}
