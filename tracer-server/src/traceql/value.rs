//! Values that a query compares.

use std::cmp::Ordering;

use crate::spans::{Kind, Status, ValueRef};

/// A value of a query or of a span.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Not there.
    Nil,
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Nanoseconds.
    Duration(i64),
    /// Text.
    Text(String),
    /// True or false.
    Bool(bool),
    /// How a span ended.
    Status(Status),
    /// What a span is.
    Kind(Kind),
    /// A list: a comparison holds if it holds for one of its items.
    List(Vec<Value>),
}

/// Items of an attribute's list that are looked at.
const MOST_ITEMS: usize = 1024;

impl Value {
    /// The value of an attribute. Maps and bytes are their JSON.
    pub(super) fn of(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Text(text) => Self::Text(text.to_owned()),
            ValueRef::Int(number) => Self::Int(number),
            ValueRef::Double(number) => Self::Float(number),
            ValueRef::Bool(truth) => Self::Bool(truth),
            ValueRef::Json(text) => match serde_json::from_str(text) {
                Ok(serde_json::Value::Array(items)) => {
                    Self::List(items.iter().take(MOST_ITEMS).map(Self::of_json).collect())
                }
                _ => Self::Text(text.to_owned()),
            },
        }
    }

    /// The value of a JSON attribute, such as an event has.
    pub(super) fn of_json(json: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Nil,
            Json::Bool(truth) => Self::Bool(*truth),
            Json::Number(number) => {
                number.as_i64().map_or_else(|| Self::Float(number.as_f64().unwrap_or(f64::NAN)), Self::Int)
            }
            Json::String(text) => Self::Text(text.clone()),
            Json::Array(items) => {
                // Lists in lists are their JSON: nothing compares with them.
                let item = |item: &Json| {
                    if item.is_array() { Self::Text(item.to_string()) } else { Self::of_json(item) }
                };
                Self::List(items.iter().take(MOST_ITEMS).map(item).collect())
            }
            Json::Object(_) => Self::Text(json.to_string()),
        }
    }

    /// It as a number; durations in nanoseconds.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Int(number) | Self::Duration(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// The number with the other sign; nil for what is no number.
    pub(super) fn negative(&self) -> Self {
        match self {
            Self::Int(number) => Self::Int(number.saturating_neg()),
            Self::Duration(number) => Self::Duration(number.saturating_neg()),
            Self::Float(number) => Self::Float(-number),
            _ => Self::Nil,
        }
    }

    /// How it compares with another; none for values of different types.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a) | Self::Duration(a), Self::Int(b) | Self::Duration(b)) => Some(a.cmp(b)),
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Status(a), Self::Status(b)) => Some((*a as u8).cmp(&(*b as u8))),
            (Self::Kind(a), Self::Kind(b)) => Some(a.cmp(b)),
            _ => self.number()?.partial_cmp(&other.number()?),
        }
    }

    /// As a person reads it.
    pub fn to_text(&self) -> String {
        match self {
            Self::Nil => "nil".to_owned(),
            Self::Int(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Duration(ns) => format!("{ns}ns"),
            Self::Text(text) => text.clone(),
            Self::Bool(truth) => truth.to_string(),
            Self::Status(status) => status.name().to_owned(),
            Self::Kind(kind) => kind.name().to_owned(),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::to_text).collect();
                format!("[{}]", items.join(", "))
            }
        }
    }
}
