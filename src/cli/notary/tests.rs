//! The subcommands against a trust server on loopback, and against ConfigMaps.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed unwrap is a failed test")]

mod forgetting;

use notary::{Inspection, PublicKey, Scope, ServerUrl, UpdateError};
use registry_double::RegistryDouble;

use super::server::{ServerArguments, gun, refuse, server};
use super::tree::{Style, tree};
use super::{inspect, root_key};
use crate::crd::TrustRootSpec;
use crate::testing::forge::key::Key;
use crate::testing::forge::repo::{GUN, Repo, digest_of};

fn reach() -> ServerArguments {
    ServerArguments { allow_egress: vec!["127.0.0.0/8".to_owned()], timeout: 10, ..ServerArguments::default() }
}

async fn serving(repo: &Repo) -> (RegistryDouble, ServerUrl) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let double = RegistryDouble::start().await;
    double.serve_trust_data(GUN, repo.publish().served());
    let url = double.url("").parse().unwrap();
    (double, url)
}

async fn inspected(repo: &Repo) -> (Inspection, ServerUrl) {
    let (_double, url) = serving(repo).await;
    let trusted = reach().fetch(&url, &gun(GUN).unwrap(), Scope::Everything).await.unwrap().unwrap();
    (trusted.inspect(), url)
}

#[tokio::test]
async fn the_root_key_is_printed_as_a_trust_root_that_holds_for_what_was_seen() {
    let repo = Repo::new();
    let (_double, url) = serving(&repo).await;
    let trusted = reach().fetch(&url, &gun(GUN).unwrap(), Scope::Only([].into())).await.unwrap().unwrap();
    let yaml = root_key::trust_root("app", &url, &trusted.inspect(), &trusted.root_keys()).unwrap();
    let object: serde_json::Value = serde_saphyr::from_str(&yaml).unwrap();
    assert_eq!((&object["kind"], &object["metadata"]["name"]), (&"TrustRoot".into(), &"app".into()));
    let spec: TrustRootSpec = serde_json::from_value(object["spec"].clone()).unwrap();
    let keys: Vec<PublicKey> = spec.keys.unwrap().iter().map(|key| PublicKey::from_pem(key.pem.as_ref().unwrap()).unwrap()).collect();
    assert_eq!(keys, [repo.root.keys[0].public_key()]);
    let comments: Vec<&str> = yaml.lines().take_while(|line| line.starts_with("# ")).collect();
    let said = |text: &str| comments.iter().any(|line| line.contains(text));
    assert!(said(&keys[0].fingerprint().to_string()) && said("valid until 2040-01-01") && said(&repo.root.keys[0].id()), "{yaml}");
}

#[test]
fn a_trust_root_is_called_like_its_repository() {
    let named = |text: &str| root_key::object_name(&text.parse().unwrap());
    assert_eq!(named("registry.test:5000/Team/app_1"), "registry-test-5000-team-app-1");
    assert!(named(&format!("registry.test/{}/-x", "a".repeat(100))).len() <= 63);
}

#[tokio::test]
async fn the_tree_tells_roles_keys_tags_and_signers() {
    let repo = Repo::new();
    let (seen, url) = inspected(&repo).await;
    let text = tree(&seen, &url, Style { colours: false });
    let (one, two) = (digest_of("one"), digest_of("two"));
    for line in [
        format!("{GUN} on {url}\n"),
        "├── root: version 1, expires 2040-01-01 08:00:00 UTC, 1 of 1 keys must sign\n".to_owned(),
        format!("│   └── signed: ECDSA P-256 {}, certificate of {GUN} until 2040-01-01\n", repo.root.keys[0].id()),
        "├── targets/alice: version 1, expires 2040-01-01 08:00:00 UTC, 1 of 1 keys must sign, all tags\n".to_owned(),
        format!("    ├── 2.0: {two} signed in targets/alice, targets/releases\n"),
        "    ├── 1.0: the roles do not agree\n".to_owned(),
        format!("{one} signed in targets/alice, targets/releases\n"),
    ] {
        assert!(text.contains(&line), "{line}\n{text}");
    }
    assert!(!text.contains('\u{1b}'));
    assert!(tree(&seen, &url, Style { colours: true }).contains("\u{1b}[1m"));
}

#[tokio::test]
async fn what_is_wrong_with_a_delegation_is_told() {
    let mut repo = Repo::new();
    repo.alice().role.signed_by = Some(vec![Key::ecdsa()]);
    repo.alice().paths = Some(vec!["v"]);
    let (seen, url) = inspected(&repo).await;
    let text = tree(&seen, &url, Style { colours: false });
    assert!(text.contains("targets/alice: signed by 0 of the keys that must sign, 1 are needed, tags v*\n"), "{text}");
}

#[tokio::test]
async fn names_that_signers_chose_cannot_command_a_terminal() {
    let mut repo = Repo::new();
    repo.targets.images.insert("a\u{1b}[2Jb", "evil");
    let (seen, url) = inspected(&repo).await;
    let text = tree(&seen, &url, Style { colours: false });
    assert!(!text.contains('\u{1b}') && text.contains("a\\u{1b}[2Jb"), "{text}");
}

#[tokio::test]
async fn no_trust_data_is_an_answer_and_a_server_that_is_down_is_none() {
    let (double, url) = serving(&Repo::new()).await;
    let other = gun("registry.test/other").unwrap();
    let error = reach().fetch(&url, &other, Scope::Everything).await.unwrap().expect_err("nothing there");
    assert!(matches!(error, UpdateError::NoTrustData), "{error:?}");
    assert_eq!(format!("{:?}", refuse(&url, &other, &error)), format!("{:?}", std::process::ExitCode::from(1)));
    drop(double);
    let error = reach().fetch(&url, &other, Scope::Everything).await.unwrap().expect_err("nobody there");
    assert_eq!(format!("{:?}", refuse(&url, &other, &error)), format!("{:?}", std::process::ExitCode::from(2)));
}

#[tokio::test]
async fn loopback_is_dialled_only_when_it_is_allowed() {
    let (double, url) = serving(&Repo::new()).await;
    let closed = ServerArguments { allow_egress: vec![], ..reach() };
    assert!(closed.fetch(&url, &gun(GUN).unwrap(), Scope::Everything).await.unwrap().is_err());
    assert!(double.requests().is_empty());
}

#[tokio::test]
async fn no_password_goes_over_plain_http() {
    let (double, url) = serving(&Repo::new()).await;
    let login = ServerArguments { user: Some("me".to_owned()), ..reach() };
    let error = login.fetch(&url, &gun(GUN).unwrap(), Scope::Everything).await.expect_err("an error");
    assert!(error.to_string().contains("not https"), "{error}");
    assert!(double.requests().is_empty());
}

#[tokio::test]
async fn a_private_authority_is_read_from_a_file() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let double = RegistryDouble::start_tls().await;
    double.serve_trust_data(GUN, Repo::new().publish().served());
    let url: ServerUrl = double.url("").parse().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), double.ca_pem().unwrap()).unwrap();
    let with = ServerArguments { ca: Some(file.path().to_owned()), ..reach() };
    assert!(with.fetch(&url, &gun(GUN).unwrap(), Scope::Everything).await.unwrap().is_ok());
    assert!(reach().fetch(&url, &gun(GUN).unwrap(), Scope::Everything).await.unwrap().is_err());
}

#[test]
fn a_repository_is_named_without_tag_and_digest() {
    let read = |text: &str| gun(text).map(|gun| gun.to_string());
    assert_eq!(read("nginx").unwrap(), "docker.io/library/nginx");
    assert_eq!(read("team/app").unwrap(), "docker.io/team/app");
    assert_eq!(read("registry.test:5000/app").unwrap(), "registry.test:5000/app");
    for text in ["nginx:1", "registry.test/app:v1", "Registry.test/app", "registry.test/../app", ""] {
        assert!(read(text).is_err(), "{text}");
    }
    let error = read("registry.test/app:v1").expect_err("a tag").to_string();
    assert!(error.contains("did you mean registry.test/app?"), "{error}");
}

#[test]
fn without_a_server_it_is_that_of_the_registry_as_for_docker() {
    let of = |url: Option<&str>, text: &str| server(url, &gun(text).unwrap()).map(|url| url.to_string());
    assert_eq!(of(None, "nginx").unwrap(), "https://notary.docker.io");
    assert_eq!(of(None, "registry.test:5000/app").unwrap(), "https://registry.test:5000");
    assert_eq!(of(Some("http://localhost:4443/"), "nginx").unwrap(), "http://localhost:4443");
    assert!(of(Some("localhost:4443"), "nginx").is_err());
}

#[tokio::test]
async fn the_json_form_says_the_same() {
    let (seen, url) = inspected(&Repo::new()).await;
    let document = inspect::document(&seen, &url).unwrap();
    assert_eq!((&document["server"], &document["gun"]), (&url.to_string().into(), &GUN.into()));
    assert_eq!(document["root"]["keys"][0]["signed"], true);
    assert!(document["delegations"]["targets/alice"]["status"]["verified"]["tags"]["1.0"].is_string(), "{document}");
}
