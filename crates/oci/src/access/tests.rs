#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::*;
use crate::Repository;

fn basic(username: &str) -> Credential {
    Credential::Basic { username: username.to_owned(), password: "secret".to_owned() }
}

/// A docker config whose user names are the given ones; the password is always `secret`.
fn keyring(entries: &[(&str, &str)]) -> Keyring {
    let auths: serde_json::Map<_, _> =
        entries.iter().map(|(key, user)| ((*key).to_owned(), serde_json::json!({"username": user, "password": "secret"}))).collect();
    Keyring::from_docker_config(&serde_json::to_vec(&serde_json::json!({"auths": auths})).unwrap()).unwrap()
}

fn users(keyring: &Keyring, repository: &str) -> Vec<String> {
    let name = |credential: &Credential| match credential {
        Credential::Basic { username, .. } => username.clone(),
        other => format!("{other:?}"),
    };
    keyring.lookup(&repository.parse().unwrap()).into_iter().map(name).collect()
}

#[test]
fn an_entry_serves_whole_hosts_only() {
    let keyring = keyring(&[("ghcr.io", "u")]);
    assert_eq!(users(&keyring, "ghcr.io/app"), ["u"]);
    for other in ["cr.io/app", "ghcr.io.evil.dev/app", "evil-ghcr.io/app", "ghcr.io:5000/app", "evil.dev/ghcr.io", "app"] {
        assert_eq!(users(&keyring, other), [""; 0], "{other}");
    }
}

#[test]
fn an_entry_serves_whole_path_components_only() {
    let keyring = keyring(&[("registry.example.com/team", "u")]);
    assert_eq!(users(&keyring, "registry.example.com/team"), ["u"]);
    assert_eq!(users(&keyring, "registry.example.com/team/app"), ["u"]);
    for other in ["team-evil/app", "teamevil", "other/team", "tea"] {
        assert_eq!(users(&keyring, &format!("registry.example.com/{other}")), [""; 0], "{other}");
    }
}

#[test]
fn the_longest_path_comes_first_and_literal_hosts_before_globs() {
    let keyring = keyring(&[("*.example.com", "glob"), ("a.example.com", "host"), ("a.example.com/x", "x"), ("a.example.com/x/y", "xy")]);
    assert_eq!(users(&keyring, "a.example.com/x/y"), ["xy", "x", "host", "glob"]);
    assert_eq!(users(&keyring, "a.example.com/z"), ["host", "glob"]);
}

#[test]
fn docker_hub_is_found_under_the_key_that_docker_writes() {
    let keyring = keyring(&[("https://index.docker.io/v1/", "hub")]);
    assert_eq!(users(&keyring, "redis"), ["hub"]);
    assert_eq!(users(&keyring, "docker.io/team/app"), ["hub"]);
    assert_eq!(users(&keyring, "quay.io/team/app"), [""; 0]);
}

#[test]
fn keys_are_normalised_like_references() {
    for key in ["Registry.Example.com", "https://registry.example.com", "registry.example.com:443/v2/", "http://registry.example.com/"] {
        assert_eq!(users(&keyring(&[(key, "u")]), "registry.example.com/app"), ["u"], "{key}");
    }
}

#[test]
fn a_star_stands_inside_one_label() {
    let keyring = keyring(&[("*.example.com", "u"), ("k8s*.gcr.io:5000", "k")]);
    assert_eq!(users(&keyring, "a.example.com/app"), ["u"]);
    for other in ["example.com/app", "a.b.example.com/app", "evilexample.com/app", "a.example.com:5000/app", "a.example.com.evil/x"] {
        assert_eq!(users(&keyring, other), [""; 0], "{other}");
    }
    assert_eq!(users(&keyring, "k8s1.gcr.io:5000/app"), ["k"]);
    assert_eq!(users(&keyring, "k8s1.gcr.io/app"), [""; 0]);
}

#[test]
fn every_form_of_secret_is_read() {
    let json = br#"{"auths": {
        "a.io": {"auth": "dXNlcjpwYTpzcw=="},
        "b.io": {"auth": "dXNlcjpwYTpzcw"},
        "c.io": {"identitytoken": "t", "auth": "dXNlcjo="},
        "d.io": {"username": "<token>", "password": "t"},
        "e.io": {"registrytoken": "r"},
        "f.io": {}
    }, "credsStore": "desktop", "HttpHeaders": {"x": "y"}}"#;
    let keyring = Keyring::from_docker_config(json).unwrap();
    let of = |repository: &str| keyring.lookup(&repository.parse().unwrap()).first().copied().cloned();
    let pair = Credential::Basic { username: "user".to_owned(), password: "pa:ss".to_owned() };
    assert_eq!(of("a.io/x"), Some(pair.clone()));
    assert_eq!(of("b.io/x"), Some(pair));
    assert_eq!(of("c.io/x"), Some(Credential::IdentityToken { token: "t".to_owned() }));
    assert_eq!(of("d.io/x"), Some(Credential::IdentityToken { token: "t".to_owned() }));
    assert_eq!(of("e.io/x"), Some(Credential::RegistryToken { token: "r".to_owned() }));
    assert_eq!(of("f.io/x"), None);
}

#[test]
fn the_older_form_has_no_auths_member() {
    let keyring = Keyring::from_legacy_docker_config(br#"{"a.io": {"username": "u", "password": "p"}}"#).unwrap();
    assert_eq!(users(&keyring, "a.io/x"), ["u"]);
}

#[test]
fn unreadable_pull_secrets_are_errors() {
    let many: BTreeMap<String, BTreeMap<String, String>> = (0..1001).map(|n| (format!("h{n}.io"), BTreeMap::new())).collect();
    let many = serde_json::to_vec(&serde_json::json!({ "auths": many })).unwrap();
    let cases: [(&[u8], DockerConfigError); 9] = [
        (b"", DockerConfigError::Json),
        (b"[]", DockerConfigError::Json),
        (br#"{"auths": {"a.io": "secret"}}"#, DockerConfigError::Json),
        (br#"{"auths": {"a.io": {}, "b c": {}}}"#, DockerConfigError::Registry(1)),
        (br#"{"auths": {"user@a.io": {}}}"#, DockerConfigError::Registry(0)),
        (br#"{"auths": {"a.io": {"auth": "!"}}}"#, DockerConfigError::Auth(0)),
        (br#"{"auths": {"a.io": {"auth": "dXNlcg=="}}}"#, DockerConfigError::Auth(0)),
        (&many, DockerConfigError::TooLarge),
        (&vec![b' '; 1024 * 1024 + 1], DockerConfigError::TooLarge),
    ];
    for (json, error) in cases {
        assert_eq!(Keyring::from_docker_config(json).unwrap_err(), error);
    }
}

#[test]
fn a_host_that_speaks_plain_http_has_no_credentials() {
    let mut access = Access { keyring: keyring(&[("a.io", "ring")]), ..Access::default() };
    let settings = HostSettings { credential: Some(basic("own")), ..HostSettings::default() };
    access.hosts.insert("a.io".parse().unwrap(), settings.clone());
    let repository: Repository = "a.io/x".parse().unwrap();
    assert_eq!(access.credentials(repository.host(), repository.path()), [&basic("own"), &basic("ring")]);
    access.hosts.insert("a.io".parse().unwrap(), HostSettings { plain_http: true, ..settings });
    assert!(access.credentials(repository.host(), repository.path()).is_empty());
}

#[test]
fn debug_output_shows_no_secret() {
    let mut access = Access { keyring: keyring(&[("a.io", "ring")]), ..Access::default() };
    let credential = Some(Credential::IdentityToken { token: "secret".to_owned() });
    access.hosts.insert("a.io".parse().unwrap(), HostSettings { credential, ..HostSettings::default() });
    let registry = Credential::RegistryToken { token: "secret".to_owned() };
    assert!(!format!("{access:?} {registry:?}").contains("secret"));
}

#[test]
fn the_fingerprint_covers_every_setting() {
    let with = |change: fn(&mut HostSettings)| {
        let mut settings = HostSettings::default();
        change(&mut settings);
        Access { hosts: [("a.io".parse().unwrap(), settings)].into(), ..Access::default() }
    };
    let secret = |password: &str| Credential::Basic { username: "u".to_owned(), password: password.to_owned() };
    let mut other_password = with(|_| ());
    other_password.hosts.values_mut().for_each(|settings| settings.credential = Some(secret("2")));
    let mut password = with(|_| ());
    password.hosts.values_mut().for_each(|settings| settings.credential = Some(secret("1")));
    let sets = [
        Access::default(),
        with(|_| ()),
        with(|settings| settings.plain_http = true),
        with(|settings| settings.token_realms = vec![Url::parse("https://auth.io/token").unwrap()]),
        password,
        other_password,
        Access { keyring: keyring(&[("a.io", "u")]), ..Access::default() },
        Access { keyring: keyring(&[("a.io/x", "u")]), ..Access::default() },
    ];
    let distinct: std::collections::BTreeSet<_> = sets.iter().map(Access::fingerprint).collect();
    assert_eq!(distinct.len(), sets.len());
    assert_eq!(Access::default().fingerprint(), Access::default().fingerprint());
}

#[test]
fn a_ca_bundle_is_never_empty() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let cases = [
        ("", CaBundleError::Empty),
        ("just text", CaBundleError::Empty),
        (broken, CaBundleError::Certificate(0)),
        ("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n", CaBundleError::Pem),
    ];
    for (text, error) in cases {
        assert_eq!(CaBundle::from_pem(text).unwrap_err(), error, "{text:?}");
    }
    assert_eq!(CaBundle::from_pem(&" ".repeat(1024 * 1024 + 1)).unwrap_err(), CaBundleError::TooLarge);
}
