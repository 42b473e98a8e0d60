//! The webhook's listener, in an operator that has one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rustls::sign::CertifiedKey;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admission::{Bodies, Gate, Routes, routes, server};
use crate::controllers::certificates::ServingMaterial;
use crate::controllers::webhook_configuration::Target;

/// Where the webhook is, checked.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How the API server reaches it.
    pub target: Target,
}

/// What the webhook answers with.
pub(super) struct Webhook {
    pub(super) gate: Arc<Gate>,
    pub(super) material: watch::Receiver<Option<Arc<ServingMaterial>>>,
}

impl Webhook {
    /// Serves until `stop`, and then what is in flight for `drain`; the certificate is followed until `cancel`.
    pub(super) fn serve(
        &self,
        listener: TcpListener,
        operator_namespace: &str,
        drain: Duration,
        tasks: &TaskTracker,
        stop: CancellationToken,
        cancel: CancellationToken,
    ) -> anyhow::Result<()> {
        let (certificate, certificate_read) = watch::channel(None);
        let (segment, segment_read) = watch::channel(None);
        tasks.spawn(split(self.material.clone(), certificate, segment, cancel));
        let tls = server::tls_config(certificate_read).context("the TLS settings are unusable")?;
        let operator_namespace = operator_namespace.into();
        let service = routes(Routes { gate: self.gate.clone(), segment: segment_read, operator_namespace, bodies: Bodies::default() });
        tasks.spawn(server::serve(listener, tls, warp::service(service), stop, drain));
        Ok(())
    }
}

/// Gives the TLS listener its certificate and the routes their secret segment.
async fn split(
    mut material: watch::Receiver<Option<Arc<ServingMaterial>>>,
    certificate: watch::Sender<Option<Arc<CertifiedKey>>>,
    segment: watch::Sender<Option<Arc<str>>>,
    cancel: CancellationToken,
) {
    loop {
        if let Some(material) = material.borrow_and_update().clone() {
            segment.send_replace(Some(material.path_segment.as_str().into()));
            certificate.send_replace(Some(material.certified.clone()));
        }
        if !matches!(cancel.run_until_cancelled(material.changed()).await, Some(Ok(()))) {
            return;
        }
    }
}
