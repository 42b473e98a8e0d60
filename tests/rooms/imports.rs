//! Which room may use which: `crd -> policy <- index <- evaluate <- admission, controllers <- results <- runtime <- main`.

use super::{Sources, code};

struct Room {
    name: &'static str,
    /// Rooms that it may use besides itself; `*` is every room.
    rooms: &'static [&'static str],
    /// Paths of other crates that it may not use.
    never: &'static [&'static str],
}

const fn room(name: &'static str, rooms: &'static [&'static str], never: &'static [&'static str]) -> Room {
    Room { name, rooms, never }
}

/// One function that prints an error with its sources, one that makes hostile text fit for being shown, one type that counts what each peer has; the set-up of unit tests, which only tests can name.
const EVERYBODYS: [&str; 4] = ["chain", "text", "peers", "testing"];

/// Rooms without input and output, whose answers depend on their arguments alone.
const PURE: &[&str] = &["tokio", "reqwest", "kube::Client", "kube::Api", "kube::runtime"];

const ROOMS: [Room; 16] = [
    room("chain", &[], PURE),
    room("text", &[], PURE),
    room("peers", &[], PURE),
    room("testing", &["*"], &[]),
    room("crd", &[], PURE),
    room("policy", &["crd"], PURE),
    room("settings", &[], PURE),
    room("index", &["crd", "policy"], &["reqwest", "kube::Client", "kube::Api"]),
    room("evaluate", &["crd", "policy", "index"], &["kube::Client", "kube::Api"]),
    room("report", &["crd", "policy", "evaluate"], PURE),
    room("alerting", &["crd", "settings"], &["kube::Client", "kube::Api"]),
    room("admission", &["crd", "policy", "settings", "index", "evaluate", "alerting"], &["kube::Client", "kube::Api"]),
    room("controllers", &["crd", "policy", "settings", "index", "evaluate", "report", "alerting", "admission"], &[]),
    room("results", &["crd", "policy", "report", "controllers"], &["kube::Client", "kube::Api"]),
    room("runtime", &["*"], &[]),
    room("cli", &["*"], &[]),
];

/// What breaks the direction, one line each.
pub(crate) fn violations(sources: &Sources) -> Vec<String> {
    let mut found: Vec<String> = sources.iter().flat_map(|(path, text)| in_file(path, text)).collect();
    found.dedup();
    found
}

fn in_file(path: &str, text: &str) -> Vec<String> {
    let inside = path.trim_start_matches("src/");
    if inside == "lib.rs" || inside == "main.rs" {
        return Vec::new();
    }
    let name = inside.split(['/', '.']).next().unwrap_or_default();
    let Some(room) = ROOMS.iter().find(|room| room.name == name) else {
        return vec![format!("{path}: {name} is no room of the design")];
    };
    let code = code::only(text);
    let mut used = after(&code, "crate::");
    used.extend(after(&code, "bonafide::"));
    used.extend(by_super(&code, inside));
    let rooms = used.iter().filter_map(|other| against(room, other)).map(|what| format!("{path}: {what}"));
    let outside = room.never.iter().filter(|outside| mentions(&code, outside));
    rooms.chain(outside.map(|outside| format!("{path}: {name} may not use {outside}"))).collect()
}

fn against(room: &Room, other: &str) -> Option<String> {
    if ROOMS.iter().all(|known| known.name != other) {
        return Some(format!("{other} is no room of the design"));
    }
    let allowed = other == room.name || EVERYBODYS.contains(&other) || room.rooms.iter().any(|name| *name == other || *name == "*");
    (!allowed).then(|| format!("{} may not use {other}", room.name))
}

/// The first names of the paths that follow `prefix`, those in a group one by one.
fn after(code: &str, prefix: &str) -> Vec<String> {
    let starts = code.match_indices(prefix).filter(|(at, _)| {
        let before = code.get(..*at).unwrap_or_default();
        !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
    });
    starts.flat_map(|(at, _)| first_names(code.get(at + prefix.len()..).unwrap_or_default())).collect()
}

fn first_names(path: &str) -> Vec<String> {
    let Some(group) = path.strip_prefix('{') else { return name(path).into_iter().collect() };
    let mut names = Vec::new();
    let mut depth = 0_usize;
    let mut expects_name = true;
    for (at, c) in group.char_indices() {
        match c {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => expects_name = true,
            c if expects_name && !c.is_whitespace() => {
                names.extend(name(group.get(at..).unwrap_or_default()));
                expects_name = false;
            }
            _ => {}
        }
    }
    names
}

fn name(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty() && name != "self").then_some(name)
}

/// Rooms reached by so many `super::` that they leave the file's own room.
fn by_super(code: &str, inside: &str) -> Vec<String> {
    let depth = inside.trim_end_matches("/mod.rs").split('/').count();
    let out = "super::".repeat(depth);
    let found = after(code, &out).into_iter();
    found.filter(|name| ROOMS.iter().any(|room| room.name == name)).collect()
}

/// Whether a path of another crate is used, written out or in a group.
fn mentions(code: &str, path: &str) -> bool {
    match path.split_once("::") {
        Some((package, item)) => after(code, &format!("{package}::")).iter().any(|name| name == item),
        None => !after(code, &format!("{path}::")).is_empty(),
    }
}
