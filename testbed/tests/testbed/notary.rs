//! Docker Content Trust with its real parts: publishing, delegating, rotating, and servers that forget or go back.

use std::time::Duration;

use anyhow::{Result, ensure};
use testbed::{Authority, Directory, Image, Images, NotaryClient, NotaryFront, NotaryServer, Registry, TokenServer, TrustRole, wait};

/// A registry with images of one repository, to be signed.
struct Shelf {
    registry: Registry,
    images: Images,
}

impl Shelf {
    fn new() -> Result<Self> {
        Ok(Self { registry: Registry::referrers()?, images: Images::new()? })
    }

    fn image(&self, tag: &str, content: &str) -> Result<Image> {
        self.images.push(&format!("{}/team/app:{tag}", self.registry.host()), content)
    }
}

pub(crate) fn a_notary_client_signs_a_tag_and_another_one_finds_it() -> Result<()> {
    let (shelf, server) = (Shelf::new()?, NotaryServer::start()?);
    let image = shelf.image("v1", "one")?;
    let (client, stranger) = (NotaryClient::new(server.endpoint())?, NotaryClient::new(server.endpoint())?);
    ensure!(failed(client.list(&image.repository, &[])).contains("does not have trust data"));
    client.init(&image.repository)?;
    client.sign(&image, &[])?;
    let found = stranger.list(&image.repository, &[])?;
    let digest = image.digest.trim_start_matches("sha256:");
    ensure!(found.lines().any(|line| line.starts_with("v1 ") && line.contains(digest) && line.ends_with(" targets")), "{found}");
    ensure!(client.root_key_id(&image.repository)?.len() == 64);
    ensure!(stranger.sign(&shelf.image("v2", "two")?, &[]).is_err(), "a stranger has signed");
    client.withdraw(&image, &[])?;
    ensure!(!stranger.list(&image.repository, &[])?.contains(digest), "a tag that was taken back is there");
    Ok(())
}

pub(crate) fn a_root_key_can_be_certified_by_an_authority() -> Result<()> {
    let (shelf, server) = (Shelf::new()?, NotaryServer::start()?);
    let image = shelf.image("v1", "one")?;
    let directory = Directory::temporary()?;
    let client = NotaryClient::new(server.endpoint())?;
    client.init_under(&Authority::new(directory.path())?, &image.repository)?;
    client.sign(&image, &[])?;
    ensure!(client.list(&image.repository, &[])?.contains("v1 "));
    Ok(())
}

pub(crate) fn a_delegation_signs_for_itself_until_it_is_taken_back() -> Result<()> {
    let (shelf, server) = (Shelf::new()?, NotaryServer::start()?);
    let image = shelf.image("v1", "one")?;
    let client = NotaryClient::new(server.endpoint())?;
    client.init(&image.repository)?;
    let signer = client.signer("alice", "targets/build")?;
    let id = client.delegate(&image.repository, "targets/build", &signer)?;
    ensure!(id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    client.sign(&image, &["targets/build"])?;
    let found = client.list(&image.repository, &["targets/build"])?;
    ensure!(found.contains("v1 ") && found.contains("targets/build"), "{found}");
    client.undelegate(&image.repository, "targets/build")?;
    let found = client.list(&image.repository, &["targets/build"])?;
    ensure!(!found.contains("v1 "), "{found}");
    Ok(())
}

pub(crate) fn the_key_of_every_role_can_be_rotated() -> Result<()> {
    let (shelf, server) = (Shelf::new()?, NotaryServer::start()?);
    let image = shelf.image("v1", "one")?;
    let client = NotaryClient::new(server.endpoint())?;
    client.init(&image.repository)?;
    client.sign(&image, &[])?;
    for role in [TrustRole::Targets, TrustRole::Snapshot, TrustRole::Timestamp] {
        let before = client.root_key_id(&image.repository)?;
        client.rotate(&image.repository, role)?;
        ensure!(client.root_key_id(&image.repository)? == before, "{role:?} has changed the root's key");
        ensure!(client.list(&image.repository, &[])?.contains("v1 "), "{role:?}");
    }
    let before = client.root_key_id(&image.repository)?;
    client.rotate(&image.repository, TrustRole::Root)?;
    ensure!(client.root_key_id(&image.repository)? != before, "the root has the same key");
    ensure!(client.list(&image.repository, &[])?.contains("v1 "));
    Ok(())
}

pub(crate) fn a_notary_server_that_was_started_again_is_empty() -> Result<()> {
    let (shelf, server) = (Shelf::new()?, NotaryServer::start()?);
    let image = shelf.image("v1", "one")?;
    let client = NotaryClient::new(server.endpoint())?;
    client.init(&image.repository)?;
    server.stop();
    ensure!(client.list(&image.repository, &[]).is_err(), "an answer from a stopped server");
    server.start_again()?;
    ensure!(failed(client.list(&image.repository, &[])).contains("does not have trust data"));
    NotaryClient::new(server.endpoint())?.init(&image.repository)
}

pub(crate) fn a_notary_server_asks_for_tokens_and_takes_only_good_ones() -> Result<()> {
    let (shelf, tokens) = (Shelf::new()?, TokenServer::start()?);
    let server = NotaryServer::start_for_users_of(&tokens)?;
    let image = shelf.image("v1", "one")?;
    let user = |name: &str, password: &str| Ok::<_, anyhow::Error>(NotaryClient::new(tokens.endpoint())?.as_user(name, password));
    tokens.admit("publisher", "right")?;
    tokens.admit_too_late("late", "right")?;
    let publisher = user("publisher", "right")?;
    publisher.init(&image.repository)?;
    publisher.sign(&image, &[])?;
    // This client reads as nobody, whoever it is told to be.
    ensure!(failed(publisher.list(&image.repository, &[])).contains("unauthorized"));
    for (name, password) in [("publisher", "wrong"), ("late", "right"), ("nobody", "right")] {
        let refused = format!("{:#}", user(name, password)?.init(&image.repository).expect_err(name));
        ensure!(refused.contains("authorized"), "{name}: {refused}");
    }
    let beside = NotaryClient::new(server.endpoint())?.as_user("publisher", "right");
    ensure!(beside.init(&format!("{}-2", image.repository)).is_ok(), "the server does not know the tokens");
    tokens.expel("publisher")?;
    ensure!(publisher.sign(&image, &[]).is_err(), "a user who was expelled has signed");
    Ok(())
}

pub(crate) fn a_front_answers_from_a_backup_until_it_goes_on() -> Result<()> {
    let (shelf, server) = (Shelf::new()?, NotaryServer::start()?);
    let front = NotaryFront::before(&server)?;
    let (one, two) = (shelf.image("v1", "one")?, shelf.image("v2", "two")?);
    let client = NotaryClient::new(front.endpoint())?;
    client.init(&one.repository)?;
    client.sign(&one, &[])?;
    client.list(&one.repository, &[])?;
    let backup = front.back_up(&one.repository)?;
    client.sign(&two, &[])?;
    ensure!(client.list(&one.repository, &[])?.contains("v2 "));
    front.restore(&one.repository, &backup)?;
    let found = client.list(&one.repository, &[])?;
    ensure!(found.contains("v1 ") && !found.contains("v2 "), "{found}");
    front.go_on(&one.repository)?;
    ensure!(client.list(&one.repository, &[])?.contains("v2 "));
    let requests = front.requests(&one.repository)?;
    ensure!(requests.iter().any(|request| request.method == "POST" && request.status == 200), "{requests:?}");
    Ok(())
}

pub(crate) fn a_brief_timestamp_expires_behind_a_front_and_is_renewed_by_its_server() -> Result<()> {
    let (shelf, server) = (Shelf::new()?, NotaryServer::start_brief(Duration::from_secs(2))?);
    let front = NotaryFront::before(&server)?;
    let image = shelf.image("v1", "one")?;
    let client = NotaryClient::new(front.endpoint())?;
    client.init(&image.repository)?;
    client.sign(&image, &[])?;
    client.list(&image.repository, &[])?;
    front.restore(&image.repository, &front.back_up(&image.repository)?)?;
    let refused = || Ok(client.list(&image.repository, &[]).err().map(|error| format!("{error:#}")));
    let refused = wait::until("the timestamp to expire", refused)?;
    ensure!(refused.contains("expired"), "{refused}");
    front.go_on(&image.repository)?;
    ensure!(client.list(&image.repository, &[])?.contains("v1 "));
    Ok(())
}

fn failed(outcome: Result<String>) -> String {
    outcome.map_or_else(|error| format!("{error:#}"), |told| format!("it went well: {told}"))
}
