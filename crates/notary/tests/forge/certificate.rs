//! Certificates around root keys.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd,
};

use super::key::Key;

/// What a certificate says; the default is what the tools of Notary make for [`super::repo::GUN`].
#[derive(Clone)]
pub(crate) struct Spec {
    pub(crate) common_name: String,
    pub(crate) from: i32,
    pub(crate) until: i32,
    pub(crate) purposes: Vec<ExtendedKeyUsagePurpose>,
    pub(crate) authority: bool,
}

impl Default for Spec {
    fn default() -> Spec {
        Spec {
            common_name: super::repo::GUN.to_owned(),
            from: 2020,
            until: 2040,
            purposes: vec![ExtendedKeyUsagePurpose::CodeSigning],
            authority: false,
        }
    }
}

impl Spec {
    pub(crate) fn named(common_name: &str) -> Spec {
        Spec { common_name: common_name.to_owned(), ..Spec::default() }
    }

    fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, self.common_name.as_str());
        params.not_before = date_time_ymd(self.from, 1, 1);
        params.not_after = date_time_ymd(self.until, 1, 1);
        params.extended_key_usages.clone_from(&self.purposes);
        params.is_ca = if self.authority { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
        params
    }

    /// The key in a certificate that it signed itself.
    pub(crate) fn self_signed(&self, key: &Key) -> Key {
        key.certified(&self.params().self_signed(&pair(key)).unwrap().pem())
    }
}

/// A root key as `notary init` makes it.
pub(crate) fn root_key() -> Key {
    Spec::default().self_signed(&Key::ecdsa())
}

/// An authority that issues certificates for root keys.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Authority {
        let spec = Spec { authority: true, purposes: vec![], ..Spec::named(name) };
        let key = Key::ecdsa();
        let pem = spec.params().self_signed(&pair(&key)).unwrap().pem();
        Authority { issuer: Issuer::new(spec.params(), pair(&key)), pem }
    }

    /// An authority below this one.
    pub(crate) fn intermediate(&self, name: &str) -> Authority {
        let spec = Spec { authority: true, purposes: vec![], ..Spec::named(name) };
        let key = Key::ecdsa();
        let pem = spec.params().signed_by(&pair(&key), &self.issuer).unwrap().pem();
        Authority { issuer: Issuer::new(spec.params(), pair(&key)), pem }
    }

    /// The key in a certificate of this authority, followed by `chain`.
    pub(crate) fn issue(&self, spec: &Spec, key: &Key, chain: &str) -> Key {
        let leaf = spec.params().signed_by(&pair(key), &self.issuer).unwrap().pem();
        key.certified(&format!("{leaf}{chain}"))
    }
}

fn pair(key: &Key) -> KeyPair {
    KeyPair::try_from(key.pkcs8()).unwrap()
}
