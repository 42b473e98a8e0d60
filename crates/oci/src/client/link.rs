//! `Link` headers (RFC 8288) of paginated lists.
//!
//! Boundary: finds the next page. Invariant: that page is on the origin of the first one, so that a list never sends
//! its reader, with credentials, elsewhere.

use http::{HeaderMap, header};
use url::Url;

const MAX_BYTES: usize = 8 * 1024;

/// A link that is unreadable or leads to another origin.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadLink;

/// The next page after `page`, if there is one.
pub(super) fn next(headers: &HeaderMap, page: &Url) -> Result<Option<Url>, BadLink> {
    for value in headers.get_all(header::LINK) {
        let text = value.to_str().map_err(|_| BadLink)?;
        if let Some(target) = next_target(text)? {
            let url = page.join(target).map_err(|_| BadLink)?;
            let stays = url.origin() == page.origin() && url.username().is_empty() && url.password().is_none();
            return if stays { Ok(Some(url)) } else { Err(BadLink) };
        }
    }
    Ok(None)
}

/// The target of the link with `rel="next"`; targets may hold commas and semicolons.
fn next_target(text: &str) -> Result<Option<&str>, BadLink> {
    if text.len() > MAX_BYTES {
        return Err(BadLink);
    }
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, after) = after.split_once('>').ok_or(BadLink)?;
        let (parameters, _) = after.split_once('<').unwrap_or((after, ""));
        if parameters.split([';', ',']).any(is_next) {
            return Ok(Some(target));
        }
        rest = after;
    }
    Ok(None)
}

fn is_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
    name.trim().eq_ignore_ascii_case("rel") && relations.any(|relation| relation.eq_ignore_ascii_case("next"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Option<String>, BadLink> {
        let headers = [(header::LINK, text.parse().unwrap())].into_iter().collect();
        let page = Url::parse("https://a.io/v2/x/referrers/y").unwrap();
        next(&headers, &page).map(|url| url.map(String::from))
    }

    #[test]
    fn the_next_page_may_be_relative_or_absolute() {
        let expected = Ok(Some("https://a.io/v2/x?last=a,b;c".to_owned()));
        for text in [
            "</v2/x?last=a,b;c>; rel=\"next\"",
            "<https://a.io/v2/x?last=a,b;c>;rel=next",
            "</first>; rel=\"first\", </v2/x?last=a,b;c>; title=\"x\"; REL=\"last Next\"",
            "<https://a.io:443/v2/x?last=a,b;c>; rel=\"next\"",
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
    }

    #[test]
    fn other_relations_are_no_next_page() {
        for text in ["", "</x>; rel=\"prev\"", "</x>", "</x>; rel=\"nextish\"", "x"] {
            assert_eq!(of(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn a_link_never_leaves_its_origin() {
        for text in [
            "<https://b.io/x>; rel=next",
            "<//b.io/x>; rel=next",
            "<http://a.io/x>; rel=next",
            "<https://a.io:8443/x>; rel=next",
            "<https://a.io@b.io/x>; rel=next",
            "<https://user@a.io/x>; rel=next",
            "<ftp://a.io/x>; rel=next",
            "<https://a.io/x; rel=next",
        ] {
            assert_eq!(of(text), Err(BadLink), "{text}");
        }
    }
}
