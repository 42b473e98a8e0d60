//! Pull secrets: the JSON of `.dockerconfigjson` and of the older `.dockercfg`.
//!
//! Boundary: reads what the kubelet reads; credential helpers and stores are passed over, because they are programs.
//! Invariant: an entry that cannot be understood fails the whole file, so that nothing works by half unnoticed.

use std::collections::BTreeMap;

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::Deserialize;

use super::{
    Credential, Keyring,
    keyring::{Entry, Scope},
};

/// The size limit of a Secret.
const MAX_BYTES: usize = 1024 * 1024;
const MAX_ENTRIES: usize = 1000;
/// A user name by which some registries mark that the password is an identity token.
const TOKEN_USER: &str = "<token>";
const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// Why a pull secret is unreadable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DockerConfigError {
    /// More than 1 MiB or 1000 entries.
    #[error("the docker config is too large")]
    TooLarge,
    /// Not JSON of the expected form.
    #[error("the docker config is not JSON of the expected form")]
    Json,
    /// A registry key that is neither host, host and path, nor a URL of one.
    #[error("entry {0} of the docker config does not name a registry")]
    Registry(usize),
    /// An `auth` member that is not the Base64 of `user:password`.
    #[error("entry {0} of the docker config has an unreadable auth member")]
    Auth(usize),
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    auths: Auths,
}

type Auths = BTreeMap<String, Login>;

#[derive(Deserialize)]
struct Login {
    #[serde(default)]
    auth: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    identitytoken: Option<String>,
    #[serde(default)]
    registrytoken: Option<String>,
}

impl Keyring {
    /// Reads the value of a `kubernetes.io/dockerconfigjson` Secret. Entries are numbered in the order of their keys.
    pub fn from_docker_config(json: &[u8]) -> Result<Self, DockerConfigError> {
        read::<Config>(json).and_then(|config| keyring(&config.auths))
    }

    /// Reads the value of a `kubernetes.io/dockercfg` Secret, which has no `auths` around its entries.
    pub fn from_legacy_docker_config(json: &[u8]) -> Result<Self, DockerConfigError> {
        read::<Auths>(json).and_then(|auths| keyring(&auths))
    }
}

fn read<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Result<T, DockerConfigError> {
    if json.len() > MAX_BYTES {
        return Err(DockerConfigError::TooLarge);
    }
    // A derived reader also takes a list for a struct.
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err(DockerConfigError::Json);
    }
    // The parser's own message could quote a secret.
    serde_json::from_slice(json).map_err(|_| DockerConfigError::Json)
}

fn keyring(auths: &Auths) -> Result<Keyring, DockerConfigError> {
    if auths.len() > MAX_ENTRIES {
        return Err(DockerConfigError::TooLarge);
    }
    let mut entries = Vec::with_capacity(auths.len());
    for (at, (registry, login)) in auths.iter().enumerate() {
        let scope = Scope::parse(registry).ok_or(DockerConfigError::Registry(at))?;
        if let Some(credential) = login.credential().map_err(|_| DockerConfigError::Auth(at))? {
            entries.push(Entry { scope, credential });
        }
    }
    Ok(Keyring::of(entries))
}

/// An `auth` member that is not the Base64 of `user:password`.
struct UnreadableAuth;

impl Login {
    /// `None` is an entry without secrets, as credential stores leave it.
    fn credential(&self) -> Result<Option<Credential>, UnreadableAuth> {
        let given = |value: &Option<String>| value.clone().filter(|text| !text.is_empty());
        if let Some(token) = given(&self.identitytoken) {
            return Ok(Some(Credential::IdentityToken { token }));
        }
        if let Some(token) = given(&self.registrytoken) {
            return Ok(Some(Credential::RegistryToken { token }));
        }
        let pair = match given(&self.auth) {
            Some(auth) => Some(decode(&auth).ok_or(UnreadableAuth)?),
            None => given(&self.username).zip(given(&self.password)),
        };
        Ok(pair.map(|(username, password)| basic(username, password)))
    }
}

fn basic(username: String, password: String) -> Credential {
    if username == TOKEN_USER {
        return Credential::IdentityToken { token: password };
    }
    Credential::Basic { username, password }
}

fn decode(auth: &str) -> Option<(String, String)> {
    let text = String::from_utf8(LENIENT.decode(auth.trim()).ok()?).ok()?;
    let (username, password) = text.split_once(':')?;
    // Old Docker versions padded with zero bytes.
    Some((username.to_owned(), password.trim_matches('\0').to_owned()))
}
