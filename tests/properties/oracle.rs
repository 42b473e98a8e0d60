//! What `docs/policies.md` says of patterns and references, written a second time, as plainly as possible and without
//! a thought of speed.

/// A reference or a pattern in its four parts, the host in its one spelling.
struct Parts<'a> {
    host: String,
    path: String,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

/// Whether the text is a pattern. Only right for hosts of letters, digits and dots that are no addresses.
pub(crate) fn is_pattern(text: &str) -> bool {
    let (name, tag, digest) = split(text);
    let tag_is_right = tag.is_none_or(|tag| !tag.is_empty() && all(tag, "._-*", true) && !tag.contains("**"));
    let digest_is_right = digest.is_none_or(|digest| {
        digest
            .strip_prefix("sha256:")
            .is_some_and(|hex| hex.len() == 64 && hex.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c)))
    });
    if name == "**" {
        return tag_is_right && digest.is_none();
    }
    let Some((host, path)) = name.split_once('/') else { return false };
    let components = path.split('/').all(|component| !component.is_empty() && all(component, "._-*", false));
    let on_docker_hub = host_of(host) == "docker.io";
    let needs_a_namespace = on_docker_hub && !path.contains('/') && !path.contains("**");
    is_host(host) && components && !path.contains("***") && !needs_a_namespace && tag_is_right && digest_is_right
}

/// Whether the pattern matches; both must be readable.
pub(crate) fn matches(pattern: &str, image: &str, tag_counts_beside_digest: bool) -> bool {
    let (pattern, image) = (pattern_parts(pattern), image_parts(image));
    let host = match pattern.host.strip_prefix('*') {
        None => pattern.host == image.host,
        Some("*") => true,
        Some(suffix) => image.host.ends_with(suffix) && image.host != suffix,
    };
    let tag = match (pattern.tag, image.tag) {
        (None, _) => true,
        (Some(_), _) if image.digest.is_some() && !tag_counts_beside_digest => false,
        (Some(_), None) => false,
        (Some(pattern), Some(tag)) => glob(pattern, tag),
    };
    host && tag && glob(&pattern.path, &image.path) && pattern.digest.is_none_or(|digest| image.digest == Some(digest))
}

/// `**` is any text, `*` any text without a slash, everything else itself.
fn glob(pattern: &str, text: &str) -> bool {
    let cuts = || (0..=text.len()).filter_map(|at| text.split_at_checked(at));
    if let Some(rest) = pattern.strip_prefix("**") {
        return cuts().any(|(_, after)| glob(rest, after));
    }
    if let Some(rest) = pattern.strip_prefix('*') {
        return cuts().any(|(taken, after)| !taken.contains('/') && glob(rest, after));
    }
    match (pattern.chars().next(), text.chars().next()) {
        (None, None) => true,
        (Some(mine), Some(theirs)) if mine == theirs => glob(pattern.get(1..).unwrap_or(""), text.get(1..).unwrap_or("")),
        _ => false,
    }
}

fn pattern_parts(text: &str) -> Parts<'_> {
    let (name, tag, digest) = split(text);
    let (host, path) = name.split_once('/').unwrap_or(("**", "**"));
    Parts { host: host_of(host), path: path.to_owned(), tag, digest }
}

/// As container runtimes read it.
fn image_parts(text: &str) -> Parts<'_> {
    let (name, tag, digest) = split(text);
    let named = name.split_once('/').filter(|(host, _)| host.contains(['.', ':']) || *host == "localhost");
    let (host, path) = named.unwrap_or(("docker.io", name));
    let host = host_of(host);
    let path = if host == "docker.io" && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
    let tag = if tag.is_none() && digest.is_none() { Some("latest") } else { tag };
    Parts { host, path, tag, digest }
}

/// Name, tag and digest. A colon before the last slash is that of a port.
fn split(text: &str) -> (&str, Option<&str>, Option<&str>) {
    let (rest, digest) = text.split_once('@').map_or((text, None), |(rest, digest)| (rest, Some(digest)));
    let last = rest.rsplit('/').next().unwrap_or(rest);
    match last.split_once(':') {
        None => (rest, None, digest),
        Some((_, tag)) => (rest.get(..rest.len() - tag.len() - 1).unwrap_or(rest), Some(tag), digest),
    }
}

fn host_of(text: &str) -> String {
    let text = text.to_ascii_lowercase();
    let text = text.strip_suffix(":443").unwrap_or(&text);
    if text == "index.docker.io" { "docker.io".to_owned() } else { text.to_owned() }
}

fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
    let port_is_right = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port));
    let names_a_host = text.contains(['.', ':']) || text == "localhost";
    let labels = name.strip_prefix("*.").unwrap_or(name);
    names_a_host && port_is_right && labels.split('.').all(|label| !label.is_empty() && all(&label.to_lowercase(), "", false))
}

fn all(text: &str, others: &str, upper_case: bool) -> bool {
    text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || (upper_case && c.is_ascii_uppercase()) || others.contains(c))
}
