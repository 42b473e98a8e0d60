//! YAML files as inputs of the index.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::crd::{GROUP, VERSION};
use crate::index::{Inputs, Source, SourceData, SourceKind, SourceRef, wanted};
use crate::policy::{Kind, Labels, ObjectName, Observed};

/// Our kinds, under whatever group somebody may have written them by mistake.
const OURS: [&str; 2] = ["Validator", "TrustRoot"];

/// Reads every document of every file. Kinds that are none of ours are passed over.
pub(super) fn read(paths: &[PathBuf], namespace: &str, operator_namespace: &str) -> anyhow::Result<Inputs> {
    let mut inputs = Inputs { operator_namespace: operator_namespace.to_owned(), ..Inputs::default() };
    let mut namespaces = BTreeMap::from([(namespace.to_owned(), own_label(namespace))]);
    for path in paths {
        for file in files(path)? {
            let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            let documents: Vec<Value> = serde_saphyr::from_multiple(&text).with_context(|| file.display().to_string())?;
            for document in documents.iter().filter(|document| !document.is_null()) {
                add(&mut inputs, &mut namespaces, document).with_context(|| file.display().to_string())?;
            }
        }
    }
    if inputs.policies.is_empty() {
        bail!("there is no ImagePolicy of {GROUP}/{VERSION} in these files");
    }
    inputs.namespaces = Arc::new(namespaces);
    // What no file holds does not exist.
    for source in wanted(&inputs) {
        inputs.sources.entry(source).or_insert(Source::Missing);
    }
    Ok(inputs)
}

/// A file itself, or the YAML files of a folder in the order of their names.
fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).with_context(|| path.display().to_string())? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            files.push(file);
        }
    }
    if files.is_empty() {
        bail!("{}: no .yaml or .yml file in this folder", path.display());
    }
    files.sort();
    Ok(files)
}

fn add(inputs: &mut Inputs, namespaces: &mut BTreeMap<String, Labels>, document: &Value) -> anyhow::Result<()> {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
    let kind = text("/kind").context("a document has no kind")?;
    let name = text("/metadata/name").with_context(|| format!("a {kind} has no name"))?;
    let object = ObjectName::new(text("/metadata/namespace").unwrap_or(&inputs.operator_namespace), name);
    match (text("/apiVersion").unwrap_or_default(), kind) {
        ("v1", "List") => bail!("write the items of the List as documents of their own"),
        ("v1", "Namespace") => {
            let mut labels = own_label(name);
            labels.extend(strings(document.pointer("/metadata/labels")));
            namespaces.insert(name.to_owned(), labels);
        }
        ("v1", "Secret") => {
            let data = secret(document).with_context(|| format!("Secret {object}"))?;
            inputs.sources.insert(SourceRef { kind: SourceKind::Secret, name: object }, Source::Found(Arc::new(data)));
        }
        ("v1", "ConfigMap") => {
            let data = strings(document.pointer("/data")).into_iter().map(|(key, value)| (key, value.into_bytes())).collect();
            let data = SourceData { secret_type: None, data };
            inputs.sources.insert(SourceRef { kind: SourceKind::ConfigMap, name: object }, Source::Found(Arc::new(data)));
        }
        // A kind or version that the cluster would not take must not look like "no policy".
        (version, kind) if OURS.contains(&kind) || version.starts_with("bonafide.dev/") => {
            if version != format!("{GROUP}/{VERSION}") {
                bail!("{kind} {object}: apiVersion {version:?} is not {GROUP}/{VERSION}");
            }
            let kind = match Kind::from_name(kind) {
                Some(kind) => kind,
                None if kind == "VerificationReport" => return Ok(()),
                None => bail!("{object}: {GROUP} has no kind {kind:?}"),
            };
            let spec = document.get("spec").cloned().unwrap_or_default();
            let observed = Observed { kind, name: object, generation: None, created: None, spec };
            match kind {
                Kind::ImagePolicy => inputs.policies.push(observed),
                Kind::Validator => inputs.validators.push(observed),
                Kind::TrustRoot => inputs.trust_roots.push(observed),
            }
        }
        _ => {}
    }
    Ok(())
}

/// As the API server labels every namespace.
fn own_label(name: &str) -> Labels {
    [("kubernetes.io/metadata.name".to_owned(), name.to_owned())].into()
}

fn strings(value: Option<&Value>) -> BTreeMap<String, String> {
    let fields = value.and_then(Value::as_object).into_iter().flatten();
    fields.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn secret(document: &Value) -> anyhow::Result<SourceData> {
    let mut data: BTreeMap<String, Vec<u8>> =
        strings(document.pointer("/stringData")).into_iter().map(|(key, value)| (key, value.into_bytes())).collect();
    for (key, value) in strings(document.pointer("/data")) {
        let bytes = STANDARD.decode(value.trim()).with_context(|| format!("data.{key} is not base64"))?;
        data.entry(key).or_insert(bytes);
    }
    Ok(SourceData { secret_type: document.pointer("/type").and_then(Value::as_str).map(str::to_owned), data })
}
