//! Thresholds, key confusion, and files signed by the key of another role.

use base64::{Engine, engine::general_purpose::STANDARD};
use notary::{Role, StructureError, UpdateError};

use crate::client::{first_contact, refusal, tag};
use crate::forge::certificate::Spec;
use crate::forge::key::Key;
use crate::forge::repo::Repo;

fn assert_unsigned(error: &UpdateError, wanted: &Role, valid: u32) {
    assert!(matches!(error, UpdateError::Signatures { role, valid: counted, .. } if role == wanted && *counted == valid), "{error}");
}

#[test]
fn one_key_under_two_ids_counts_once() {
    let key = Key::ecdsa();
    let again = Spec::default().self_signed(&key);
    assert_ne!(key.id(), again.id());
    let mut repo = Repo::new();
    repo.targets.role.keys = vec![key, again];
    repo.targets.role.threshold = 2;
    assert_unsigned(&refusal(&repo), &Role::Targets, 1);
    repo.targets.role.keys.push(Key::rsa());
    first_contact(&repo).unwrap();
}

#[test]
fn one_root_key_in_two_certificates_counts_once() {
    let key = Key::ecdsa();
    let mut repo = Repo::new();
    repo.root.keys = vec![Spec::default().self_signed(&key), Spec { until: 2041, ..Spec::default() }.self_signed(&key)];
    repo.root.threshold = 2;
    assert_unsigned(&refusal(&repo), &Role::Root, 1);
}

#[test]
fn two_signatures_of_one_key_count_once_for_every_base_role() {
    for role in [Role::Timestamp, Role::Snapshot, Role::Targets] {
        let mut repo = Repo::new();
        let forged = match role {
            Role::Timestamp => &mut repo.timestamp,
            Role::Snapshot => &mut repo.snapshot,
            _ => &mut repo.targets.role,
        };
        forged.threshold = 2;
        forged.keys.push(Key::ecdsa());
        forged.signed_by = Some(vec![forged.keys[0].clone(), forged.keys[0].clone()]);
        assert_unsigned(&refusal(&repo), &role, 1);
        let both = match role {
            Role::Timestamp => &mut repo.timestamp,
            Role::Snapshot => &mut repo.snapshot,
            _ => &mut repo.targets.role,
        };
        both.signed_by = None;
        first_contact(&repo).unwrap();
    }
}

#[test]
fn thresholds_below_one_are_refused_wherever_they_stand() {
    for threshold in [0, -1] {
        let mut repo = Repo::new();
        repo.snapshot.threshold = threshold;
        assert!(matches!(refusal(&repo), UpdateError::Structure { role: Role::Root, source: StructureError::Threshold }));
        let mut repo = Repo::new();
        repo.alice().role.threshold = threshold;
        assert!(matches!(refusal(&repo), UpdateError::Structure { role: Role::Targets, source: StructureError::Threshold }));
    }
}

#[test]
fn no_role_may_sign_the_file_of_another() {
    let repo = Repo::new();
    let keys = [&repo.root.keys[0], &repo.timestamp.keys[0], &repo.snapshot.keys[0], &repo.targets.role.keys[0]];
    for (index, key) in keys.into_iter().enumerate() {
        let mut forged = repo.clone();
        let roles = [&mut forged.root, &mut forged.timestamp, &mut forged.snapshot, &mut forged.targets.role];
        for (role, other) in roles.into_iter().enumerate().filter(|(role, _)| *role != index) {
            other.signed_by = Some(vec![key.clone()]);
            let _ = role;
        }
        assert!(matches!(refusal(&forged), UpdateError::Signatures { valid: 0, .. }));
    }
}

#[test]
fn the_keys_of_timestamp_and_snapshot_change_no_digest() {
    let mut repo = Repo::new();
    let server = vec![repo.timestamp.keys[0].clone(), repo.snapshot.keys[0].clone()];
    repo.targets.images.insert("base", "evil");
    repo.targets.role.signed_by = Some(server);
    assert_unsigned(&refusal(&repo), &Role::Targets, 0);
}

#[test]
fn a_method_of_another_kind_of_key_is_no_signature() {
    for method in ["rsapss", "rsapkcs1v15", "eddsa", "pycrypto-pkcs#1 pss", "hmac", ""] {
        let mut repo = Repo::new();
        repo.targets.role.keys[0].method = method;
        assert_unsigned(&refusal(&repo), &Role::Targets, 0);
    }
}

#[test]
fn both_paddings_of_rsa_are_signatures_and_not_each_other() {
    let mut repo = Repo::new();
    repo.targets.role.keys = vec![Key::rsa()];
    first_contact(&repo).unwrap();
    repo.targets.role.keys[0].method = "rsapkcs1v15";
    first_contact(&repo).unwrap();
    let honest = repo.publish().bytes_of("targets");
    let text = String::from_utf8(honest).unwrap();
    let mut site = repo.publish();
    site.replace("targets", text.replace("rsapkcs1v15", "rsapss").into_bytes());
    assert!(crate::client::Client::of(&repo).update(&site).is_err());
}

#[test]
fn keys_of_a_kind_that_is_not_understood_count_as_no_signature_and_break_nothing_else() {
    let unusable = [
        Key::ed25519().listed("ecdsa", None),
        Key::ecdsa().listed("rsa", None),
        Key::ecdsa().listed("gpg", None),
        Key::ecdsa().listed("ecdsa-x509", None),
        Key::ecdsa().listed("ecdsa", Some("not base64")),
        Key::ecdsa().listed("ecdsa", Some("")),
        Key::ed25519().listed("ed25519", Some(&STANDARD.encode([0; 31]))),
    ];
    for key in unusable {
        let mut repo = Repo::new();
        repo.targets.role.keys.push(key.clone());
        first_contact(&repo).unwrap();
        repo.targets.role.keys = vec![key];
        assert_unsigned(&refusal(&repo), &Role::Targets, 0);
    }
}

#[test]
fn a_role_that_names_a_key_which_is_not_listed_is_refused() {
    let mut repo = Repo::new();
    repo.edit("root", |signed| signed["roles"]["targets"]["keyids"][0] = "ab".repeat(32).into());
    assert!(matches!(refusal(&repo), UpdateError::Structure { source: StructureError::UnlistedKey(_), .. }));
    let mut repo = Repo::new();
    repo.edit("root", |signed| signed["roles"]["targets"]["keyids"][0] = "short".into());
    assert!(matches!(refusal(&repo), UpdateError::Structure { source: StructureError::KeyId, .. }));
}

#[test]
fn a_role_without_keys_signs_nothing() {
    let mut repo = Repo::new();
    repo.releases().role.signed_by = Some(vec![repo.delegations["targets/releases"].role.keys[0].clone()]);
    repo.releases().role.keys.clear();
    assert!(tag(&first_contact(&repo).unwrap(), "1.0").is_err());
}

#[test]
fn a_root_without_one_of_the_four_roles_is_refused() {
    for role in ["root", "timestamp", "snapshot", "targets"] {
        let mut repo = Repo::new();
        repo.edit("root", move |signed| drop(signed["roles"].as_object_mut().unwrap().remove(role)));
        assert!(matches!(refusal(&repo), UpdateError::Structure { role: Role::Root, source: StructureError::Missing(_) }), "{role}");
    }
}
