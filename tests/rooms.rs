//! The house rules that a compiler does not know: which room may use which, no file that nobody names, no file too
//! long, and no Kubernetes inside the schemes.

#![allow(clippy::panic, clippy::expect_used, reason = "a failed assertion is how a test fails")]

#[path = "rooms/code.rs"]
mod code;
#[path = "rooms/imports.rs"]
mod imports;
#[path = "rooms/modules.rs"]
mod modules;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A hard look at 400 lines, tests included: past them a file holds more than one idea.
const LONGEST: usize = 400;

/// Sources by their path inside the repository.
type Sources = BTreeMap<String, String>;

#[test]
fn no_room_uses_a_room_above_it() {
    assert_nothing(&imports::violations(&sources(&["src"])));
}

#[test]
fn every_file_is_named_by_a_mod() {
    let mut found = modules::unnamed(&sources(&["src"]), &["src/lib.rs", "src/main.rs"]);
    for package in packages("crates") {
        let source = format!("{package}/src");
        found.extend(modules::unnamed(&sources(&[&source]), &[&format!("{source}/lib.rs")]));
    }
    found.extend(modules::unnamed(&sources(&["fuzz/src"]), &["fuzz/src/lib.rs"]));
    found.extend(modules::unnamed(&sources(&["testbed/src"]), &["testbed/src/lib.rs"]));
    found.extend(modules::unnamed(&sources(&["xtask/src"]), &["xtask/src/main.rs"]));
    assert_nothing(&found);
}

#[test]
fn no_file_is_too_long() {
    assert_nothing(&too_long(&sources(&["src", "crates", "fuzz", "tests", "testbed", "xtask"])));
}

#[test]
fn no_scheme_knows_kubernetes() {
    let manifests = packages("crates").into_iter().map(|package| read(&format!("{package}/Cargo.toml")));
    assert_nothing(&manifests.flat_map(|(path, text)| kubernetes_dependencies(&path, &text)).collect::<Vec<_>>());
}

fn too_long(sources: &Sources) -> Vec<String> {
    let lines = sources.iter().map(|(path, text)| (path, text.lines().count()));
    lines.filter(|(_, count)| *count > LONGEST).map(|(path, count)| format!("{path} has {count} lines")).collect()
}

fn kubernetes_dependencies(path: &str, manifest: &str) -> Vec<String> {
    let names = |line: &str| {
        let key = line.split(['=', '.']).next().unwrap_or_default().trim().trim_matches('"').to_owned();
        let renamed = line.split("package = \"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
        [Some(key), renamed]
    };
    let all = manifest.lines().flat_map(names).flatten();
    let ours = all.filter(|name| name == "kube" || name.starts_with("kube-") || name.starts_with("k8s-"));
    ours.map(|name| format!("{path} depends on {name}")).collect()
}

fn assert_nothing(violations: &[String]) {
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn read(path: &str) -> (String, String) {
    (path.to_owned(), std::fs::read_to_string(repository().join(path)).expect("a readable file"))
}

fn packages(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(repository().join(folder)).expect("a folder of packages");
    let names = entries.flatten().filter(|entry| entry.path().join("Cargo.toml").exists()).map(|entry| entry.file_name());
    names.map(|name| format!("{folder}/{}", name.to_string_lossy())).collect()
}

fn sources(folders: &[&str]) -> Sources {
    let mut sources = Sources::new();
    for folder in folders {
        collect(&repository().join(folder), &mut sources);
    }
    assert!(!sources.is_empty(), "no sources in {folders:?}");
    sources
}

fn collect(folder: &Path, sources: &mut Sources) {
    for entry in std::fs::read_dir(folder).expect("a readable folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(repository()).expect("a path inside the repository");
            let (name, text) = read(&name.to_string_lossy());
            sources.insert(name, text);
        }
    }
}

/// Each rule can fail, and fails for the right reason.
mod rules {
    use super::{Sources, imports, kubernetes_dependencies, modules, too_long};

    fn source(path: &str, text: &str) -> Sources {
        Sources::from([(path.to_owned(), text.to_owned())])
    }

    fn used(path: &str, text: &str) -> Vec<String> {
        imports::violations(&source(path, text))
    }

    #[test]
    fn an_import_upwards_is_found() {
        assert_eq!(used("src/policy/rule.rs", "use crate::index::Snapshot;"), ["src/policy/rule.rs: policy may not use index"]);
    }

    #[test]
    fn an_import_downwards_is_fine() {
        assert!(used("src/index/compile.rs", "use crate::policy::Rule;\nuse crate::index::Inputs;").is_empty());
    }

    #[test]
    fn the_chain_of_an_error_is_everybodys_and_uses_nobody() {
        assert!(used("src/policy/rule.rs", "use crate::chain;").is_empty());
        assert_eq!(used("src/chain.rs", "use crate::policy::Rule;"), ["src/chain.rs: chain may not use policy"]);
    }

    #[test]
    fn an_import_upwards_in_a_group_is_found() {
        let text = "use crate::{policy::{Rule, index}, evaluate::Verdict};";
        assert_eq!(used("src/index/compile.rs", text), ["src/index/compile.rs: index may not use evaluate"]);
    }

    #[test]
    fn a_path_inside_an_expression_is_found() {
        assert_eq!(used("src/crd/mod.rs", "fn f() { crate::policy::parse() }"), ["src/crd/mod.rs: crd may not use policy"]);
    }

    #[test]
    fn a_way_around_by_super_is_found() {
        assert_eq!(used("src/crd/kinds.rs", "use super::super::policy;"), ["src/crd/kinds.rs: crd may not use policy"]);
        assert!(used("src/evaluate/cache.rs", "use super::policy::X;").is_empty(), "evaluate's own module policy");
    }

    #[test]
    fn a_way_around_by_the_name_of_the_package_is_found() {
        assert_eq!(used("src/crd/kinds.rs", "use bonafide::policy;"), ["src/crd/kinds.rs: crd may not use policy"]);
    }

    #[test]
    fn words_in_comments_and_strings_are_no_imports() {
        let text = "//! As crate::index says.\n/* crate::index /* nested */ crate::index */ const S: &str = \"crate::index \\\" crate::index\";\nconst R: &str = r#\"\" crate::index\"#; const C: char = '\"';";
        assert!(used("src/policy/rule.rs", text).is_empty());
    }

    #[test]
    fn what_follows_a_string_is_read_again() {
        let text = "const S: &str = \"\\\\\"; const C: char = '\"'; fn f<'a>() { crate::index::x() }";
        assert_eq!(used("src/policy/rule.rs", text), ["src/policy/rule.rs: policy may not use index"]);
    }

    #[test]
    fn a_room_that_is_not_in_the_design_is_found() {
        assert_eq!(used("src/utils/mod.rs", ""), ["src/utils/mod.rs: utils is no room of the design"]);
        assert_eq!(used("src/index/a.rs", "use crate::utils::x;"), ["src/index/a.rs: utils is no room of the design"]);
    }

    #[test]
    fn a_client_in_a_room_without_input_and_output_is_found() {
        assert_eq!(used("src/policy/rule.rs", "use tokio::sync::watch;"), ["src/policy/rule.rs: policy may not use tokio"]);
        assert_eq!(used("src/crd/kinds.rs", "use kube::Client;"), ["src/crd/kinds.rs: crd may not use kube::Client"]);
        assert_eq!(used("src/crd/kinds.rs", "use kube::{Client, X};"), ["src/crd/kinds.rs: crd may not use kube::Client"]);
        assert!(used("src/crd/kinds.rs", "use kube::CustomResource;").is_empty());
    }

    #[test]
    fn a_file_that_no_mod_names_is_found() {
        let mut sources = source("src/lib.rs", "pub mod crd;\n// mod lost;\n");
        sources.extend(source("src/crd/mod.rs", "mod kinds;\n#[cfg(test)]\nmod tests;"));
        sources.extend(source("src/crd/kinds.rs", "pub(crate) mod deep;"));
        sources.extend(source("src/crd/kinds/deep.rs", ""));
        sources.extend(source("src/crd/tests.rs", ""));
        assert!(modules::unnamed(&sources, &["src/lib.rs", "src/main.rs"]).is_empty());
        sources.extend(source("src/lost.rs", ""));
        assert_eq!(modules::unnamed(&sources, &["src/lib.rs"]), ["src/lost.rs is named by no mod"]);
    }

    #[test]
    fn a_file_of_401_lines_is_too_long() {
        assert!(too_long(&source("a.rs", &"\n".repeat(400))).is_empty());
        assert_eq!(too_long(&source("a.rs", &"\n".repeat(401))), ["a.rs has 401 lines"]);
    }

    #[test]
    fn a_scheme_with_kubernetes_inside_is_found() {
        let found = |text: &str| kubernetes_dependencies("Cargo.toml", text);
        assert_eq!(found("kube = \"5\""), ["Cargo.toml depends on kube"]);
        assert_eq!(found("k8s-openapi.workspace = true"), ["Cargo.toml depends on k8s-openapi"]);
        assert_eq!(found("api = { version = \"5\", package = \"kube-core\" }"), ["Cargo.toml depends on kube-core"]);
        assert!(found("description = \"without kube\"\noci.workspace = true").is_empty());
    }
}
