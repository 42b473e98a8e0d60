//! A real control plane, real registries, real signers and the real operator, all on loopback.
//!
//! For the e2e tests and `cargo xtask demo`; nothing of it is shipped. Everything is synchronous: whoever uses it starts
//! processes and waits for conditions. What was started here ends with the value that holds it, and also when the
//! process that started it is killed.

mod apart;
mod authority;
pub mod browser;
mod control_plane;
mod cosign;
mod directory;
mod environment;
mod images;
mod install;
mod kubectl;
mod monitoring;
mod namespace;
mod notary;
mod operator;
mod pki;
mod ports;
mod post_mortem;
mod process;
mod receiver;
mod registry;
mod relay;
pub mod tools;
pub mod wait;

pub use apart::{Alone, Apart};
pub use authority::{Authority, Certified};
pub use browser::Browser;
pub use control_plane::{ControlPlane, Options, write_service_account_kubeconfig};
pub use cosign::{Algorithm, Cosign, Format, Key};
pub use directory::{Directory, repository, target};
pub use environment::Environment;
pub use images::{Image, Images};
pub use install::{OPERATOR_NAMESPACE, SERVICE_ACCOUNT, install};
pub use kubectl::{Denied, Kubectl};
pub use monitoring::{Alertmanager, Prometheus, Sample, queries};
pub use namespace::Namespace;
pub use notary::{Backup, Endpoint, NotaryClient, NotaryFront, NotaryServer, Signer, TokenServer, TrustRole};
pub use operator::{Operator, OperatorOptions};
pub use ports::free_port;
pub use process::{Detached, Process};
pub use receiver::{Mood, Receiver};
pub use registry::{Registry, Request};
pub use relay::Relay;
