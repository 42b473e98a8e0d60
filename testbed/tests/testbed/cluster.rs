//! One control plane, told as one story: starting it is what takes the time.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testbed::{ControlPlane, Directory, Namespace, Options, wait};

const DEPLOYMENT: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: 'example.com/web:v1'}]}
";

pub(crate) fn a_control_plane_has_controllers_and_survives_an_outage() -> Result<()> {
    let control_plane = ControlPlane::start(Options::default())?;
    let namespace = Namespace::temporary(control_plane.kubectl(), "story", &[("tier", "test")])?;
    a_deployment_makes_pods(&namespace)?;
    a_pod_reports_what_the_kubelet_would(&namespace)?;
    a_service_account_may_nothing(&control_plane, &namespace)?;
    a_refusal_is_a_value(&namespace)?;
    objects_survive_a_restart_of_the_api_server(&control_plane, &namespace)
}

pub(crate) fn a_detached_control_plane_answers_until_it_is_killed() -> Result<()> {
    let directory = Directory::temporary()?;
    let options = Options { directory: Some(directory.path().join("cluster")), ..Options::default() };
    let control_plane = ControlPlane::start(options)?;
    let kubectl = control_plane.kubectl().clone();
    let processes = control_plane.detach()?;
    ensure!(kubectl.run(&["get", "--raw", "/readyz"])? == "ok");
    for process in &processes {
        ensure!(process.kill(), "{process:?} was gone");
    }
    wait::until("the API server to be gone", || Ok(kubectl.run(&["get", "--raw", "/readyz"]).is_err().then_some(())))
}

fn a_deployment_makes_pods(namespace: &Namespace) -> Result<()> {
    namespace.apply(DEPLOYMENT)?;
    let count = |list: &Value| list.pointer("/items").and_then(Value::as_array).map_or(0, Vec::len);
    namespace.wait_until(&["pods"], |pods| count(pods) == 1)?;
    namespace.kubectl(&["delete", "deployment", "web"])?;
    namespace.wait_absent(&["pods"])
}

fn a_pod_reports_what_the_kubelet_would(namespace: &Namespace) -> Result<()> {
    let created = namespace.try_pod("one", &[("app", "example.com/one:v1")])?;
    ensure!(created.is_ok(), "{created:?}");
    namespace.report_running("one", &[("app", "example.com/one:v1", "example.com/one@sha256:00")])?;
    let pod = namespace.get(&["pod", "one"])?.context("no pod")?;
    ensure!(pod.pointer("/status/containerStatuses/0/imageID").and_then(Value::as_str) == Some("example.com/one@sha256:00"));
    let images = namespace.pod_images("one")?;
    ensure!(images.get("app").map(String::as_str) == Some("example.com/one:v1"), "{images:?}");
    Ok(())
}

fn a_service_account_may_nothing(control_plane: &ControlPlane, namespace: &Namespace) -> Result<()> {
    let kubeconfig = control_plane.service_account_kubeconfig(namespace.name(), "default")?;
    let account = namespace.with_kubectl(&control_plane.kubectl().with_kubeconfig(kubeconfig));
    let identity = account.kubectl(&["auth", "whoami"])?;
    ensure!(identity.contains(&format!("system:serviceaccount:{}:default", namespace.name())), "{identity}");
    let refused = account.attempt(&["get", "secrets"], "")?;
    ensure!(refused.is_err_and(|denied| denied.message.contains("forbidden")));
    Ok(())
}

fn a_refusal_is_a_value(namespace: &Namespace) -> Result<()> {
    let refused = namespace.try_pod("two", &[("app", "")])?;
    ensure!(refused.is_err_and(|denied| denied.message.contains("spec.containers[0].image")));
    Ok(())
}

fn objects_survive_a_restart_of_the_api_server(control_plane: &ControlPlane, namespace: &Namespace) -> Result<()> {
    control_plane.stop_api_server();
    ensure!(namespace.kubectl(&["get", "pods"]).is_err(), "an answer from a stopped API server");
    control_plane.start_api_server()?;
    ensure!(namespace.get(&["pod", "one"])?.is_some());
    Ok(())
}
