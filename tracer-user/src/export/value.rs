//! Attribute values in JSON that has types of its own, and as text.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use crate::spans::span::Value;

/// A value as JSON's own text, number or truth value.
pub(super) struct Plain<'a>(pub(super) &'a Value);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Int(number) => serializer.serialize_i64(*number),
            Value::Bool(truth) => serializer.serialize_bool(*truth),
            Value::Str(text) => serializer.serialize_str(text),
            Value::Shared(text) => serializer.serialize_str(text),
            Value::Static(text) => serializer.serialize_str(text),
            Value::List(texts) => serializer.collect_seq(texts),
        }
    }
}

/// A value as text; a list as a JSON array (OpenTelemetry specification, "Attribute", for formats that have none).
pub(super) fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Int(number) => number.to_string().into(),
        Value::Bool(truth) => truth.to_string().into(),
        Value::Str(text) => Cow::Borrowed(text),
        Value::Shared(text) => Cow::Borrowed(text),
        Value::Static(text) => Cow::Borrowed(text),
        Value::List(texts) => serde_json::json!(texts).to_string().into(),
    }
}
