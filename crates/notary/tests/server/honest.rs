//! What is asked of a server, and what is not asked again.

use notary::{Demand, Wanted};

use super::{AMPLE, client, first_contact, over_tls, path, plain, reach, run, session};
use crate::forge::repo::{GUN, Repo, digest_of};

#[tokio::test]
async fn trust_data_is_fetched_over_http_when_the_url_says_so() {
    let (server, repo) = plain().await;
    let trusted = first_contact(&server, &repo, reach(&[&server])).await.unwrap();
    let resolved = trusted.resolve(&Wanted::Tag("1.0"), &Demand::default()).unwrap();
    assert_eq!(*resolved.digest(), digest_of("one"));
}

#[tokio::test]
async fn a_private_authority_is_believed_for_its_server_only() {
    let (server, repo) = over_tls().await;
    assert!(first_contact(&server, &repo, reach(&[&server])).await.is_ok());
    assert!(first_contact(&server, &repo, oci::Access::default()).await.is_err());
}

#[tokio::test]
async fn only_files_that_change_are_asked_for_again_and_past_every_cache() {
    let (server, repo) = plain().await;
    let client = client();
    let session = session(&client, &server, reach(&[&server]), AMPLE);
    let first = run(&session, &repo, None).await.unwrap();
    let asked = server.requests().len();
    assert_eq!(asked, 5, "root, timestamp, snapshot, targets, releases");
    run(&session, &repo, Some(first.state())).await.unwrap();
    let mut again: Vec<_> = server.requests()[asked..].iter().map(|seen| (seen.path.clone(), seen.cache_control.clone())).collect();
    again.sort();
    let fresh = || Some("no-cache".to_owned());
    assert_eq!(again, [(path("2.root.json"), fresh()), (path("timestamp.json"), fresh())]);
}

#[tokio::test]
async fn files_are_not_shared_with_other_credentials() {
    let (server, repo) = plain().await;
    let client = client();
    run(&session(&client, &server, reach(&[&server]), AMPLE), &repo, None).await.unwrap();
    let mut other = reach(&[&server]);
    other.hosts.insert("other.test".parse().unwrap(), oci::HostSettings::default());
    let before = server.requests().len();
    run(&session(&client, &server, other, AMPLE), &repo, None).await.unwrap();
    assert_eq!(server.requests().len() - before, 5);
}

#[tokio::test]
async fn a_file_that_is_not_the_one_in_its_name_is_not_kept() {
    let (server, repo) = plain().await;
    let honest = repo.publish();
    let mut lying = repo.publish();
    lying.replace("targets", honest.bytes_of("snapshot"));
    server.serve_trust_data(GUN, lying.served());
    let client = client();
    let session = session(&client, &server, reach(&[&server]), AMPLE);
    assert!(run(&session, &repo, None).await.is_err());
    server.serve_trust_data(GUN, honest.served());
    run(&session, &repo, None).await.unwrap();
}

#[tokio::test]
async fn a_repository_that_nobody_signs_has_no_trust_data() {
    let (server, _) = plain().await;
    server.serve_trust_data(GUN, []);
    let outcome = first_contact(&server, &Repo::new(), reach(&[&server])).await;
    assert!(matches!(outcome, Err(notary::UpdateError::NoTrustData)), "{outcome:?}");
}
