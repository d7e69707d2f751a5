//! Which spans are asked for.

use std::{cmp::Ordering, ops::Range};

use crate::spans::{SpanRef, ValueRef};

/// Spans that meet every condition.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// When they start, nanoseconds since 1970.
    pub start_ns: Range<u64>,
    /// What holds of each.
    pub conditions: Vec<Condition>,
}

/// One field compared with one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Of the span.
    pub field: Field,
    /// How it compares.
    pub op: Op,
    /// With what, as a person writes it; durations in nanoseconds.
    pub value: String,
}

/// What can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// `service.name`.
    Service,
    /// The span's name.
    Name,
    /// `server`, `client` and so on.
    Kind,
    /// `unset`, `ok` or `error`.
    Status,
    /// The message of the status.
    StatusMessage,
    /// Nanoseconds.
    Duration,
    /// An attribute.
    Attribute(Scope, String),
}

/// Where an attribute is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// On the span.
    Span,
    /// On its resource.
    Resource,
    /// On the span, else on its resource.
    Any,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Equal.
    Eq,
    /// There, and not equal.
    Ne,
    /// Less.
    Lt,
    /// At most.
    Le,
    /// Greater.
    Gt,
    /// At least.
    Ge,
}

impl Condition {
    /// A field that equals a value.
    pub fn equals(field: Field, value: impl Into<String>) -> Self {
        Self { field, op: Op::Eq, value: value.into() }
    }

    /// Whether a value of the field meets it, or an item of a list. What is not there meets nothing.
    pub fn holds(&self, value: Option<ValueRef<'_>>) -> bool {
        if let Some(list @ ValueRef::Json(_)) = value
            && list.items().iter().any(|item| self.one_holds(Some(item.as_value())))
        {
            return true;
        }
        self.one_holds(value)
    }

    fn one_holds(&self, value: Option<ValueRef<'_>>) -> bool {
        let Some(order) = value.and_then(|value| value.compare(&self.value)) else { return false };
        match self.op {
            Op::Eq => order == Ordering::Equal,
            Op::Ne => order != Ordering::Equal,
            Op::Lt => order == Ordering::Less,
            Op::Le => order != Ordering::Greater,
            Op::Gt => order == Ordering::Greater,
            Op::Ge => order != Ordering::Less,
        }
    }
}

impl Field {
    /// The field's value on a span. Text that is empty stands for a field that is not there.
    pub fn of<'a>(&self, span: SpanRef<'a>) -> Option<ValueRef<'a>> {
        let row = span.row();
        let text = |text: &'a str| (!text.is_empty()).then_some(ValueRef::Text(text));
        match self {
            Self::Service => text(span.service()),
            Self::Name => text(span.name()),
            Self::Kind => text(row.kind.name()),
            Self::Status => text(row.status.name()),
            Self::StatusMessage => text(span.text(row.status_message)),
            Self::Duration => Some(ValueRef::Int(i64::try_from(row.duration_ns).unwrap_or(i64::MAX))),
            Self::Attribute(Scope::Span, name) => span.attribute(name),
            Self::Attribute(Scope::Resource, name) => span.resource_attribute(name),
            Self::Attribute(Scope::Any, name) => {
                span.attribute(name).or_else(|| span.resource_attribute(name))
            }
        }
    }
}

impl Filter {
    /// Whether a span is asked for.
    pub fn matches(&self, span: SpanRef<'_>) -> bool {
        self.start_ns.contains(&span.row().start_ns)
            && self.conditions.iter().all(|condition| condition.holds(condition.field.of(span)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_hold_as_they_are_written() {
        let holds = |op, value: &str| {
            let condition = Condition { field: Field::Duration, op, value: value.to_owned() };
            condition.holds(Some(ValueRef::Int(10)))
        };
        let all = [Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge];
        assert_eq!(all.map(|op| holds(op, "10")), [true, false, false, true, false, true]);
        assert_eq!(all.map(|op| holds(op, "11")), [false, true, true, true, false, false]);
        assert_eq!(all.map(|op| holds(op, "x")), [false; 6]);
        assert!(!Condition::equals(Field::Name, "a").holds(None));
        let list = Some(ValueRef::Json(r#"["a",7,[8]]"#));
        for (value, holds) in [("a", true), ("7.0", true), ("8", false), (r#"["a",7,[8]]"#, true)] {
            assert_eq!(Condition::equals(Field::Name, value).holds(list), holds, "{value}");
        }
    }
}
