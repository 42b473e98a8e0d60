// Reason: a test that cannot go on should panic where it stands.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use chrono::TimeDelta;

use super::*;
use crate::controllers::certificates::issue::{AUTHORITY_LIFE, random_path, serving_data};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn names(texts: &[&str]) -> Vec<ServerName<'static>> {
    texts.iter().map(|text| ServerName::try_from((*text).to_owned()).unwrap()).collect()
}

fn service() -> Vec<ServerName<'static>> {
    names(&["bonafide-webhook.bonafide-system.svc"])
}

fn made(names: &[ServerName<'static>]) -> (Data, Data) {
    let authority = Authority::create(now()).unwrap();
    (authority.data(), serving_data(&authority, names, random_path().unwrap(), now()).unwrap())
}

fn with(mut data: Data, key: &str, value: &[u8]) -> Data {
    data.insert(key.to_owned(), ByteString(value.to_vec()));
    data
}

#[test]
fn fresh_secrets_are_kept() {
    let (authority, serving) = made(&service());
    assert_eq!(plan(Some(&authority), Some(&serving), &service(), now()), Plan::Keep);
}

#[test]
fn an_empty_namespace_gets_both() {
    assert_eq!(plan(None, None, &service(), now()), Plan::NewAuthority(Cause::Absent));
}

#[test]
fn a_lost_serving_secret_is_made_by_the_same_authority() {
    let (authority, _) = made(&service());
    assert_eq!(plan(Some(&authority), None, &service(), now()), Plan::RenewServing(Cause::Absent));
}

#[test]
fn a_serving_certificate_is_renewed_when_a_third_of_its_life_is_left() {
    let (authority, serving) = made(&service());
    let at = |days| plan(Some(&authority), Some(&serving), &service(), now() + TimeDelta::days(days));
    assert_eq!(at(59), Plan::Keep);
    assert_eq!(at(60), Plan::RenewServing(Cause::Expiring));
    assert_eq!(at(100), Plan::RenewServing(Cause::Expiring));
}

#[test]
fn a_clock_before_its_begin_renews() {
    let (authority, serving) = made(&service());
    let early = now() - TimeDelta::hours(2);
    assert_eq!(plan(Some(&authority), Some(&serving), &service(), early), Plan::NewAuthority(Cause::Expiring));
}

#[test]
fn an_authority_that_would_end_before_what_it_signs_is_replaced() {
    let (authority, serving) = made(&service());
    let at = |left: i64| plan(Some(&authority), Some(&serving), &service(), now() + AUTHORITY_LIFE - TimeDelta::days(left));
    assert_eq!(at(91), Plan::RenewServing(Cause::Expiring));
    assert_eq!(at(90), Plan::NewAuthority(Cause::Expiring));
}

#[test]
fn another_host_of_the_webhook_renews() {
    let (authority, serving) = made(&service());
    for other in ["webhook.example.com", "127.0.0.1", "::1"] {
        let wanted = names(&["bonafide-webhook.bonafide-system.svc", other]);
        assert_eq!(plan(Some(&authority), Some(&serving), &wanted, now()), Plan::RenewServing(Cause::Unfit), "{other}");
    }
}

#[test]
fn names_and_addresses_fit_what_was_issued_for_them() {
    let wanted = names(&["webhook.example.com", "127.0.0.1", "::1"]);
    let (authority, serving) = made(&wanted);
    assert_eq!(plan(Some(&authority), Some(&serving), &wanted, now()), Plan::Keep);
}

#[test]
fn a_serving_certificate_of_another_authority_is_renewed() {
    let (authority, serving) = made(&service());
    let (_, foreign) = made(&service());
    assert_eq!(plan(Some(&authority), Some(&foreign), &service(), now()), Plan::RenewServing(Cause::Unfit));
    // Only the signature stands between this one and success.
    let disguised = with(foreign, AUTHORITY_KEY, &serving[AUTHORITY_KEY].0);
    assert_eq!(plan(Some(&authority), Some(&disguised), &service(), now()), Plan::RenewServing(Cause::Unfit));
}

#[test]
fn an_authority_with_the_key_of_another_is_replaced() {
    let (authority, serving) = made(&service());
    let (other, _) = made(&service());
    let mixed = with(authority, PRIVATE_KEY_KEY, &other[PRIVATE_KEY_KEY].0);
    assert_eq!(plan(Some(&mixed), Some(&serving), &service(), now()), Plan::NewAuthority(Cause::Unusable));
}

#[test]
fn damaged_secrets_are_made_anew() {
    let (authority, serving) = made(&service());
    for key in [CERTIFICATE_KEY, PRIVATE_KEY_KEY] {
        let damaged = with(authority.clone(), key, b"nonsense");
        assert_eq!(plan(Some(&damaged), Some(&serving), &service(), now()), Plan::NewAuthority(Cause::Unusable));
    }
    for key in [CERTIFICATE_KEY, PRIVATE_KEY_KEY, AUTHORITY_KEY, PATH_KEY] {
        let damaged = with(serving.clone(), key, b"nonsense");
        assert_eq!(plan(Some(&authority), Some(&damaged), &service(), now()), Plan::RenewServing(Cause::Unusable));
    }
}

#[test]
fn a_renewal_keeps_the_path_unless_it_could_be_guessed() {
    let (_, serving) = made(&service());
    assert_eq!(path(Some(&serving)).unwrap().as_bytes(), serving[PATH_KEY].0);
    assert_eq!(path(Some(&with(serving, PATH_KEY, b"guess"))), None);
    assert_eq!(path(None), None);
}

#[test]
fn two_paths_differ() {
    assert_ne!(random_path().unwrap(), random_path().unwrap());
}
