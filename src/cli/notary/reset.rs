//! `bonafide notary reset`.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};
use chrono::{SecondsFormat, Utc};
use clap::Args;
use kube::Client;
use notary::ServerUrl;

use super::server;
use crate::controllers::notary_state::{Forgetting, Kept, What};

/// Exit code of "there was nothing to forget", and of "no".
const NOTHING: u8 = 1;

#[derive(Args, Clone, Debug, Default)]
#[command(after_help = "Exit code: 0 it was forgotten, 1 there is nothing to forget or the answer was no, 2 it did not work.
Afterwards the next contact is first contact: older trust data than was seen before is not noticed. Needs the permission to list
and update ConfigMaps of the operator namespace; the ConfigMap says who did it (annotation bonafide.dev/notary-last-reset).")]
pub(in crate::cli) struct ResetArguments {
    /// The repository without a tag, such as docker.io/library/nginx.
    #[arg(required_unless_present = "unreadable")]
    pub(super) gun: Option<String>,
    /// Forget what cannot be read, or was taken out of its ConfigMap by hand, in place of a repository: until then these are faults.
    #[arg(long, conflicts_with_all = ["gun", "server"])]
    pub(super) unreadable: bool,
    /// For whose policies it was seen: a tenant's namespace; the operator namespace when absent.
    #[arg(long, short, value_name = "NAMESPACE")]
    pub(super) namespace: Option<String>,
    /// Only what was seen on this server.
    #[arg(long, value_name = "URL")]
    pub(super) server: Option<String>,
    /// Where the states are kept.
    #[arg(long, env = "BONAFIDE_OPERATOR_NAMESPACE", default_value = "bonafide-system", value_name = "NAMESPACE")]
    pub(super) operator_namespace: String,
    /// Do not ask.
    #[arg(long, short)]
    pub(super) yes: bool,
}

pub(super) fn run(arguments: &ResetArguments) -> anyhow::Result<ExitCode> {
    crate::cli::block_on(async {
        let client = Client::try_default().await.context("no Kubernetes configuration (KUBECONFIG or service account)")?;
        let done = reset(arguments, client, |chosen| confirm(chosen, arguments.yes)).await?;
        Ok(if done { ExitCode::SUCCESS } else { ExitCode::from(NOTHING) })
    })
}

/// Whether something was forgotten. `confirm` is asked once, with everything that would be.
pub(super) async fn reset(
    arguments: &ResetArguments,
    client: Client,
    confirm: impl FnOnce(&[Kept]) -> anyhow::Result<bool>,
) -> anyhow::Result<bool> {
    let owner = arguments.namespace.as_deref().unwrap_or(&arguments.operator_namespace);
    let forgetting = Forgetting::new(client, &arguments.operator_namespace);
    let is_meant = chooser(arguments)?;
    let kept = forgetting.find(owner).await.context("the states cannot be read")?;
    let chosen: Vec<Kept> = kept.into_iter().filter(|kept| is_meant(&kept.what)).collect();
    if chosen.is_empty() {
        eprintln!("bonafide: nothing of this is remembered for namespace {owner}");
        return Ok(false);
    }
    if !confirm(&chosen)? {
        eprintln!("bonafide: nothing was changed");
        return Ok(false);
    }
    let at = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
    forgetting.forget(&chosen, &at).await.context("not everything was forgotten")?;
    for kept in &chosen {
        println!("forgotten: {}", line(kept));
    }
    Ok(true)
}

fn chooser(arguments: &ResetArguments) -> anyhow::Result<impl Fn(&What) -> bool + use<>> {
    let meant = arguments.gun.as_deref().map(server::gun).transpose()?;
    let only: Option<ServerUrl> = arguments.server.as_deref().map(str::parse).transpose().context("--server")?;
    let only = only.map(|server| server.to_string());
    Ok(move |what: &What| match (what, &meant) {
        (What::State { gun, server, .. }, Some(meant)) => gun == meant.as_str() && only.as_ref().is_none_or(|only| only == server),
        (What::Unreadable(_) | What::Missing(_), None) => true,
        _ => false,
    })
}

fn confirm(chosen: &[Kept], yes: bool) -> anyhow::Result<bool> {
    if yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        bail!("nobody can be asked: give --yes");
    }
    for kept in chosen {
        eprintln!("{}", line(kept));
    }
    eprint!("Forget this? Older trust data will not be noticed afterwards. [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn line(kept: &Kept) -> String {
    let what = match &kept.what {
        What::State { gun, server, anchors, versions } => {
            let versions: Vec<String> = versions.iter().map(|(role, version)| format!("{role} {version}")).collect();
            let anchors = anchors.get(..12).unwrap_or(anchors);
            format!("{gun} on {server}, anchors {anchors}: {}", versions.join(", "))
        }
        What::Unreadable(why) => format!("an entry that cannot be read: {why}"),
        What::Missing(count) => format!("{count} states that were taken out by hand"),
    };
    format!("{} (ConfigMap {})", crate::text::shown(&what, 1024), kept.config_map)
}
