//! `/results` and the page that reads it: who sees what, and what a browser makes of it.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::{Browser, Environment, Namespace, OPERATOR_NAMESPACE, Operator, OperatorOptions, SERVICE_ACCOUNT, browser, repository, wait};

use crate::Story;
use crate::actions::condition;
use crate::support::{Stage, admitted, stage};

pub const STORIES: &[Story] = &[
    Story { name: "results_are_for_who_may_list_reports", run: results_are_for_who_may_list_reports },
    Story { name: "results_tell_images_verdicts_and_where_they_run", run: results_tell_images_verdicts_and_where_they_run },
    Story { name: "replica_that_does_not_lead_names_the_leader", run: replica_that_does_not_lead_names_the_leader },
    Story { name: "status_page_shows_filters_and_keeps_hostile_names_text", run: status_page_shows_filters_and_keeps_hostile_names_text },
];

const REPORT: &str = "verificationreports.bonafide.dev";
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Set by `cargo xtask picture`: the file that gets a picture of the page.
const PICTURE: &str = "BONAFIDE_PICTURE";
const HOSTILE: &str = "<img src=x onerror=alert(document.domain)>";

/// Pods that a policy only audits, in the story's namespace: one of an image that is signed, two of one that is not, and
/// one whose name is none.
fn audited(stage: &Stage<'_>) -> Result<()> {
    stage.trust(&["build"])?;
    let rules = json!([
        {"name": "pause", "images": ["registry.k8s.io/pause"], "action": "Allow"},
        {"name": "all", "images": ["**"], "verify": [{"validator": stage.object("release")}]},
    ]);
    stage.policy("policy", &json!({"mode": "Audit"}), &rules)?;
    let (signed, unsigned) = (stage.signed("web", &["build"])?, stage.unsigned("job")?);
    for (pod, image, status) in [
        ("web", signed.by_tag().as_str(), "True"),
        ("job-one", &unsigned.by_tag(), "False"),
        ("job-two", &unsigned.by_tag(), "False"),
        ("infra", "registry.k8s.io/pause:3.10", "True"),
        ("hostile", HOSTILE, "False"),
    ] {
        admitted(stage.namespace.try_pod(pod, &[("main", image)])?)?;
        stage.namespace.wait_until(&[REPORT, pod], |report| condition(report, "Verified", status).is_some())?;
    }
    Ok(())
}

/// An address of this machine that is not loopback. Nothing is sent.
fn elsewhere() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

fn token(namespace: &Namespace, account: &str) -> Result<String> {
    Ok(namespace.kubectl(&["create", "token", account])?.trim().to_owned())
}

fn document(operator: &Operator, host: IpAddr, path: &str, token: Option<&str>) -> Result<Value> {
    let (status, body) = operator.ask(host, path, token)?;
    ensure!(status == 200, "{path}: {status}: {body}");
    Ok(serde_json::from_str(&body)?)
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(|item| item["name"].as_str()).collect()
}

fn results_are_for_who_may_list_reports(env: &Environment) -> Result<()> {
    let Some(address) = elsewhere() else {
        eprintln!("left out: this machine has no address but loopback, from which nobody is asked who he is");
        return Ok(());
    };
    stage(env, "results", |stage| {
        audited(stage)?;
        let namespace = stage.namespace.name();
        let operator = &env.operator;
        let status = |path: &str, token: Option<&str>| operator.ask(address, path, token).map(|(status, _)| status);
        ensure!(status("/results", None)? == 401, "without a token");
        ensure!(status("/results", Some("not.a.token"))? == 401, "with a token of nobody");
        ensure!(status("/livez", None)? == 200 && status("/metrics", None)? == 200 && status("/", None)? == 200, "what tells nothing");
        for account in ["nobody", "tenant", "auditor"] {
            stage.namespace.kubectl(&["create", "serviceaccount", account])?;
        }
        let nobody = token(stage.namespace, "nobody")?;
        for path in ["/results".to_owned(), format!("/results?namespace={namespace}")] {
            ensure!(status(&path, Some(&nobody))? == 403, "{path} without rights");
        }
        // For others than the API server, a token is nobody's.
        let other = stage.namespace.kubectl(&["create", "token", "nobody", "--audience", "vault"])?;
        ensure!(status("/results", Some(other.trim()))? == 401, "a token for others");

        let account = |name: &str| format!("--serviceaccount={namespace}:{name}");
        stage.namespace.kubectl(&["create", "rolebinding", "tenant", "--clusterrole=view", &account("tenant")])?;
        let tenant = token(stage.namespace, "tenant")?;
        wait::until("the tenant's rights", || Ok((status("/results", Some(&tenant))? == 200).then_some(())))?;
        let seen = document(operator, address, "/results", Some(&tenant))?;
        ensure!(names(&seen["namespaces"]) == [namespace], "{:#}", seen["namespaces"]);
        ensure!(seen["matching"] == 4, "{seen:#}");
        let elsewhere = seen["images"].as_array().context("images")?.iter().flat_map(|image| names(&image["namespaces"]));
        ensure!(elsewhere.into_iter().all(|name| name == namespace), "{seen:#}");
        ensure!(status("/results?namespace=default", Some(&tenant))? == 403, "another namespace");

        let binding = stage.object("auditor");
        env.control_plane.kubectl().run(&["create", "clusterrolebinding", &binding, "--clusterrole=view", &account("auditor")])?;
        let auditor = token(stage.namespace, "auditor")?;
        let everything = wait::until("the auditor's rights", || {
            let (status, body) = operator.ask(address, "/results?namespace=default", Some(&auditor))?;
            Ok((status == 200).then_some(body))
        });
        env.control_plane.kubectl().run(&["delete", "clusterrolebinding", &binding])?;
        ensure!(serde_json::from_str::<Value>(&everything?)?["waiting"].is_u64(), "who sees everything is told how many wait");
        Ok(())
    })
}

fn results_tell_images_verdicts_and_where_they_run(env: &Environment) -> Result<()> {
    stage(env, "results-json", |stage| {
        audited(stage)?;
        let namespace = stage.namespace.name();
        let path = format!("/results?namespace={namespace}");
        let all = document(&env.operator, HERE, &path, None)?;
        ensure!(all["counts"]["images"] == json!({"Untrusted": 2, "Exempt": 1, "Trusted": 1}), "{:#}", all["counts"]);
        ensure!(all["counts"]["pods"] == json!({"verified": 2, "unverified": 3}), "{:#}", all["counts"]);
        let trusted = document(&env.operator, HERE, &format!("{path}&status=Trusted"), None)?;
        let image = &trusted["images"][0];
        let signer = format!("bonafide-system/{}/key", stage.object("build"));
        ensure!(image["verdicts"][0]["signers"] == json!([signer]), "{image:#}");
        ensure!(image["verdicts"][0]["validator"] == format!("bonafide-system/{}", stage.object("release")), "{image:#}");
        let run = &image["runs"][0];
        ensure!(run["pod"] == "web" && run["namespace"] == namespace && run["containers"] == json!(["main"]), "{run:#}");
        let jobs = document(&env.operator, HERE, &format!("{path}&search=job-two"), None)?;
        ensure!(jobs["matching"] == 1 && jobs["images"][0]["pods"] == 2, "{jobs:#}");
        // It follows what runs, and needs no report for it.
        stage.namespace.delete(&["pod", "web"])?;
        wait::until("the pod that is gone not to be told", || {
            Ok((document(&env.operator, HERE, &path, None)?["counts"]["images"]["Trusted"].is_null()).then_some(()))
        })
    })
}

fn replica_that_does_not_lead_names_the_leader(env: &Environment) -> Result<()> {
    let account = env.control_plane.service_account_kubeconfig(OPERATOR_NAMESPACE, SERVICE_ACCOUNT)?;
    let program = Path::new(env!("CARGO_BIN_EXE_bonafide"));
    let second = Operator::start(OperatorOptions::new(program, account, env.control_plane.directory()))?;
    let (status, body) = second.ask(HERE, "/results", None)?;
    let refusal: Value = serde_json::from_str(&body)?;
    let lease = env.operator_namespace().get(&["lease", "bonafide"])?.context("the Lease")?;
    ensure!(status == 503 && refusal["reason"] == "NotLeader", "{status}: {body}");
    ensure!(refusal["leader"]["identity"] == lease["spec"]["holderIdentity"], "{body} is not {lease:#}");
    second.stop()
}

fn status_page_shows_filters_and_keeps_hostile_names_text(env: &Environment) -> Result<()> {
    let Some(program) = browser::find() else {
        eprintln!("left out: there is no chromium on this machine");
        return Ok(());
    };
    stage(env, "shop", |stage| {
        audited(stage)?;
        let origin = env.operator.admin_url(HERE);
        let mut browser = Browser::start(&program, 1200, 720)?;
        let namespace = stage.namespace.name();
        browser.open(&format!("{origin}/#namespace={namespace}"))?;
        browser.until("the four images", &rows(4))?;
        let images = browser.texts("tbody .image")?;
        ensure!(images[..2].contains(&HOSTILE.to_owned()), "what is worst comes first, and stays text: {images:?}");
        ensure!(browser.evaluate("document.querySelectorAll('main img').length")? == 0, "a name became an element");
        ensure!(browser.texts("#summary button[data-status=Untrusted] b")? == ["2"], "{:?}", browser.texts("#summary")?);

        // By keyboard, as people do.
        browser.press("/")?;
        browser.write("JOB:V1")?;
        browser.until("the one that is searched for", &rows(1))?;
        ensure!(browser.texts("tbody .image")?[0].ends_with("/job:v1"), "{:?}", browser.texts("tbody .image")?);
        browser.click("#reset")?;
        browser.until("everything", "location.hash === ''")?;
        browser.evaluate(&format!("location.hash = 'namespace={namespace}'"))?;
        browser.until("the four images again", &rows(4))?;
        browser.click("#summary button[data-status=Trusted]")?;
        browser.until("the trusted one", &rows(1))?;
        ensure!(browser.evaluate("location.hash")? == format!("#namespace={namespace}&status=Trusted"), "a view that can be linked");
        browser.click("tbody .open")?;
        browser.until("its details", "document.querySelectorAll('tr.detail').length === 1")?;
        let detail = browser.texts("tr.detail")?.concat();
        ensure!(detail.contains(&format!("{}/key", stage.object("build"))) && detail.contains("/ web"), "{detail}");
        browser.click("#summary button[data-status=Trusted]")?;
        browser.until("no filter by status", &rows(4))?;
        if let Some(path) = std::env::var_os(PICTURE) {
            std::fs::write(repository().join(path), browser.picture()?)?;
        }
        browser.click("[name=view][value=namespaces]")?;
        browser.until("the namespace", "document.querySelector('tbody .counts') !== null")?;
        let counts = browser.texts("tbody tr")?;
        ensure!(counts.len() == 1 && counts[0].contains("2 Untrusted") && counts[0].contains(namespace), "{counts:?}");
        narrow(&mut browser)?;
        strange(env, &mut browser)?;
        ensure!(browser.problems().is_empty(), "{:?}", browser.problems());
        let requests = browser.requests();
        let stayed =
            |url: &String| url.starts_with(&origin) || elsewhere().is_some_and(|host| url.starts_with(&env.operator.admin_url(host)));
        ensure!(requests.len() > 5 && requests.iter().all(stayed), "{requests:?}");
        Ok(())
    })
}

fn rows(count: usize) -> String {
    format!("document.querySelectorAll('tbody tr.row').length === {count} && document.querySelector('#results').ariaBusy === 'false'")
}

/// Nothing is beyond the edge of a telephone.
fn narrow(browser: &mut Browser) -> Result<()> {
    browser.resize(360, 720)?;
    browser.click("[name=view][value=images]")?;
    browser.until("the images", &rows(4))?;
    let fits = browser.evaluate("document.documentElement.scrollWidth <= 360")?;
    ensure!(fits == true, "{}", browser.evaluate("document.documentElement.scrollWidth")?);
    browser.resize(1200, 720)
}

/// From elsewhere the page asks for a token, shows nothing without one, and says when it is wrong.
fn strange(env: &Environment, browser: &mut Browser) -> Result<()> {
    let Some(host) = elsewhere() else { return Ok(()) };
    browser.open(&env.operator.admin_url(host))?;
    browser.until("the question for a token", "!document.querySelector('#sign-in').hidden")?;
    ensure!(browser.texts("tbody tr")?.is_empty(), "rows for a stranger");
    browser.click("#token")?;
    browser.write("not.a.token")?;
    browser.press("Enter")?;
    browser.until("the answer to a wrong token", "document.querySelector('#notice h2').innerText === 'This token is not known'")?;
    let kept = browser
        .evaluate("JSON.stringify([localStorage.length, sessionStorage.length, document.cookie, location.href.includes('token')])")?;
    ensure!(kept == r#"[0,0,"",false]"#, "the token is kept somewhere: {kept}");
    Ok(())
}
