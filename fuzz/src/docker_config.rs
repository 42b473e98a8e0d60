//! Pull secrets, as the authors of pods write them.

use oci::{Credential, Host, Keyring, Repository};

/// Reads the bytes as both forms of docker config and asks for what credentials there are.
pub fn run(bytes: &[u8]) {
    for keyring in [Keyring::from_docker_config(bytes), Keyring::from_legacy_docker_config(bytes)].into_iter().flatten() {
        serves_only_whom_it_names(&keyring);
    }
}

fn serves_only_whom_it_names(keyring: &Keyring) {
    let repositories: Vec<Repository> = ["registry.example.com/team/app", "docker.io/library/redis", "localhost:5000/app", "[::1]/x"]
        .iter()
        .map(|text| text.parse().expect("a repository"))
        .collect();
    for repository in &repositories {
        let found = keyring.lookup(repository);
        assert!(!keyring.is_empty() || found.is_empty());
        let narrowed = keyring.clone().only_for(repository.host());
        assert_eq!(sorted(narrowed.lookup(repository)), sorted(found), "narrowing to a host loses what was given for it");
        let others = repositories.iter().filter(|other| other.host() != repository.host());
        others.for_each(|other| assert!(narrowed.lookup(other).is_empty(), "a credential for {} reaches {other}", repository.host()));
    }
    nobody_gets_what_is_given_to_a_neighbour(keyring);
}

/// A credential for `registry.example.com` alone is nothing for hosts that merely look like it.
fn nobody_gets_what_is_given_to_a_neighbour(keyring: &Keyring) {
    let own: Host = "registry.example.com".parse().expect("a host");
    let narrowed = keyring.clone().only_for(&own);
    for text in ["evilregistry.example.com/team/app", "registry.example.com.evil.dev/team/app", "registry.example.com:5000/team/app"] {
        let repository: Repository = text.parse().expect("a repository");
        assert!(narrowed.lookup(&repository).is_empty(), "{text} gets a credential");
    }
}

/// In any order: a glob that became literal may come earlier.
fn sorted(credentials: Vec<&Credential>) -> Vec<String> {
    let secret = |credential: &Credential| match credential {
        Credential::Basic { username, password } => format!("basic {username:?} {password:?}"),
        Credential::IdentityToken { token } => format!("identity {token:?}"),
        Credential::RegistryToken { token } => format!("registry {token:?}"),
    };
    let mut texts: Vec<String> = credentials.into_iter().map(secret).collect();
    texts.sort();
    texts
}
