//! What is asked for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use crate::crd::ImageStatus;
use crate::report::inventory::Image;
use crate::report::{self, order};
use crate::text;

/// Images in one answer.
const LIMIT: (usize, usize) = (100, 500);
/// Pods that are named for each image.
const PODS: (usize, usize) = (20, 1_000);
const LONGEST_SEARCH: usize = 256;
const LONGEST_NAMESPACE: usize = 63;
/// A reference and a digest as long as reports hold them, escaped and encoded.
const LONGEST_POSITION: usize = 16 * 1024;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// Only what runs there.
    pub(super) namespace: Option<String>,
    /// Only images with one of these statuses; none means all.
    pub(super) statuses: Vec<ImageStatus>,
    /// Only images with this text, in lower case, in something that is told of them.
    pub(super) search: Option<String>,
    /// At most so many images.
    pub(super) limit: usize,
    /// At most so many pods of each.
    pub(super) pods: usize,
    /// Only images behind this one.
    pub(super) after: Option<Position>,
}

/// An image by its place in the order of all: where the next answer goes on, whatever has come and gone meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Position(usize, String, Option<String>);

impl Query {
    /// Of the part of a URL behind the question mark; what is not understood is refused, so that nobody takes an answer
    /// for a narrower one than it is.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut query = Self { namespace: None, statuses: vec![], search: None, limit: LIMIT.0, pods: PODS.0, after: None };
        for (name, value) in form_urlencoded::parse(text.as_bytes()).filter(|(_, value)| !value.is_empty()) {
            match name.as_ref() {
                "namespace" => query.namespace = Some(namespace(&value)?),
                "status" => query.statuses.extend(value.split(',').map(status).collect::<Result<Vec<_>, _>>()?),
                "search" => query.search = Some(search(&value)?),
                "limit" => query.limit = number("limit", &value, LIMIT.1)?,
                "pods" => query.pods = number("pods", &value, PODS.1)?,
                "continue" => query.after = Some(Position::parse(&value).ok_or("continue is none that was given here")?),
                other => return Err(format!("there is no parameter {}", text::shown(other, 64))),
            }
        }
        Ok(query)
    }
}

impl Position {
    pub(super) fn of(status: ImageStatus, image: &Image) -> Self {
        Self(order::place(status), image.reference.clone(), image.digest.clone())
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = (text.len() <= LONGEST_POSITION).then(|| URL_SAFE_NO_PAD.decode(text).ok())??;
        serde_json::from_slice(&bytes).ok()
    }

    pub(super) fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }
}

/// An empty name would ask for all namespaces, so what reaches the API server is the name of one.
fn namespace(value: &str) -> Result<String, String> {
    let is_name = value.len() <= LONGEST_NAMESPACE && value.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if is_name { Ok(value.to_owned()) } else { Err("namespace is no name of a namespace".to_owned()) }
}

fn status(value: &str) -> Result<ImageStatus, String> {
    order::by_name(value.trim()).ok_or_else(|| format!("the statuses are {}", order::WORST_FIRST.map(report::name).join(", ")))
}

fn search(value: &str) -> Result<String, String> {
    if value.len() > LONGEST_SEARCH { Err(format!("search has at most {LONGEST_SEARCH} bytes")) } else { Ok(value.to_lowercase()) }
}

fn number(name: &str, value: &str, most: usize) -> Result<usize, String> {
    value.parse().ok().filter(|number| (1..=most).contains(number)).ok_or_else(|| format!("{name} is a number from 1 to {most}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_and_what_is_empty_is_not_there() {
        let query = Query::parse("namespace=shop&status=untrusted,Revoked&status=Unknown&search=Web%20X&limit=7&pods=3").unwrap();
        let statuses = vec![ImageStatus::Untrusted, ImageStatus::Revoked, ImageStatus::Unknown];
        let search = Some("web x".to_owned());
        assert_eq!(query, Query { namespace: Some("shop".to_owned()), statuses, search, limit: 7, pods: 3, after: None });
        let nothing = Query { namespace: None, statuses: vec![], search: None, limit: LIMIT.0, pods: PODS.0, after: None };
        assert_eq!(Query::parse("").unwrap(), nothing);
        assert_eq!(Query::parse("namespace=&status=&search=&continue=").unwrap(), nothing);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let long = format!("search={}", "a".repeat(LONGEST_SEARCH + 1));
        let wrong = [
            "namespaces=shop",
            "namespace=*",
            "namespace=a/b",
            "namespace=A",
            "namespace=%00",
            "status=Good",
            "limit=0",
            "limit=501",
            "limit=-1",
            "pods=1001",
            "pods=x",
            "continue=x",
            "continue=e30",
            &long,
        ];
        for text in wrong {
            assert!(Query::parse(text).is_err(), "{text}");
        }
        assert!(!Query::parse("a%1b%0a=x").unwrap_err().chars().any(char::is_control));
    }

    #[test]
    fn a_position_reads_back_and_orders_as_rows_do() {
        let image = |reference: &str| Image { reference: reference.to_owned(), digest: None };
        let position = Position::of(ImageStatus::Trusted, &image("a/\"ä"));
        assert_eq!(Query::parse(&format!("continue={}", position.encode())).unwrap().after, Some(position.clone()));
        assert!(Position::of(ImageStatus::Untrusted, &image("z")) < position);
        assert!(position < Position::of(ImageStatus::Trusted, &image("b")));
    }
}
