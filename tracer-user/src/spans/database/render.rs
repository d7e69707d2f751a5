//! Attributes, name and status of database calls, by the semantic conventions for database client spans 1.44.

use std::sync::Arc;

use super::call::Call;
use crate::spans::{
    exchange::Exchange,
    render::Attributes,
    span::{DATABASE_SYSTEM, Value},
};

/// Attributes of a call but those of its ends. Returns the span's name and whether it failed.
pub(in crate::spans) fn describe(
    attributes: &mut Attributes,
    exchange: &Exchange,
    call: &Call,
) -> (Arc<str>, bool) {
    attributes.put(DATABASE_SYSTEM, Value::Static(call.system));
    let texts = [
        ("db.namespace", &call.namespace),
        ("db.collection.name", &call.collection),
        ("db.operation.name", &call.operation),
        ("db.query.text", &call.text),
        ("db.query.summary", &call.summary),
    ];
    for (key, value) in texts {
        if let Some(value) = value {
            attributes.put(key, Value::Shared(value.clone()));
        }
    }
    if let Some(size) = call.batch {
        attributes.put("db.operation.batch.size", Value::Int(size.into()));
    }
    let failed = if let Some(code) = &call.error {
        if !code.is_empty() {
            attributes.put("db.response.status_code", Value::Str(code.clone()));
        }
        // `_OTHER`: an error that has no code of its own.
        attributes.put(
            "error.type",
            if code.is_empty() { Value::Static("_OTHER") } else { Value::Str(code.clone()) },
        );
        true
    } else if let Some(failure) = exchange.failure {
        attributes.put("error.type", Value::Static(failure.error_type()));
        true
    } else {
        false
    };
    (name(call), failed)
}

/// The summary; else the operation with what it is on, as far as the conventions of the system want that in the name.
fn name(call: &Call) -> Arc<str> {
    if let Some(summary) = &call.summary {
        return summary.clone();
    }
    let namespace = call.namespace.as_ref().filter(|_| call.system != "redis");
    match (&call.operation, call.collection.as_ref().or(namespace)) {
        (Some(operation), Some(target)) => format!("{operation} {target}").into(),
        (Some(operation), None) => operation.clone(),
        (None, Some(target)) => target.clone(),
        (None, None) => call.system.into(),
    }
}
