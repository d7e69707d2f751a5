//! Attribute values as plain JSON, the form in which blocks keep what has no column of its own.
//!
//! Text, numbers, truth values, lists and maps are what they are in JSON. Bytes are `{"bytesValue": base64}`, the
//! numbers that JSON lacks are the texts that protobuf's JSON mapping gives them ("NaN", "Infinity", "-Infinity").

use base64::{Engine as _, engine::general_purpose::STANDARD};
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value as Any,
};
use serde_json::{Map, Number, Value as Json};

use super::{
    texts::{Text, Texts},
    value::{Value, ValueRef},
};

/// How deep lists and maps may lie in one another; what lies deeper is left out.
const DEPTH: usize = 16;

/// The JSON of an OTLP value; null for one that says nothing.
pub(super) fn from_any(value: &AnyValue) -> Json {
    any(value, DEPTH)
}

fn any(value: &AnyValue, depth: usize) -> Json {
    let Some(value) = &value.value else { return Json::Null };
    if depth == 0 {
        return Json::Null;
    }
    match value {
        Any::StringValue(text) => Json::String(text.clone()),
        Any::BoolValue(truth) => Json::Bool(*truth),
        Any::IntValue(number) => Json::from(*number),
        Any::DoubleValue(number) => double(*number),
        Any::ArrayValue(list) => list.values.iter().map(|value| any(value, depth - 1)).collect(),
        Any::KvlistValue(map) => Json::Object(object(&map.values, depth - 1)),
        Any::BytesValue(bytes) => {
            let mut map = Map::new();
            map.insert("bytesValue".to_owned(), Json::String(STANDARD.encode(bytes)));
            Json::Object(map)
        }
        // An index into a table of strings that only profiles have.
        Any::StringValueStrindex(_) => Json::Null,
    }
}

/// The JSON object of a list of attributes; of keys that come twice the last one counts.
pub(crate) fn from_attributes(attributes: &[KeyValue]) -> Map<String, Json> {
    object(attributes, DEPTH)
}

fn object(attributes: &[KeyValue], depth: usize) -> Map<String, Json> {
    let value = |attribute: &KeyValue| attribute.value.as_ref().map_or(Json::Null, |value| any(value, depth));
    attributes.iter().map(|attribute| (attribute.key.clone(), value(attribute))).collect()
}

fn double(number: f64) -> Json {
    Number::from_f64(number).map_or_else(
        || {
            let name = if number.is_nan() {
                "NaN"
            } else if number > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            };
            Json::String(name.to_owned())
        },
        Json::Number,
    )
}

/// A value as JSON.
pub fn to_json(value: ValueRef<'_>) -> Json {
    match value {
        ValueRef::Text(text) => Json::String(text.to_owned()),
        ValueRef::Int(number) => Json::from(number),
        ValueRef::Double(number) => double(number),
        ValueRef::Bool(truth) => Json::Bool(truth),
        ValueRef::Json(text) => serde_json::from_str(text).unwrap_or(Json::Null),
    }
}

/// The attributes in a JSON object, as [`to_json`] writes them. What is no object has none.
pub fn values_of_object(json: &str, texts: &mut Texts) -> Vec<(Text, Value)> {
    let Ok(Json::Object(map)) = serde_json::from_str(json) else { return Vec::new() };
    let entries = map.iter().map(|(key, value)| (texts.intern(key), from_json(value, texts)));
    entries.collect()
}

fn from_json(json: &Json, texts: &mut Texts) -> Value {
    match json {
        Json::String(text) => Value::Text(texts.intern(text)),
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::Double(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::Null | Json::Array(_) | Json::Object(_) => Value::Json(texts.intern(&json.to_string())),
    }
}

/// The OTLP value of a JSON value, as [`from_any`] writes it.
pub(super) fn to_any(json: &Json) -> AnyValue {
    let value = match json {
        Json::Null => None,
        Json::String(text) => Some(Any::StringValue(text.clone())),
        Json::Bool(truth) => Some(Any::BoolValue(*truth)),
        Json::Number(number) => Some(match number.as_i64() {
            Some(number) => Any::IntValue(number),
            None => Any::DoubleValue(number.as_f64().unwrap_or(f64::NAN)),
        }),
        Json::Array(list) => Some(Any::ArrayValue(ArrayValue { values: list.iter().map(to_any).collect() })),
        Json::Object(map) => {
            Some(bytes(map).unwrap_or_else(|| Any::KvlistValue(KeyValueList { values: to_attributes(map) })))
        }
    };
    AnyValue { value }
}

fn bytes(map: &Map<String, Json>) -> Option<Any> {
    let text = map.get("bytesValue").filter(|_| map.len() == 1)?.as_str()?;
    STANDARD.decode(text).ok().map(Any::BytesValue)
}

/// The OTLP attributes of a JSON object.
pub(super) fn to_attributes(map: &Map<String, Json>) -> Vec<KeyValue> {
    map.iter().map(|(key, value)| key_value(key, to_any(value))).collect()
}

/// One OTLP attribute.
pub(super) fn key_value(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any(value: Any) -> AnyValue {
        AnyValue { value: Some(value) }
    }

    #[test]
    fn every_kind_of_value_comes_back() {
        let list = any(Any::ArrayValue(ArrayValue {
            values: vec![
                any(Any::IntValue(i64::MIN)),
                any(Any::BytesValue(vec![0, 255])),
                AnyValue { value: None },
            ],
        }));
        let map = any(Any::KvlistValue(KeyValueList {
            values: vec![key_value("a", list), key_value("b", any(Any::DoubleValue(1.0)))],
        }));
        assert_eq!(to_any(&from_any(&map)), map);
        let mut texts = Texts::default();
        let json = Json::Object(from_attributes(&[key_value("m", map.clone())])).to_string();
        let values = values_of_object(&json, &mut texts);
        assert_eq!(to_any(&to_json(values[0].1.resolve(&texts))), map);
    }

    #[test]
    fn nesting_is_bounded() {
        let mut value = any(Any::IntValue(1));
        for _ in 0..50 {
            value = any(Any::ArrayValue(ArrayValue { values: vec![value] }));
        }
        assert_eq!(from_any(&value).to_string(), format!("{}null{}", "[".repeat(DEPTH), "]".repeat(DEPTH)));
        assert_eq!(from_any(&any(Any::DoubleValue(f64::NAN))), Json::String("NaN".to_owned()));
    }
}
