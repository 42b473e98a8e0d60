//! Why a text is not a key that may vouch for images.

use spki::{ObjectIdentifier, der};

/// Why a PEM text is no usable public key; each common mix-up has its own answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// More than 16 KiB of text.
    #[error("the key text is longer than 16 KiB")]
    TooLarge,
    /// No `-----BEGIN` line at all.
    #[error("there is no PEM block; expected one \"-----BEGIN PUBLIC KEY-----\"")]
    NoBlock,
    /// A key is one entry; several would blur which key signed.
    #[error("there are several PEM blocks; list each public key as an entry of its own")]
    SeveralBlocks,
    /// PKCS#1 instead of SPKI.
    #[error("this is an \"RSA PUBLIC KEY\" (PKCS#1); convert it with: openssl rsa -RSAPublicKey_in -in FILE -pubout")]
    Pkcs1,
    /// A certificate: trusting it would also mean its lifetime and its issuer.
    #[error("this is a certificate, not a public key; extract it with: openssl x509 -in FILE -pubkey -noout")]
    Certificate,
    /// A private key was pasted.
    #[error("this is a private key and must now be considered leaked; only the public key belongs here")]
    PrivateKey,
    /// Any other PEM label.
    #[error("the PEM block is not a \"PUBLIC KEY\"")]
    OtherBlock,
    /// RFC 7468 is violated.
    #[error("the PEM text is broken")]
    Pem(#[source] der::Error),
    /// The DER inside is no `SubjectPublicKeyInfo`.
    #[error("the PEM block does not hold a public key")]
    Spki(#[source] der::Error),
    /// A key of a kind that is not accepted.
    #[error("the key is of an unsupported kind")]
    Unsupported(#[from] UnsupportedKey),
    /// The values are no key of the kind they claim to be, such as a point outside its curve.
    #[error("the values in the key are invalid for its algorithm")]
    Rejected,
}

/// What about a key is unsupported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsupportedKey {
    /// Neither RSA (PKCS#1 v1.5), ECDSA nor Ed25519.
    #[error("algorithm {0}; supported are ECDSA, RSA and Ed25519")]
    Algorithm(ObjectIdentifier),
    /// Another curve than NIST's.
    #[error("curve {0}; supported are P-256, P-384 and P-521")]
    Curve(ObjectIdentifier),
    /// The curve is given by parameters instead of by name.
    #[error("a curve without a name; supported are P-256, P-384 and P-521")]
    UnnamedCurve,
    /// Too weak, or so large that each check is expensive.
    #[error("RSA with {bits} bits; supported are 2048 to 4096")]
    RsaSize {
        /// Length of the modulus.
        bits: u32,
    },
    /// Even, smaller than 65537, or longer than 33 bits.
    #[error("an RSA public exponent that is even, below 65537 or above 33 bits")]
    RsaExponent,
}
