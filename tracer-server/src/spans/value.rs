//! The values of attributes and of the small closed sets of OTLP.

use std::cmp::Ordering;

use super::texts::{Text, Texts};

/// The value of an attribute. Lists, maps and bytes are kept as JSON text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Text.
    Text(Text),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Double(f64),
    /// True or false.
    Bool(bool),
    /// A list or a map, as JSON.
    Json(Text),
}

/// A value whose text can be read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRef<'a> {
    /// Text.
    Text(&'a str),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Double(f64),
    /// True or false.
    Bool(bool),
    /// A list or a map, as JSON.
    Json(&'a str),
}

impl Value {
    /// The value with its text.
    pub fn resolve(self, texts: &Texts) -> ValueRef<'_> {
        match self {
            Self::Text(text) => ValueRef::Text(texts.get(text)),
            Self::Int(number) => ValueRef::Int(number),
            Self::Double(number) => ValueRef::Double(number),
            Self::Bool(truth) => ValueRef::Bool(truth),
            Self::Json(text) => ValueRef::Json(texts.get(text)),
        }
    }

    /// What tells it from every other value of the same [`Texts`]: its type, and bits.
    pub(crate) fn identity(self) -> (u8, u64) {
        match self {
            Self::Text(text) => (0, u64::from(text.0)),
            Self::Int(number) => (1, number as u64),
            Self::Double(number) => (2, number.to_bits()),
            Self::Bool(truth) => (3, u64::from(truth)),
            Self::Json(text) => (4, u64::from(text.0)),
        }
    }
}

impl ValueRef<'_> {
    /// The value with its text kept in `texts`.
    pub fn intern(self, texts: &mut Texts) -> Value {
        match self {
            Self::Text(text) => Value::Text(texts.intern(text)),
            Self::Int(number) => Value::Int(number),
            Self::Double(number) => Value::Double(number),
            Self::Bool(truth) => Value::Bool(truth),
            Self::Json(text) => Value::Json(texts.intern(text)),
        }
    }

    /// The items of a list; none for what is no list.
    pub(crate) fn items(self) -> Vec<Item> {
        let Self::Json(text) = self else { return Vec::new() };
        match serde_json::from_str(text) {
            Ok(serde_json::Value::Array(items)) => items.into_iter().map(Item::new).collect(),
            _ => Vec::new(),
        }
    }

    /// The value as a person writes it.
    pub fn to_text(self) -> String {
        match self {
            Self::Text(text) | Self::Json(text) => text.to_owned(),
            Self::Int(number) => number.to_string(),
            Self::Double(number) => number.to_string(),
            Self::Bool(truth) => truth.to_string(),
        }
    }

    /// How it compares with what a person wrote: numbers as numbers, everything else as text. None where a number is
    /// compared with something that is none.
    pub fn compare(self, written: &str) -> Option<Ordering> {
        match self {
            Self::Text(text) | Self::Json(text) => Some(text.cmp(written)),
            Self::Int(number) => match written.parse::<i64>() {
                Ok(other) => Some(number.cmp(&other)),
                Err(_) => (number as f64).partial_cmp(&written.parse().ok()?),
            },
            Self::Double(number) => number.partial_cmp(&written.parse().ok()?),
            Self::Bool(truth) => Some(truth.cmp(&written.parse().ok()?)),
        }
    }
}

/// An item of a list.
pub(crate) enum Item {
    Text(String),
    Int(i64),
    Double(f64),
    Bool(bool),
    Json(String),
}

impl Item {
    fn new(json: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::String(text) => Self::Text(text),
            Json::Bool(truth) => Self::Bool(truth),
            Json::Number(number) => match number.as_i64() {
                Some(number) => Self::Int(number),
                None => Self::Double(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::Null | Json::Array(_) | Json::Object(_) => Self::Json(json.to_string()),
        }
    }

    /// As a value.
    pub(crate) fn as_value(&self) -> ValueRef<'_> {
        match self {
            Self::Text(text) => ValueRef::Text(text),
            Self::Int(number) => ValueRef::Int(*number),
            Self::Double(number) => ValueRef::Double(*number),
            Self::Bool(truth) => ValueRef::Bool(*truth),
            Self::Json(text) => ValueRef::Json(text),
        }
    }
}

/// `Span.SpanKind` of trace.proto.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// Not said.
    #[default]
    Unspecified = 0,
    /// Within a service.
    Internal = 1,
    /// Answers a request.
    Server = 2,
    /// Makes a request.
    Client = 3,
    /// Puts a message into a queue.
    Producer = 4,
    /// Takes a message from a queue.
    Consumer = 5,
}

impl Kind {
    /// All kinds, at the index of their number.
    pub const ALL: [Self; 6] =
        [Self::Unspecified, Self::Internal, Self::Server, Self::Client, Self::Producer, Self::Consumer];

    /// The kind with this number; unknown numbers (a later protocol) are unspecified.
    pub fn from_number(number: i32) -> Self {
        usize::try_from(number).ok().and_then(|index| Self::ALL.get(index).copied()).unwrap_or_default()
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Lower-case name, as Jaeger's `span.kind` and TraceQL have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

/// `Status.StatusCode` of trace.proto.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// Not failed, as far as is known.
    #[default]
    Unset = 0,
    /// Said to be good.
    Ok = 1,
    /// Failed.
    Error = 2,
}

impl Status {
    /// All, at the index of their number.
    pub const ALL: [Self; 3] = [Self::Unset, Self::Ok, Self::Error];

    /// The status with this number; unknown numbers are unset.
    pub fn from_number(number: i32) -> Self {
        usize::try_from(number).ok().and_then(|index| Self::ALL.get(index).copied()).unwrap_or_default()
    }

    /// The status with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Lower-case name, as TraceQL has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Ok => "ok",
            Self::Error => "error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_as_numbers() {
        assert_eq!(ValueRef::Int(9).compare("10"), Some(Ordering::Less));
        assert_eq!(ValueRef::Int(9).compare("8.5"), Some(Ordering::Greater));
        assert_eq!(ValueRef::Int(9).compare("nine"), None);
        assert_eq!(ValueRef::Double(0.5).compare("0.50"), Some(Ordering::Equal));
        assert_eq!(ValueRef::Text("9").compare("10"), Some(Ordering::Greater));
        assert_eq!(ValueRef::Bool(true).compare("true"), Some(Ordering::Equal));
        assert_eq!(ValueRef::Bool(true).compare("yes"), None);
    }

    #[test]
    fn kinds_and_states_have_their_numbers_of_trace_proto() {
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
        }
        assert_eq!((Kind::from_number(99), Kind::from_number(-1)), (Kind::Unspecified, Kind::Unspecified));
        assert_eq!(Status::from_number(2), Status::Error);
    }
}
