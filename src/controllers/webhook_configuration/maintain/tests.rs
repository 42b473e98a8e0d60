// Reason: a test that cannot go on should panic where it stands.
#![allow(clippy::unwrap_used)]

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;

use super::*;
use crate::controllers::webhook_configuration::fixtures::{cover, frame};

fn material() -> ServingMaterial {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let certified = CertifiedKey::from_der(vec![made.cert.der().clone()], key, &aws_lc_rs::default_provider()).unwrap();
    ServingMaterial { certified: Arc::new(certified), ca_pem: frame().ca_pem, path_segment: frame().path_segment }
}

/// A keeper that read a strict cluster entry; its API server refuses every connection.
fn keeper() -> (Keeper, watch::Receiver<Option<Installed>>) {
    let client = Client::try_from(kube::Config::new("http://127.0.0.1:1".parse().unwrap())).unwrap();
    let Frame { target, exempt, .. } = frame();
    let settings = WebhookSettings { target, operator_namespace: "bonafide-system".to_owned(), exempt_namespaces: exempt };
    let (sender, installed) = watch::channel(None);
    let mut keeper = Keeper::new(Configurations::new(client), settings, sender);
    let there = desired(&cover(Some(true), &[], false), &frame());
    (keeper.mutating, keeper.validating) = (there.mutating.into(), Some(there.validating).into());
    (keeper, installed)
}

fn now(coverage: Option<Coverage>, leads: bool) -> Now {
    Now { coverage, material: Some(Arc::new(material())), leads }
}

fn tenants() -> Coverage {
    Coverage { cluster: Some(true), tenants: [("shop".to_owned(), true)].into() }
}

#[tokio::test]
async fn the_leader_writes_what_is_missing() {
    let (mut keeper, _installed) = keeper();
    keeper.look(now(Some(tenants()), true)).await;
    assert!(!keeper.repairs.is_untouched());
}

#[tokio::test]
async fn a_replica_that_does_not_lead_writes_nothing_but_tells_what_is_installed() {
    let (mut keeper, installed) = keeper();
    keeper.look(now(Some(tenants()), false)).await;
    assert!(keeper.repairs.is_untouched());
    assert!(installed.borrow().as_ref().unwrap().covers("bonafide-system", "bonafide-system", true));
}

#[tokio::test]
async fn before_everything_is_listed_nothing_is_written_or_counted_as_unneeded() {
    let (mut keeper, _installed) = keeper();
    keeper.look(now(Some(Coverage::default()), true)).await;
    assert!(keeper.shrinking.is_some());
    keeper.look(now(None, true)).await;
    assert!(keeper.shrinking.is_none());
    assert!(keeper.repairs.is_untouched());
}

#[tokio::test]
async fn before_both_configurations_are_read_nothing_is_written_or_told() {
    let (mut keeper, installed) = keeper();
    keeper.mutating = Seen::Unread;
    keeper.look(now(Some(tenants()), true)).await;
    assert!(keeper.repairs.is_untouched());
    assert_eq!(*installed.borrow(), None);
}

#[tokio::test]
async fn without_a_certificate_nothing_is_installed() {
    let (mut keeper, _installed) = keeper();
    keeper.look(Now { material: None, ..now(Some(tenants()), true) }).await;
    assert!(keeper.repairs.is_untouched());
}

#[tokio::test]
async fn a_paused_configuration_is_not_touched() {
    let (mut keeper, _installed) = keeper();
    let label: std::collections::BTreeMap<_, _> = [("bonafide.dev/paused".to_owned(), String::new())].into();
    let wanted = desired(&cover(None, &["shop"], true), &frame());
    let (Seen::Present(mutating), Seen::Present(validating)) = (&mut keeper.mutating, &mut keeper.validating) else { unreachable!() };
    (mutating.metadata.labels, validating.metadata.labels) = (Some(label.clone()), Some(label));
    let (mutating, validating) = keeper.changes(&wanted);
    assert_eq!((mutating, validating), (Change::Keep, Change::Keep));
    assert!(keeper.complained.is_some());
}
