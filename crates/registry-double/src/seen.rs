//! What requests looked like when they arrived.

/// What a path asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `/v2/`.
    Base,
    /// A manifest, by tag or digest.
    Manifest,
    /// A blob.
    Blob,
    /// A list of referrers.
    Referrers,
    /// A file of trust data (Notary v1).
    TrustData,
    /// A token.
    Token,
    /// Anything else.
    Other,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `GET`, `HEAD` or another.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query, empty if there is none.
    pub query: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `Accept` header.
    pub accept: Option<String>,
    /// The `Cache-Control` header.
    pub cache_control: Option<String>,
    /// The body of a token request by POST; empty otherwise.
    pub body: String,
    /// What the path asks for.
    pub kind: Kind,
}

/// A path of the registry API: `/v2/<repository>/<kind>/<name>`; of a trust server: `/v2/<GUN>/_trust/tuf/<file>`.
pub(crate) struct Route<'a> {
    pub(crate) kind: Kind,
    pub(crate) repository: &'a str,
    pub(crate) name: &'a str,
}

pub(crate) fn route(path: &str) -> Route<'_> {
    let other = |kind| Route { kind, repository: "", name: "" };
    match path {
        "/v2/" => return other(Kind::Base),
        "/token" => return other(Kind::Token),
        _ => {}
    }
    let kinds =
        [("/_trust/tuf/", Kind::TrustData), ("/manifests/", Kind::Manifest), ("/blobs/", Kind::Blob), ("/referrers/", Kind::Referrers)];
    let Some(rest) = path.strip_prefix("/v2/") else { return other(Kind::Other) };
    kinds
        .into_iter()
        .find_map(|(separator, kind)| rest.rsplit_once(separator).map(|(repository, name)| Route { kind, repository, name }))
        .unwrap_or_else(|| other(Kind::Other))
}
