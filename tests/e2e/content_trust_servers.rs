//! Servers that forget, go back, stand still, are away, or want to know who asks.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testbed::{Environment, Image, NotaryClient, NotaryFront, NotaryServer, OPERATOR_NAMESPACE, Operator, OperatorOptions};
use testbed::{SERVICE_ACCOUNT, TokenServer};

use crate::Story;
use crate::content_trust_stage::Publisher;
use crate::support::{Stage, admitted, refused, stage};
use crate::tls::Connection;

pub const STORIES: &[Story] = &[
    Story { name: "server_that_went_back_to_a_backup_is_noticed", run: server_that_went_back_to_a_backup_is_noticed },
    Story { name: "server_that_was_replaced_is_believed_after_a_reset_only", run: server_that_was_replaced_is_believed_after_a_reset_only },
    Story {
        name: "verdict_stands_while_the_server_is_away_where_a_policy_says_so",
        run: verdict_stands_while_the_server_is_away_where_a_policy_says_so,
    },
    Story { name: "timestamp_that_is_never_renewed_expires", run: timestamp_that_is_never_renewed_expires },
    Story { name: "server_gets_the_credentials_and_only_good_ones_admit", run: server_gets_the_credentials_and_only_good_ones_admit },
    Story { name: "credentials_go_to_a_listed_token_server_elsewhere", run: credentials_go_to_a_listed_token_server_elsewhere },
    Story { name: "replica_knows_what_another_one_has_seen", run: replica_knows_what_another_one_has_seen },
];

pub const ALONE: &[Story] =
    &[Story { name: "restarted_operator_notices_that_the_server_went_back", run: restarted_operator_notices_that_the_server_went_back }];

/// A repository whose server can go back to where it had only the first of two signed images.
struct Rollback<'a> {
    publisher: Publisher<'a>,
    repository: String,
    first: Image,
    second: Image,
    backup: testbed::Backup,
}

impl<'a> Rollback<'a> {
    fn prepare(stage: &'a Stage<'a>) -> Result<Self> {
        let publisher = Publisher::new(stage)?;
        let repository = publisher.begin("web")?;
        publisher.trust(&repository)?;
        publisher.enforce(&json!({}))?;
        let first = publisher.signed("web:v1", &[])?;
        admitted(stage.pod("first", &first.by_tag())?)?;
        let backup = stage.env.notary_front.back_up(&repository)?;
        let second = publisher.signed("web:v2", &[])?;
        publisher.until_runs(&second.by_tag(), &second)?;
        Ok(Self { publisher, repository, first, second, backup })
    }

    fn go_back(&self) -> Result<()> {
        self.publisher.stage.env.notary_front.restore(&self.repository, &self.backup)
    }
}

fn server_that_went_back_to_a_backup_is_noticed(env: &Environment) -> Result<()> {
    stage(env, "nv1-backup", |stage| {
        let story = Rollback::prepare(stage)?;
        story.go_back()?;
        for image in [&story.first, &story.second] {
            story.publisher.until_refused(&image.by_tag(), "RolledBack")?;
        }
        // The notary client without a memory believes it.
        ensure!(story.publisher.client.list(&story.repository, &[])?.contains("v1 "));
        env.notary_front.go_on(&story.repository)?;
        story.publisher.until_runs(&story.second.by_tag(), &story.second)
    })
}

fn restarted_operator_notices_that_the_server_went_back(env: &Environment) -> Result<()> {
    stage(env, "nv1-restarted", |stage| {
        let story = Rollback::prepare(stage)?;
        env.operator.kill();
        let gone = story.go_back();
        env.operator.start_again()?;
        gone?;
        refused(stage.pod("back", &story.first.by_tag())?, &["(Forbidden)", "RolledBack"])?;
        env.notary_front.go_on(&story.repository)?;
        story.publisher.until_runs(&story.first.by_tag(), &story.first)
    })
}

fn server_that_was_replaced_is_believed_after_a_reset_only(env: &Environment) -> Result<()> {
    stage(env, "nv1-replaced", |stage| {
        let server = NotaryServer::start()?;
        let publisher = Publisher::at(stage, server.endpoint())?;
        let image = publisher.established()?;
        admitted(stage.pod("before", &image.by_tag())?)?;
        server.stop();
        publisher.until_refused(&image.by_tag(), "TrustServerUnavailable")?;
        server.start_again()?;
        publisher.until_refused(&image.by_tag(), "NoTrustData")?;
        // The same publisher begins again, with the same root key and versions from one on.
        let client = publisher.client.with_fresh_memory()?;
        client.init(&image.repository)?;
        client.sign(&image, &[])?;
        publisher.until_refused(&image.by_tag(), "RolledBack: root: version 2 is not the file that was seen as this version before")?;
        let mut reset = Command::new(Path::new(env!("CARGO_BIN_EXE_bonafide")));
        reset.args(["notary", "reset", "--yes", "--namespace", OPERATOR_NAMESPACE, &image.repository]);
        let reset = reset.env("KUBECONFIG", env.control_plane.kubectl().kubeconfig()).output()?;
        ensure!(reset.status.success(), "{reset:?}");
        publisher.until_runs(&image.by_tag(), &image)
    })
}

fn verdict_stands_while_the_server_is_away_where_a_policy_says_so(env: &Environment) -> Result<()> {
    stage(env, "nv1-away", |stage| {
        let server = NotaryServer::start()?;
        let publisher = Publisher::at(stage, server.endpoint())?;
        let image = publisher.established()?;
        admitted(stage.pod("before", &image.by_tag())?)?;
        server.stop();
        publisher.until_refused(&image.by_tag(), "TrustServerUnavailable")?;
        stage.policy("policy", &json!({"onFault": "UseLastVerdict"}), &stage.verify_all())?;
        publisher.until_runs(&image.pinned(), &image)?;
        let never_asked = publisher.image("other:v1", "of a repository that nobody has asked about")?;
        refused(stage.pod("other", &never_asked.by_tag())?, &["TrustServerUnavailable"]).map(|_| ())
    })
}

fn timestamp_that_is_never_renewed_expires(env: &Environment) -> Result<()> {
    stage(env, "nv1-expires", |stage| {
        let server = NotaryServer::start_brief(Duration::from_secs(8))?;
        let front = NotaryFront::before(&server)?;
        let publisher = Publisher::at(stage, front.endpoint())?;
        let image = publisher.established()?;
        publisher.until_runs(&image.by_tag(), &image)?;
        // A cache that never asks again.
        front.restore(&image.repository, &front.back_up(&image.repository)?)?;
        publisher.until_refused(&image.by_tag(), "Expired: timestamp: expired at")?;
        front.go_on(&image.repository)?;
        publisher.until_runs(&image.by_tag(), &image)
    })
}

fn server_gets_the_credentials_and_only_good_ones_admit(env: &Environment) -> Result<()> {
    stage(env, "nv1-login", |stage| {
        let tokens = TokenServer::start()?;
        let _server = NotaryServer::start_for_users_of(&tokens)?;
        tokens.admit("bonafide", "right")?;
        tokens.admit("former", "right")?;
        tokens.expel("former")?;
        tokens.admit_too_late("late", "right")?;
        let mut publisher = Publisher::at(stage, tokens.endpoint())?;
        publisher.client = NotaryClient::new(tokens.endpoint())?.as_user("bonafide", "right");
        let repository = publisher.begin("web")?;
        let image = publisher.signed("web:v1", &[])?;
        publisher.pin_as(&repository, "bonafide", "right")?;
        publisher.validate(&json!({"credentialsRef": {"name": stage.object("login")}}))?;
        login(stage, "bonafide", "wrong")?;
        publisher.enforce(&json!({}))?;
        for (user, password) in [("bonafide", "wrong"), ("former", "right"), ("late", "right")] {
            login(stage, user, password)?;
            publisher.until_refused(&image.by_tag(), "TrustServerUnavailable").with_context(|| user)?;
            login(stage, "bonafide", "right")?;
            publisher.until_runs(&image.by_tag(), &image)?;
        }
        Ok(())
    })
}

/// The Secret `login` of the story, with a user name and a password.
fn login(stage: &Stage<'_>, user: &str, password: &str) -> Result<()> {
    let data = json!({"username": STANDARD.encode(user), "password": STANDARD.encode(password)});
    let metadata = stage.metadata("login");
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/basic-auth", "data": data});
    stage.operator().apply(&secret.to_string())
}

fn credentials_go_to_a_listed_token_server_elsewhere(env: &Environment) -> Result<()> {
    stage(env, "nv1-realm", |stage| {
        let tokens = TokenServer::start()?;
        let server = NotaryServer::start_for_users_of(&tokens)?;
        tokens.admit("bonafide", "right")?;
        let mut publisher = Publisher::at(stage, tokens.endpoint())?;
        publisher.client = NotaryClient::new(tokens.endpoint())?.as_user("bonafide", "right");
        let repository = publisher.begin("web")?;
        let image = publisher.signed("web:v1", &[])?;
        publisher.pin_as(&repository, "bonafide", "right")?;
        login(stage, "bonafide", "right")?;
        // The server itself: the tokens are on another port, which is another origin.
        publisher.endpoint = server.endpoint();
        let login = json!({"name": stage.object("login")});
        publisher.validate(&json!({"credentialsRef": login}))?;
        publisher.enforce(&json!({}))?;
        publisher.until_refused(&image.by_tag(), "TrustServerUnavailable")?;
        publisher.validate(&json!({"credentialsRef": login, "tokenRealms": [tokens.realm()]}))?;
        publisher.until_runs(&image.by_tag(), &image)
    })
}

fn replica_knows_what_another_one_has_seen(env: &Environment) -> Result<()> {
    stage(env, "nv1-replicas", |stage| {
        let story = Rollback::prepare(stage)?;
        let account = env.control_plane.service_account_kubeconfig(OPERATOR_NAMESPACE, SERVICE_ACCOUNT)?;
        let program = Path::new(env!("CARGO_BIN_EXE_bonafide"));
        let second = Operator::start(OperatorOptions::new(program, account, env.control_plane.directory()))?;
        ask(env, &second, stage, &story.second.by_tag())?.map_err(|message| anyhow::anyhow!(message))?;
        story.go_back()?;
        // A third one, which has never talked to the server.
        second.stop()?;
        second.start_again()?;
        let message = ask(env, &second, stage, &story.first.by_tag())?.err().context("the replica admits what is older")?;
        ensure!(message.contains("RolledBack"), "{message}");
        env.notary_front.go_on(&story.repository)?;
        second.stop()
    })
}

/// Asks one replica whether a pod may run, as the API server asks.
fn ask(env: &Environment, replica: &Operator, stage: &Stage<'_>, image: &str) -> Result<std::result::Result<(), String>> {
    let configuration = env.control_plane.kubectl().get(&["mutatingwebhookconfiguration", "bonafide"])?.context("the configuration")?;
    let client = configuration.pointer("/webhooks/0/clientConfig").context("an entry")?;
    let authority = String::from_utf8(STANDARD.decode(client["caBundle"].as_str().context("an authority")?)?)?;
    let path = client["url"].as_str().and_then(|url| url.strip_prefix(&env.operator.webhook_url())).context("a path")?;
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u1", "operation": "CREATE", "namespace": stage.namespace.name(), "name": "web",
        "kind": {"group": "", "version": "v1", "kind": "Pod"}, "resource": {"group": "", "version": "v1", "resource": "pods"},
        "object": crate::actions::pod("web", image)
    }});
    let (status, answer) = Connection::open(&replica.webhook_url(), &authority)?.request("POST", path, &review.to_string())?;
    ensure!(status == 200, "{status}: {answer}");
    let answer: Value = serde_json::from_str(&answer)?;
    let allowed = answer.pointer("/response/allowed") == Some(&json!(true));
    let message = answer.pointer("/response/status/message").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(if allowed { Ok(()) } else { Err(message) })
}
