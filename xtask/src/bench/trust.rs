//! Tags that are signed on a real Notary server: what one costs, and what many at once do.

use anyhow::Result;
use serde_json::{Value, json};
use testbed::{Images, NotaryClient, NotaryFront, NotaryServer, OPERATOR_NAMESPACE};

use super::figures::{median, millis};
use super::stage::{Guarded, Stage};
use super::table::Table;
use super::traffic::Baseline;

const LABEL: &str = "trust";
/// The role that decides, as docker has it.
const RELEASES: &str = "targets/releases";
const TAGS: usize = 10;
/// Starts of the operator, after each of which it has seen nothing of the repository in this process.
const STARTS: usize = 5;

/// A repository with a root, tags in `targets/releases`, and a front that counts requests.
struct Signed {
    repository: String,
    root_key: String,
    images: Vec<String>,
    front: NotaryFront,
    // Answers as long as this lives.
    _server: NotaryServer,
}

/// One pod after each start; then many pods of all tags.
pub(super) fn trust(guarded: &Guarded, baseline: &Baseline, table: &mut Table) -> Result<()> {
    let stage = &guarded.stage;
    let namespace = stage.namespace(LABEL)?;
    let signed = sign(stage)?;
    stage.apply(&objects(&signed)?, LABEL)?;
    let asked = || Ok::<_, anyhow::Error>(signed.front.requests(&signed.repository)?.len());

    // The first of all is first contact; afterwards the memory in the cluster says where the walk goes on.
    let (mut latencies, mut worst) = (Vec::new(), 0);
    for _ in 0..STARTS {
        guarded.restart()?;
        let before = asked()?;
        latencies.push(millis(stage.load.pod(namespace.name(), &one(&signed.images))?));
        worst = worst.max(asked()? - before);
    }
    let above = median(latencies) - baseline.one.p50;
    let without = format!("{:.2} ms", baseline.one.p50);
    table.at_most("Notary, cold, one image: requests to the trust server", "", 5.0, float(worst), "-");
    table.note("Notary, cold, one client: p50 above the baseline", &format!("{above:.2} ms"), &without);

    guarded.restart()?;
    let before = asked()?;
    stage.load.pods(namespace.name(), &one(&signed.images), 1, 1)?;
    let first = asked()? - before;
    let run = pods_of_all(stage, namespace.name(), &signed.images)?;
    // Two for each refresh that fell into the run.
    let refreshes = run.as_secs() / 30 + 1;
    let further = asked()? - before - first;
    let what = format!(
        "Notary, 1,000 pods of {TAGS} tags of one repository, 100 clients ({:.0} s): requests beyond those of one pod",
        run.as_secs_f64()
    );
    table.at_most(&what, "", 2.0 * float(usize::try_from(refreshes)?), float(further), "-");
    stage.load.clear(namespace.name())
}

fn pods_of_all(stage: &Stage, namespace: &str, images: &[String]) -> Result<std::time::Duration> {
    let start = std::time::Instant::now();
    for image in images {
        stage.load.pods(namespace, std::slice::from_ref(image), 100, 1000 / TAGS)?;
    }
    Ok(start.elapsed())
}

fn one(images: &[String]) -> Vec<String> {
    images.iter().take(1).cloned().collect()
}

fn sign(stage: &Stage) -> Result<Signed> {
    println!("    signing {TAGS} tags on a Notary server");
    let server = NotaryServer::start()?;
    let front = NotaryFront::before(&server)?;
    let publisher = NotaryClient::new(server.endpoint())?;
    let repository = format!("{}/trusted", stage.registry.host());
    publisher.init(&repository)?;
    publisher.delegate(&repository, RELEASES, &publisher.signer("releases", RELEASES)?)?;
    let images = Images::new()?;
    let mut references = Vec::new();
    for number in 0..TAGS {
        let reference = format!("{repository}:v{number}");
        publisher.sign(&images.push(&reference, &reference)?, &[RELEASES])?;
        references.push(reference);
    }
    Ok(Signed { root_key: publisher.root_key_id(&repository)?, repository, images: references, front, _server: server })
}

fn objects(signed: &Signed) -> Result<Vec<Value>> {
    let endpoint = signed.front.endpoint();
    let authority =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": Stage::metadata(LABEL), "data": {"ca.crt": endpoint.authority_pem()?}});
    let key = json!({"name": "root", "keyID": signed.root_key});
    let notary = json!({"server": endpoint.url, "caBundle": {"configMapKeyRef": {"name": LABEL, "key": "ca.crt"}}});
    let validator = json!({"apiVersion": "bonafide.dev/v1alpha1", "kind": "Validator", "metadata": {"name": LABEL, "namespace": OPERATOR_NAMESPACE},
                           "spec": {"trustRoots": [LABEL], "notaryV1": notary}});
    Ok(vec![authority, Stage::trust_root(LABEL, &key), validator, Stage::policy(LABEL, "**", LABEL, "Deny")])
}

fn float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
