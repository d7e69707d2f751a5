//! What the collector's schema has no place for: types of values, which are all text there, and a few fields.
//!
//! It is JSON in a column of its own, the same for most spans of an operation. Where it is empty, another program has written the
//! row: then what reads as a number or as `true` or `false`, and would be written just so, is taken for one.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value as Json};

use crate::spans::{SpanRef, Text, Texts, Value, ValueRef};

/// The type of a value that is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Type {
    Int,
    Double,
    Bool,
    /// Lists, maps, bytes.
    Json,
}

/// Types of those values that are no text, by attribute.
pub(super) type Types = BTreeMap<String, Type>;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Extra {
    #[serde(skip_serializing_if = "Types::is_empty")]
    pub(super) attributes: Types,
    #[serde(skip_serializing_if = "Types::is_empty")]
    pub(super) resource: Types,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) events: Vec<Types>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) links: Vec<Types>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) link_flags: Vec<u64>,
    /// `Span.flags` of OTLP.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) flags: u32,
    /// Attributes of the instrumentation scope.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(super) scope: Map<String, Json>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The types of attributes, and a value's text.
pub(super) fn type_of(value: ValueRef<'_>) -> Option<Type> {
    match value {
        ValueRef::Text(_) => None,
        ValueRef::Int(_) => Some(Type::Int),
        ValueRef::Double(_) => Some(Type::Double),
        ValueRef::Bool(_) => Some(Type::Bool),
        ValueRef::Json(_) => Some(Type::Json),
    }
}

/// The types of the values of a JSON object.
pub(super) fn types_of_object(object: &Map<String, Json>) -> Types {
    let of = |value: &Json| match value {
        Json::String(_) => None,
        Json::Bool(_) => Some(Type::Bool),
        Json::Number(number) if number.is_i64() => Some(Type::Int),
        Json::Number(_) => Some(Type::Double),
        Json::Null | Json::Array(_) | Json::Object(_) => Some(Type::Json),
    };
    object.iter().filter_map(|(key, value)| Some((key.clone(), of(value)?))).collect()
}

/// A number as the collector writes it (Go's JSON): an exponent where it has more than 21 digits or six zeros behind the point.
pub(super) fn double_text(number: f64) -> String {
    let size = number.abs();
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}");
        return if size >= 1e21 { text.replace('e', "e+") } else { text };
    }
    number.to_string()
}

/// A value as text.
pub(super) fn text_of(value: ValueRef<'_>) -> String {
    if let ValueRef::Double(number) = value { double_text(number) } else { value.to_text() }
}

/// A JSON value as text.
pub(super) fn text_of_json(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Number(number) if !number.is_i64() => double_text(number.as_f64().unwrap_or(f64::NAN)),
        other => other.to_string(),
    }
}

/// What may be known of the type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It is this, or text.
    Is(Option<Type>),
    /// Nothing.
    Nothing,
}

impl Known {
    /// Of an attribute. `types` are none in a row that has no types.
    pub(super) fn of(types: Option<&Types>, key: &str) -> Self {
        types.map_or(Self::Nothing, |types| Self::Is(types.get(key).copied()))
    }

    fn type_of(self, text: &str) -> Option<Type> {
        match self {
            Self::Is(of) => of,
            Self::Nothing if text.parse::<i64>().is_ok_and(|number| number.to_string() == text) => {
                Some(Type::Int)
            }
            Self::Nothing if matches!(text, "true" | "false") => Some(Type::Bool),
            Self::Nothing => {
                let starts_as_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
                let is_number = || text.parse::<f64>().is_ok_and(|number| double_text(number) == text);
                (starts_as_number && is_number()).then_some(Type::Double)
            }
        }
    }

    /// The value that has this text. What does not fit its type is text.
    pub(super) fn value(self, text: &str, texts: &mut Texts) -> Value {
        let value = match self.type_of(text) {
            None => None,
            Some(Type::Int) => text.parse().ok().map(Value::Int),
            Some(Type::Double) => text.parse().ok().map(Value::Double),
            Some(Type::Bool) => text.parse().ok().map(Value::Bool),
            Some(Type::Json) => Some(Value::Json(texts.intern(text))),
        };
        value.unwrap_or_else(|| Value::Text(texts.intern(text)))
    }

    /// The JSON value that has this text.
    pub(super) fn json(self, text: &str) -> Json {
        let value = match self.type_of(text) {
            None => None,
            Some(Type::Int) => text.parse::<i64>().ok().map(Json::from),
            Some(Type::Double) => text.parse().ok().and_then(Number::from_f64).map(Json::Number),
            Some(Type::Bool) => text.parse().ok().map(Json::Bool),
            Some(Type::Json) => serde_json::from_str(text).ok(),
        };
        value.unwrap_or_else(|| Json::String(text.to_owned()))
    }
}

/// What makes the JSON of a span without events and links: attributes by type, resource, flags, scope.
type Signature = (Vec<(Text, Option<Type>)>, u32, u32, Text);

/// Makes the JSON, once for spans that have the same.
#[derive(Default)]
pub(super) struct ExtraTexts(HashMap<Signature, String>);

impl ExtraTexts {
    /// The JSON of a span, whose events and links are these.
    pub(super) fn of(&mut self, span: SpanRef<'_>, events: &[Json], links: &[Json]) -> String {
        let row = span.row();
        if !events.is_empty() || !links.is_empty() {
            return extra(span, events, links);
        }
        let types = span.raw_attributes().iter().zip(span.attributes());
        let types = types.map(|((key, _), (_, value))| (*key, type_of(value))).collect();
        let entry = self.0.entry((types, row.resource, row.flags, row.scope));
        entry.or_insert_with(|| extra(span, events, links)).clone()
    }
}

fn extra(span: SpanRef<'_>, events: &[Json], links: &[Json]) -> String {
    fn types<'a>(values: impl Iterator<Item = (&'a str, ValueRef<'a>)>) -> Types {
        values.filter_map(|(key, value)| Some((key.to_owned(), type_of(value)?))).collect()
    }
    let of_items = |items: &[Json]| {
        let types: Vec<Types> =
            items.iter().map(|item| types_of_object(object(&item["attributes"]))).collect();
        if types.iter().all(BTreeMap::is_empty) { Vec::new() } else { types }
    };
    let flags: Vec<u64> = links.iter().map(|link| link["flags"].as_u64().unwrap_or_default()).collect();
    let scope: Json = serde_json::from_str(span.text(span.row().scope)).unwrap_or_default();
    let extra = Extra {
        attributes: types(span.attributes()),
        resource: types(span.resource_attributes()),
        events: of_items(events),
        links: of_items(links),
        link_flags: if flags.iter().all(|flags| *flags == 0) { Vec::new() } else { flags },
        flags: span.row().flags,
        scope: object(&scope["attributes"]).clone(),
    };
    // Nothing in it can fail.
    serde_json::to_string(&extra).unwrap_or_default()
}

/// The object in a value; an empty one for what is none.
pub(super) fn object(value: &Json) -> &Map<String, Json> {
    static EMPTY: std::sync::LazyLock<Map<String, Json>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&EMPTY)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_written_as_the_collector_writes_them() {
        let cases = [
            (500.0, "500"),
            (0.5, "0.5"),
            (-0.0, "-0"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (1e21, "1e+21"),
            (-2.5e300, "-2.5e+300"),
            (f64::INFINITY, "Infinity"),
        ];
        for (number, expected) in cases {
            assert_eq!(double_text(number), expected);
        }
    }

    #[test]
    fn what_has_no_type_is_taken_as_it_would_be_written() {
        let cases = [
            ("500", Some(Type::Int)),
            ("-1", Some(Type::Int)),
            ("007", None),
            ("+1", None),
            ("0.5", Some(Type::Double)),
            ("1e+21", Some(Type::Double)),
            ("1.0", None),
            ("NaN", None),
            ("Infinity", None),
            ("true", Some(Type::Bool)),
            ("True", None),
            ("", None),
            ("[1]", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Known::Nothing.type_of(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_number_comes_back(number in any::<f64>(), whole in any::<i64>()) {
            let mut texts = Texts::default();
            let double = Known::Is(Some(Type::Double)).value(&double_text(number), &mut texts);
            let same = matches!(double, Value::Double(back) if back.to_bits() == number.to_bits() || (back.is_nan() && number.is_nan()));
            prop_assert!(same, "{number} became {double:?}");
            prop_assert_eq!(Known::Nothing.value(&whole.to_string(), &mut texts), Value::Int(whole));
        }
    }
}
