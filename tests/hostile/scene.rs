//! Three servers and one client: the hostile registry with a signed image, a foreign host that it may lead to, and a
//! good registry that has nothing to do with it.

use std::cell::RefCell;
use std::time::Duration;

use bonafide::evaluate::{ImageDecision, Verdict};
use oci::Digest;
use registry_double::{Auth, BearerAuth, Misbehaviour, RegistryDouble};
use serde_json::{Value, json};

use crate::row::Speaks;
use crate::testing::{self, Images, Signer, World, client};

/// Text of the server that nobody may ever read in a message of ours.
pub(crate) const MARK: &str = "hostile-text";
/// The login for the hostile registry, in the form in which no other host may see it.
const USER: &str = "reader";
const PASSWORD: &str = "secret-of-the-shop";
/// What a question has that nobody disturbs.
const AMPLE: Duration = Duration::from_secs(8);

/// What an evaluation asks the hostile registry for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Tag,
    Signatures,
    Payload,
    Referrers,
    ReferrersTag,
    Token,
}

pub(crate) struct Scene {
    pub(crate) hostile: Images,
    pub(crate) foreign: RegistryDouble,
    pub(crate) good: Images,
    pub(crate) build: Signer,
    /// The image `app:v1` of the hostile registry.
    pub(crate) image: Digest,
    client: oci::Client,
    speaks: Speaks,
    scripted: RefCell<Vec<String>>,
}

impl Scene {
    pub(crate) async fn set_up(speaks: Speaks) -> Self {
        let hostile = match speaks {
            Speaks::Plain => Images::start().await,
            Speaks::Tls => Images::start_tls().await,
        };
        let (foreign, good, build) = (RegistryDouble::start_tls().await, Images::start().await, Signer::new());
        let image = hostile.push_signed("app", "v1", &[&build]);
        good.push_signed("app", "v1", &[&build]);
        let scene = Self { hostile, foreign, good, build, image, client: client(), speaks, scripted: RefCell::default() };
        if speaks == Speaks::Tls {
            scene.require(BearerAuth::default());
        }
        scene
    }

    /// Wants a login like this; name and password are always the same.
    pub(crate) fn require(&self, bearer: BearerAuth) {
        self.hostile.0.require(Auth::Bearer(BearerAuth { login: Some((USER.to_owned(), PASSWORD.to_owned())), ..bearer }));
    }

    pub(crate) fn path(&self, asked: Asked) -> String {
        let hex = self.image.hex();
        match asked {
            Asked::Tag => "/v2/app/manifests/v1".to_owned(),
            Asked::Signatures => format!("/v2/app/manifests/sha256-{hex}.sig"),
            Asked::Payload => format!("/v2/app/blobs/{}", self.payload()),
            Asked::Referrers => format!("/v2/app/referrers/{}", self.image),
            Asked::ReferrersTag => format!("/v2/app/manifests/sha256-{hex}"),
            Asked::Token => "/token".to_owned(),
        }
    }

    /// The digest of what the build has signed.
    fn payload(&self) -> Digest {
        Digest::of(Images::payload("app", &self.image).as_bytes())
    }

    /// Misbehaves whenever it is asked for this; the row is void unless it is.
    pub(crate) fn at(&self, asked: Asked, misbehaviour: Misbehaviour) {
        let path = self.path(asked);
        self.hostile.0.script(&path, misbehaviour);
        self.scripted.borrow_mut().push(path);
    }

    /// Answers with these signatures in place of the good one.
    pub(crate) fn forget_signature(&self) {
        self.hostile.0.remove_tag("app", &format!("sha256-{}.sig", self.image.hex()));
    }

    /// The scripted paths that nobody asked for.
    pub(crate) fn unmet(&self) -> Vec<String> {
        let seen = self.hostile.0.requests();
        self.scripted.borrow().iter().filter(|path| !seen.iter().any(|seen| seen.path == **path)).cloned().collect()
    }

    /// Evaluates `app:v1` of the hostile registry.
    pub(crate) async fn ask_hostile(&self, patience: Duration) -> ImageDecision {
        self.ask(&self.hostile.reference("app:v1"), patience).await
    }

    /// Whether the good registry's image is trusted, which has nothing to do with the hostile one.
    pub(crate) async fn good_is_trusted(&self) -> Verdict {
        self.ask(&self.good.reference("app:v1"), AMPLE).await.results[0].verdict.clone()
    }

    /// Makes the hostile registry honest, with its signed image, and asks again over the same connections.
    pub(crate) async fn hostile_is_trusted_once_it_behaves(&self) -> Verdict {
        self.hostile.0.behave();
        if self.speaks == Speaks::Tls {
            self.require(BearerAuth::default());
        }
        self.hostile.push_signed("app", "v1", &[&self.build]);
        self.ask_hostile(AMPLE).await.results[0].verdict.clone()
    }

    /// With an evaluator that remembers nothing, and the client that remembers everything.
    async fn ask(&self, image: &str, patience: Duration) -> ImageDecision {
        testing::ask(&testing::evaluator(self.client.clone()), &self.world(), image, patience).await
    }

    fn world(&self) -> World {
        let config = json!({"auths": {self.hostile.host(): {"username": USER, "password": PASSWORD}}}).to_string();
        let ca = |key: &str| json!({"configMapKeyRef": {"name": "authorities", "key": key}});
        let hostile: Value = match self.speaks {
            Speaks::Plain => json!({"host": self.hostile.host(), "plainHTTP": true}),
            Speaks::Tls => json!({"host": self.hostile.host(), "caBundle": ca("ca.crt"), "credentialsRef": {"name": "login"}}),
        };
        let hosts = json!([
            hostile,
            {"host": self.foreign.address(), "caBundle": ca("ca.crt")},
            {"host": self.good.host(), "plainHTTP": true},
        ]);
        let authorities = [self.hostile.0.ca_pem(), self.foreign.ca_pem()].into_iter().flatten().collect::<String>();
        World::new()
            .trust_root("build", &[&self.build])
            .validator("release", &json!({"cosign": {}, "trustRoots": ["build"], "registry": {"hosts": hosts}}))
            .config_map("authorities", "ca.crt", &authorities)
            .secret("login", ".dockerconfigjson", &config)
            .policy("p", &json!([{"name": "apps", "images": ["**"], "verify": [{"validator": "release"}]}]))
    }

    /// Bytes of answers that are still held although nobody waits for them.
    pub(crate) fn held(&self) -> usize {
        oci::DEFAULT_BYTES - self.client.free_bytes()
    }

    /// Everything that a host other than the hostile registry was told and should not have been.
    pub(crate) fn leaks(&self) -> Vec<String> {
        let foreign = self.foreign.requests().into_iter().map(|seen| ("the foreign host", seen));
        let good = self.good.0.requests().into_iter().map(|seen| ("the good registry", seen));
        let told = foreign.chain(good).filter(|(_, seen)| seen.authorization.is_some() || seen.body.contains(PASSWORD));
        told.map(|(host, seen)| format!("{host} was told {:?} {:?}", seen.authorization, seen.body)).collect()
    }
}
