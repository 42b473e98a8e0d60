//! The few fields of an AdmissionReview that we need.

use serde::Deserialize;
use serde_json::value::RawValue;

/// Why a body is no AdmissionReview that we answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    /// Not JSON, or not of the shape of an AdmissionReview.
    #[error("the body is not an AdmissionReview")]
    Malformed,
    /// Another version than `admission.k8s.io/v1`.
    #[error("only AdmissionReviews of admission.k8s.io/v1 are answered")]
    Version,
    /// There is no request in it.
    #[error("the AdmissionReview has no request")]
    NoRequest,
    /// Without a uid no answer can be matched to it.
    #[error("the request has no uid")]
    NoUid,
}

/// An admission request.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request<'a> {
    /// Identifies request and answer.
    #[serde(default)]
    pub uid: String,
    /// The kind of the object.
    #[serde(default)]
    pub kind: KindRef,
    /// The resource that is written.
    #[serde(default)]
    pub resource: ResourceRef,
    /// The object's name, when it has one yet.
    #[serde(default)]
    pub name: Option<String>,
    /// The object's namespace.
    #[serde(default)]
    pub namespace: Option<String>,
    /// What is done.
    pub operation: Operation,
    /// Whether nothing will be stored.
    #[serde(default)]
    pub dry_run: Option<bool>,
    /// The object as it would be stored.
    #[serde(default, borrow)]
    pub object: Option<&'a RawValue>,
    /// The object as it is stored.
    #[serde(default, borrow)]
    pub old_object: Option<&'a RawValue>,
}

/// A kind; its group follows from the webhook that is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct KindRef {
    /// The kind.
    #[serde(default)]
    pub kind: String,
}

/// A group and resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ResourceRef {
    /// The API group; empty for the core group.
    #[serde(default)]
    pub group: String,
    /// The resource, plural.
    #[serde(default)]
    pub resource: String,
}

/// What is done to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// It is created.
    Create,
    /// It is changed.
    Update,
    /// It is deleted.
    Delete,
    /// It is connected to.
    Connect,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default, borrow)]
    request: Option<Request<'a>>,
}

impl<'a> Request<'a> {
    /// Reads a request out of the body of a review.
    pub fn parse(body: &'a [u8]) -> Result<Self, ReviewError> {
        let review: Review<'a> = serde_json::from_slice(body).map_err(|_| ReviewError::Malformed)?;
        if review.kind != "AdmissionReview" {
            return Err(ReviewError::Malformed);
        }
        if review.api_version != "admission.k8s.io/v1" {
            return Err(ReviewError::Version);
        }
        let request = review.request.ok_or(ReviewError::NoRequest)?;
        if request.uid.is_empty() { Err(ReviewError::NoUid) } else { Ok(request) }
    }
}
