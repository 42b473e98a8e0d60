//! What is in a pull secret.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use oci::{DockerConfigError, Keyring};

use crate::policy::ObjectName;

/// The credentials of a Secret. One of another type, or an unreadable one, holds none, as for kubelets.
pub(super) fn keyring(name: &ObjectName, secret: Secret) -> Arc<Keyring> {
    match read(secret) {
        Some(Ok(keyring)) => Arc::new(keyring),
        Some(Err(error)) => {
            tracing::warn!(secret = %name, %error, "a pull secret is unreadable");
            Arc::default()
        }
        None => Arc::default(),
    }
}

fn read(secret: Secret) -> Option<Result<Keyring, DockerConfigError>> {
    let (key, read): (_, fn(&[u8]) -> _) = match secret.type_.as_deref()? {
        "kubernetes.io/dockerconfigjson" => (".dockerconfigjson", Keyring::from_docker_config),
        "kubernetes.io/dockercfg" => (".dockercfg", Keyring::from_legacy_docker_config),
        _ => return None,
    };
    secret.data?.remove(key).map(|value| read(&value.0))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    fn secret(of_type: &str, key: &str, value: &str) -> Secret {
        Secret {
            type_: Some(of_type.to_owned()),
            data: Some([(key.to_owned(), ByteString(value.as_bytes().to_vec()))].into()),
            ..Secret::default()
        }
    }

    fn serves(secret: Secret) -> bool {
        !keyring(&ObjectName::new("shop", "pull"), secret).lookup(&"a.io/x".parse().unwrap()).is_empty()
    }

    const ENTRY: &str = r#"{"a.io": {"username": "u", "password": "p"}}"#;

    #[test]
    fn both_types_of_pull_secrets_are_read() {
        let config = format!(r#"{{"auths": {ENTRY}}}"#);
        assert!(serves(secret("kubernetes.io/dockerconfigjson", ".dockerconfigjson", &config)));
        assert!(serves(secret("kubernetes.io/dockercfg", ".dockercfg", ENTRY)));
    }

    #[test]
    fn another_type_of_secret_is_not_looked_into() {
        let config = format!(r#"{{"auths": {ENTRY}}}"#);
        assert!(!serves(secret("Opaque", ".dockerconfigjson", &config)));
        assert!(!serves(secret("kubernetes.io/dockercfg", ".dockerconfigjson", &config)));
        assert!(!serves(Secret::default()));
    }

    #[test]
    fn an_unreadable_pull_secret_holds_no_credentials() {
        assert!(!serves(secret("kubernetes.io/dockerconfigjson", ".dockerconfigjson", "{")));
    }
}
