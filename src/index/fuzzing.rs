//! A door for the fuzz targets to the parser that the webhook for our own kinds calls. No API.

use crate::policy::{Observed, Problem};

/// What the parser alone says of an object.
pub fn check(observed: &Observed, operator_namespace: &str) -> Vec<Problem> {
    super::check(observed, operator_namespace)
}
