//! Trust data as a tree, for people. Whatever signers and servers chose is escaped (security rule 28).

use std::collections::BTreeMap;

use anstyle::{AnsiColor, Style as Ansi};
use notary::{DelegationStatus, DelegationView, Inspection, KeyView, RoleView, ServerUrl};
use termtree::Tree;

const MOST: usize = 256;

/// How the tree looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) colours: bool,
}

impl Style {
    fn paint(self, ansi: Ansi, text: &str) -> String {
        if self.colours { format!("{ansi}{text}{ansi:#}") } else { text.to_owned() }
    }

    fn strong(self, text: &str) -> String {
        self.paint(Ansi::new().bold(), text)
    }

    fn good(self, text: &str) -> String {
        self.paint(AnsiColor::Green.on_default(), text)
    }

    fn bad(self, text: &str) -> String {
        self.paint(AnsiColor::Red.on_default(), text)
    }
}

/// The roles with their keys, then the tags with who signed them.
pub(super) fn tree(seen: &Inspection, server: &ServerUrl, style: Style) -> String {
    let base = [("root", &seen.root), ("timestamp", &seen.timestamp), ("snapshot", &seen.snapshot), ("targets", &seen.targets)];
    let roles = base.into_iter().map(|(name, view)| role(name, view, None, style));
    let delegations = seen.delegations.iter().map(|(name, view)| delegation(name.as_str(), view, style));
    let root = Tree::new(format!("{} on {server}", style.strong(&shown(&seen.gun))));
    root.with_leaves(roles.chain(delegations).chain([tags(seen, style)])).to_string()
}

fn role(name: &str, view: &RoleView, paths: Option<&str>, style: Style) -> Tree<String> {
    let of = format!("{} of {} keys must sign", view.threshold, view.keys.len());
    let paths = paths.map(|paths| format!(", {paths}")).unwrap_or_default();
    let line = format!("{}: version {}, expires {}, {of}{paths}", style.strong(name), view.version, view.expires.format("%F %T UTC"));
    Tree::new(line).with_leaves(view.keys.iter().map(|key| Tree::new(self::key(key, style))))
}

fn key(key: &KeyView, style: Style) -> String {
    let signed = if key.signed { style.good("signed") } else { style.bad("did not sign") };
    let certificate = key.common_name.as_ref().map(|name| format!(", certificate of {}", shown(name))).unwrap_or_default();
    let until = key.certificate_expires.map(|until| format!(" until {}", until.format("%F"))).unwrap_or_default();
    format!("{signed}: {} {}{certificate}{until}", shown(&key.kind), key.id)
}

fn delegation(name: &str, view: &DelegationView, style: Style) -> Tree<String> {
    let paths = paths(&view.paths);
    match &view.status {
        DelegationStatus::Verified { role, .. } => self::role(name, role, Some(&paths), style),
        DelegationStatus::Unpublished => Tree::new(format!("{}: nothing published, {paths}", style.strong(name))),
        DelegationStatus::NotDelegated => Tree::new(format!("{}: nobody delegates to it", style.strong(name))),
        DelegationStatus::Broken(why) => {
            // Most errors begin with the name of the role.
            let why = why.strip_prefix(name).and_then(|why| why.strip_prefix(": ")).unwrap_or(why);
            Tree::new(format!("{}: {}, {paths}", style.strong(name), style.bad(&shown(why))))
        }
    }
}

fn paths(paths: &[String]) -> String {
    if paths.is_empty() {
        return "no tags".to_owned();
    }
    if paths.iter().any(String::is_empty) {
        return "all tags".to_owned();
    }
    let names: Vec<String> = paths.iter().map(|path| format!("{}*", shown(path))).collect();
    format!("tags {}", names.join(" "))
}

/// Per tag, each digest with the roles that name it: one line where all agree.
fn tags(seen: &Inspection, style: Style) -> Tree<String> {
    let mut by_tag: BTreeMap<&str, BTreeMap<String, Vec<&str>>> = BTreeMap::new();
    let verified = seen.delegations.iter().filter_map(|(name, view)| match &view.status {
        DelegationStatus::Verified { tags, .. } => Some((name.as_str(), tags)),
        _ => None,
    });
    for (role, tags) in std::iter::once(("targets", &seen.tags)).chain(verified) {
        for (tag, digest) in tags {
            let digest = digest.as_ref().map_or_else(|| "no usable digest".to_owned(), ToString::to_string);
            by_tag.entry(tag).or_default().entry(digest).or_default().push(role);
        }
    }
    let leaves = by_tag.into_iter().map(|(tag, digests)| self::tag(tag, &digests, style));
    Tree::new(style.strong("tags")).with_leaves(leaves)
}

fn tag(tag: &str, digests: &BTreeMap<String, Vec<&str>>, style: Style) -> Tree<String> {
    let line = |(digest, roles): (&String, &Vec<&str>)| format!("{digest} signed in {}", roles.join(", "));
    let name = style.strong(&shown(tag));
    if digests.len() == 1 {
        return Tree::new(format!("{name}: {}", digests.iter().map(line).collect::<String>()));
    }
    let leaves = digests.iter().map(|digest| Tree::new(line(digest)));
    Tree::new(format!("{name}: {}", style.bad("the roles do not agree"))).with_leaves(leaves)
}

fn shown(text: &str) -> String {
    crate::text::shown(text, MOST)
}
