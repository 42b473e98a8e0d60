//! What real signers made: the fixtures of crates/cosign.

use std::sync::LazyLock;

use cosign::PublicKey;
use oci::Digest;

/// The image that all of them signed.
pub(crate) fn image() -> Digest {
    include_str!("../../crates/cosign/tests/fixtures/image").parse().expect("the fixture is a digest")
}

/// Keys of each kind.
pub(crate) static KEYS: LazyLock<Vec<PublicKey>> = LazyLock::new(|| {
    let pems = [
        include_str!("../../crates/cosign/tests/fixtures/ed25519/key.pub"),
        include_str!("../../crates/cosign/tests/fixtures/p256/key.pub"),
        include_str!("../../crates/cosign/tests/fixtures/p384/key.pub"),
        include_str!("../../crates/cosign/tests/fixtures/p521/key.pub"),
        include_str!("../../crates/cosign/tests/fixtures/rsa/key.pub"),
    ];
    pems.iter().map(|pem| PublicKey::from_pem(pem).expect("the fixture is a key")).collect()
});

/// What the signature of [`SIGNATURE`] covers.
pub(crate) const PAYLOAD: &[u8] = include_bytes!("../../crates/cosign/tests/fixtures/p256/payload.json");

/// A signature over [`PAYLOAD`].
pub(crate) const SIGNATURE: &str = include_str!("../../crates/cosign/tests/fixtures/p256/payload.sig");

/// Bundles of all keys: what any of them signed is the payload of one of these.
pub(crate) const BUNDLES: [&[u8]; 5] = [
    include_bytes!("../../crates/cosign/tests/fixtures/ed25519/bundle.json"),
    include_bytes!("../../crates/cosign/tests/fixtures/p256/bundle.json"),
    include_bytes!("../../crates/cosign/tests/fixtures/p384/bundle.json"),
    include_bytes!("../../crates/cosign/tests/fixtures/p521/bundle.json"),
    include_bytes!("../../crates/cosign/tests/fixtures/rsa/bundle.json"),
];
