//! The answer to an admission request, in the API server's words.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// An answer. Its code and reason are what `kubectl` prints in parentheses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Why it is denied; absent when it is admitted.
    pub denied: Option<Denial>,
    /// The JSON patch (RFC 6902), when something changes.
    pub patch: Option<Value>,
    /// What the user is warned of.
    pub warnings: Vec<String>,
    /// What the audit log records.
    pub annotations: BTreeMap<String, String>,
}

/// A denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// What `kubectl` prints in parentheses.
    pub status: Status,
    /// The text.
    pub message: String,
}

/// The statuses that we deny with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// We looked: 403.
    Forbidden,
    /// The object is malformed: 422.
    Invalid,
    /// We could not find out: 503.
    ServiceUnavailable,
}

impl Status {
    fn code(self) -> u16 {
        match self {
            Self::Forbidden => 403,
            Self::Invalid => 422,
            Self::ServiceUnavailable => 503,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Forbidden => "Forbidden",
            Self::Invalid => "Invalid",
            Self::ServiceUnavailable => "ServiceUnavailable",
        }
    }
}

impl Answer {
    /// Admitted without a word.
    pub fn admitted() -> Self {
        Self::default()
    }

    /// Denied.
    pub fn denied(status: Status, message: String) -> Self {
        Self { denied: Some(Denial { status, message }), ..Self::default() }
    }

    /// The AdmissionReview that goes back.
    pub fn into_review(self, uid: &str) -> Value {
        let Self { denied, patch, warnings, annotations } = self;
        let mut response = json!({"uid": uid, "allowed": denied.is_none()});
        if let Some(fields) = response.as_object_mut() {
            if let Some(Denial { status, message }) = denied {
                fields.insert("status".into(), json!({"code": status.code(), "reason": status.reason(), "message": message}));
            }
            if let Some(patch) = patch {
                fields.insert("patchType".into(), json!("JSONPatch"));
                fields.insert("patch".into(), json!(STANDARD.encode(patch.to_string())));
            }
            if !warnings.is_empty() {
                fields.insert("warnings".into(), json!(warnings));
            }
            if !annotations.is_empty() {
                fields.insert("auditAnnotations".into(), json!(annotations));
            }
        }
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
    }
}
