//! `bonafide operator`.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, bail};
use clap::Args;
use kube::Client;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::controllers::Reach;
use crate::controllers::notary_state::DEFAULT_QUOTA;
use crate::controllers::webhook_configuration::Target;
use crate::runtime::{self, LogFilter, LogFormat, OperatorConfig, WebhookConfig};

/// The Service in front of the webhook, as manifests/deploy makes it.
const SERVICE: &str = "bonafide-webhook";
/// Exempt whatever else is: the control plane must be able to repair itself.
const ALWAYS_EXEMPT: [&str; 2] = ["kube-system", "kube-node-lease"];

#[derive(Debug, Args)]
pub(super) struct OperatorArguments {
    /// The namespace whose policies hold for the whole cluster, with the operator's Secrets and Lease.
    #[arg(long, env = "BONAFIDE_OPERATOR_NAMESPACE", default_value = "bonafide-system", value_name = "NAMESPACE")]
    operator_namespace: String,
    /// Look at this namespace alone, with a Role in place of a ClusterRole: what runs there is verified and reported by the policies there, and nothing is refused, because there is no webhook. Lease and settings are in that namespace, too.
    #[arg(long, env = "BONAFIDE_WATCH_NAMESPACE", value_name = "NAMESPACE", conflicts_with_all = ["webhook_url", "exempt_namespaces"])]
    watch_namespace: Option<String>,
    /// A further namespace that no policy holds for; can be given several times. The operator namespace, kube-system and kube-node-lease always are.
    #[arg(long = "exempt-namespace", env = "BONAFIDE_EXEMPT_NAMESPACES", value_delimiter = ',', value_name = "NAMESPACE")]
    exempt_namespaces: Vec<String>,
    /// Where the webhook listens (TLS).
    #[arg(long, env = "BONAFIDE_LISTEN", default_value = "0.0.0.0:9443", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Where /livez, /readyz and /metrics are served (plain HTTP).
    #[arg(long, env = "BONAFIDE_ADMIN_LISTEN", default_value = "0.0.0.0:8081", value_name = "ADDRESS:PORT")]
    admin_listen: SocketAddr,
    /// The https URL by which the API server reaches an operator outside of the cluster; without it, the Service bonafide-webhook of the operator namespace is used.
    #[arg(long, env = "BONAFIDE_WEBHOOK_URL", value_name = "URL")]
    webhook_url: Option<Url>,
    /// Addresses (CIDR) of registries that may be dialled although they are loopback, link-local or otherwise refused; can be given several times.
    #[arg(long = "allow-egress", env = "BONAFIDE_ALLOW_EGRESS", value_delimiter = ',', value_name = "CIDR")]
    allow_egress: Vec<String>,
    /// How many repositories of Notary v1 a namespace other than the operator's may have remembered; beyond them its images are refused.
    #[arg(long, env = "BONAFIDE_NOTARY_QUOTA", default_value_t = DEFAULT_QUOTA, value_name = "COUNT")]
    notary_quota: usize,
    /// The ConfigMap of the operator namespace whose key settings.yaml holds what can be changed while the operator runs; without it the defaults hold.
    #[arg(long, env = "BONAFIDE_SETTINGS", default_value = "bonafide-settings", value_name = "NAME")]
    settings: String,
    /// This replica's name in the Lease; the host name with a random suffix when absent.
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    identity: Option<String>,
    /// How log lines look.
    #[arg(long, env = "BONAFIDE_LOG_FORMAT", value_enum, default_value = "json")]
    log_format: LogFormat,
    /// A log level (error, warn, info, debug, trace), or a list such as bonafide=debug,kube=warn.
    #[arg(long, env = "BONAFIDE_LOG_LEVEL", default_value = "info", value_name = "FILTER")]
    log_level: String,
}

/// Runs until SIGTERM or SIGINT; a second signal ends at once.
pub(super) fn run(arguments: OperatorArguments) -> anyhow::Result<()> {
    let log = runtime::init_telemetry(arguments.log_format, &arguments.log_level).context("--log-level")?;
    super::block_on(async {
        let client = Client::try_default().await.context("no Kubernetes configuration (KUBECONFIG or service account)")?;
        let config = configure(arguments, log).await?;
        runtime::run(config, client, on_signal()?).await
    })
}

async fn configure(arguments: OperatorArguments, log: LogFilter) -> anyhow::Result<OperatorConfig> {
    let namespace = arguments.operator_namespace;
    let always = ALWAYS_EXEMPT.map(str::to_owned).into_iter().chain([namespace.clone()]);
    let exempt_namespaces: BTreeSet<_> = always.chain(arguments.exempt_namespaces).collect();
    let reach = arguments.watch_namespace.map_or(Reach::Cluster, Reach::Namespace);
    let webhook = match &reach {
        Reach::Cluster => Some(WebhookConfig { listen: arguments.listen, target: target(arguments.webhook_url, &namespace)? }),
        Reach::Namespace(name) if exempt_namespaces.contains(name) => bail!("--watch-namespace: no policy holds for {name}"),
        Reach::Namespace(_) => None,
    };
    let egress = oci::Egress::allowing(&arguments.allow_egress).context("--allow-egress")?;
    Ok(OperatorConfig {
        namespace,
        reach,
        exempt_namespaces,
        webhook,
        admin_listen: arguments.admin_listen,
        notary_quota: arguments.notary_quota,
        settings: arguments.settings,
        log,
        egress: egress.refusing(&api_server_addresses().await),
        identity: arguments.identity.unwrap_or_else(host_name),
    })
}

fn target(url: Option<Url>, namespace: &str) -> anyhow::Result<Target> {
    match url {
        None => Ok(Target::Service { namespace: namespace.to_owned(), name: SERVICE.to_owned() }),
        Some(url) => Target::url(url).context("--webhook-url"),
    }
}

/// The API server is no registry (security rule 10): its addresses, as this process reaches it.
async fn api_server_addresses() -> Vec<IpAddr> {
    let Ok(config) = kube::Config::infer().await else { return vec![] };
    let Some(host) = config.cluster_url.host() else { return vec![] };
    let port = config.cluster_url.port_u16().unwrap_or(443);
    match tokio::net::lookup_host((host.trim_matches(['[', ']']), port)).await {
        Ok(addresses) => addresses.map(|address| address.ip()).collect(),
        Err(error) => {
            tracing::warn!(host, %error, "the API server's addresses are unknown; they are not refused as registries");
            vec![]
        }
    }
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let suffix: u32 = rand::random();
    format!("{}-{suffix:08x}", if name.trim().is_empty() { "bonafide" } else { name.trim() })
}

fn on_signal() -> anyhow::Result<CancellationToken> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    tokio::spawn(async move {
        for signals in 0.. {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if signals > 0 {
                std::process::exit(130);
            }
            token.cancel();
        }
    });
    Ok(shutdown)
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command};

    use super::*;

    #[test]
    fn every_flag_has_an_environment_variable() {
        let command = OperatorArguments::augment_args(Command::new("operator"));
        let without: Vec<_> = command.get_arguments().filter(|flag| flag.get_env().is_none()).map(|flag| flag.get_id().as_str()).collect();
        assert!(without.is_empty() && command.get_arguments().count() > 8, "{without:?}");
    }
}
