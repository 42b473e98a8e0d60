//! Schema transforms shared by the kinds.

use schemars::Schema;
use serde_json::Value;

/// Labels: at most 64, as long as Kubernetes lets them be.
pub(super) fn labels(_: &mut schemars::SchemaGenerator) -> Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 64,
        "additionalProperties": {"type": "string", "maxLength": 63}
    })
}

/// Delegations with a PEM text each.
pub(super) fn delegation_keys(_: &mut schemars::SchemaGenerator) -> Schema {
    schemars::json_schema!({
        "type": ["object", "null"],
        "minProperties": 1,
        "maxProperties": 16,
        "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 8192}
    })
}

/// Makes the API server keep unknown fields of this object, so that the parser sees and refuses them.
///
/// Without this a misspelt `treshold` is pruned silently for clients that do not ask for strictness,
/// and a weaker policy is stored.
pub(super) fn keep_unknown_fields(schema: &mut Schema) {
    schema.remove("additionalProperties");
    schema.insert("x-kubernetes-preserve-unknown-fields".to_owned(), Value::Bool(true));
}
