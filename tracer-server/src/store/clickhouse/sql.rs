//! Conditions in ClickHouse's SQL.
//!
//! They are met by every span that a filter asks for, and by few others: what comes back is judged again by the filter itself,
//! so that both kinds of store answer alike.

use std::ops::Range;

use super::{
    encode::{kind_name, status_name},
    extra::double_text,
    schema::EXTRA,
};
use crate::{
    query::{Condition, Field, Op, Scope},
    spans::{Kind, Status, ValueRef},
};

/// A text as a literal.
pub(super) fn text(text: &str) -> String {
    quoted(text, '\'')
}

/// A name of a table or column.
pub(super) fn identifier(name: &str) -> String {
    quoted(name, '`')
}

fn quoted(text: &str, quote: char) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push(quote);
    for c in text.chars() {
        match c {
            '\\' => quoted.push_str("\\\\"),
            '\0' => quoted.push_str("\\0"),
            c if c == quote => quoted.extend(['\\', c]),
            c => quoted.push(c),
        }
    }
    quoted.push(quote);
    quoted
}

/// A list of texts as literals, for `IN`.
pub(super) fn texts(list: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let list: Vec<String> = list.into_iter().map(|item| text(item.as_ref())).collect();
    format!("({})", list.join(", "))
}

/// Spans that start within a range of time, nanoseconds since 1970.
pub(super) fn starts_within(range: &Range<u64>) -> String {
    let time = |ns: u64| format!("fromUnixTimestamp64Nano(toInt64({}))", ns.min(i64::MAX as u64));
    format!("Timestamp >= {} AND Timestamp < {}", time(range.start), time(range.end))
}

/// What spans that meet a condition meet. `lists` says whether lists are among the values of its attribute.
pub(super) fn condition(condition: &Condition, lists: bool) -> String {
    let op = match condition.op {
        Op::Eq => "=",
        Op::Ne => "!=",
        Op::Lt => "<",
        Op::Le => "<=",
        Op::Gt => ">",
        Op::Ge => ">=",
    };
    let holds = |name: &str| condition.holds(Some(ValueRef::Text(name)));
    let compared = |column: &str| format!("{column} {op} {}", text(&condition.value));
    match &condition.field {
        // Rows of other programs may have none, which reads as `unknown_service`.
        Field::Service => format!("({} OR ServiceName = '')", compared("ServiceName")),
        Field::Name => compared("SpanName"),
        Field::StatusMessage => compared("StatusMessage"),
        Field::Kind => {
            let kinds = Kind::ALL.into_iter().filter(|kind| holds(kind.name()));
            let names = kinds.flat_map(|kind| {
                [kind_name(kind).to_owned(), format!("SPAN_KIND_{}", kind.name().to_uppercase())]
            });
            any_of("SpanKind", names)
        }
        Field::Status => {
            let states = Status::ALL.into_iter().filter(|status| holds(status.name()));
            let names = states.flat_map(|status| {
                [status_name(status).to_owned(), format!("STATUS_CODE_{}", status.name().to_uppercase())]
            });
            any_of("StatusCode", names)
        }
        Field::Duration => match number(&condition.value) {
            Some(number) => format!("Duration {op} {number}"),
            None => "0".to_owned(),
        },
        Field::Attribute(scope, key) => attribute(*scope, key, condition, lists),
    }
}

/// A number as a literal, if it is one.
fn number(written: &str) -> Option<String> {
    if let Ok(number) = written.parse::<i64>() {
        return Some(number.to_string());
    }
    let number: f64 = written.parse().ok()?;
    Some(format!("toFloat64({})", text(&double_text(number))))
}

fn any_of(column: &str, names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    if names.is_empty() { "0".to_owned() } else { format!("{column} IN {}", texts(names)) }
}

fn attribute(scope: Scope, key: &str, condition: &Condition, lists: bool) -> String {
    let maps: &[&str] = match scope {
        Scope::Span => &["SpanAttributes"],
        Scope::Resource => &["ResourceAttributes"],
        Scope::Any => &["SpanAttributes", "ResourceAttributes"],
    };
    let key = text(key);
    let forms = (condition.op == Op::Eq).then(|| forms(&condition.value)).flatten();
    let in_map = |map: &&str| match &forms {
        // An empty text is what a map has for keys that it has not.
        Some(forms) if !lists && !condition.value.is_empty() => {
            let equal: Vec<String> =
                forms.iter().map(|form| format!("{map}[{key}] = {}", text(form))).collect();
            equal.join(" OR ")
        }
        Some(_) | None => format!("mapContains({map}, {key})"),
    };
    let alternatives: Vec<String> = maps.iter().map(in_map).collect();
    format!("({})", alternatives.join(" OR "))
}

/// The texts of which a value that equals what a person wrote is one; none where they cannot be told.
fn forms(written: &str) -> Option<Vec<String>> {
    /// From here on whole numbers and floating-point numbers are not the same any more.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let mut forms = vec![written.to_owned()];
    let number = written.parse::<f64>().ok().filter(|number| !number.is_nan());
    if let Some(number) = number {
        if number.abs() >= EXACT {
            return None;
        }
        forms.push(double_text(number));
        if number == 0.0 {
            forms.extend(["0".to_owned(), "-0".to_owned()]);
        }
    }
    forms.sort();
    forms.dedup();
    Some(forms)
}

/// The rows that have a list, a map or bytes as the value of one of these attributes.
pub(super) fn has_json<'a>(keys: impl Iterator<Item = &'a str>) -> String {
    let has = keys.map(|key| {
        let key = serde_json::Value::from(key);
        format!("position({EXTRA}, {}) > 0", text(&format!("{key}:\"json\"")))
    });
    has.collect::<Vec<String>>().join(" OR ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_stays_a_literal() {
        assert_eq!(text("a'b\\c\0"), r"'a\'b\\c\0'");
        assert_eq!(identifier("a`b"), r"`a\`b`");
        assert_eq!(texts(["a", "'"]), r"('a', '\'')");
    }

    #[test]
    fn a_number_has_several_forms() {
        assert_eq!(forms("500.0"), Some(vec!["500".to_owned(), "500.0".to_owned()]));
        assert_eq!(forms("0"), Some(vec!["-0".to_owned(), "0".to_owned()]));
        assert_eq!(forms("x"), Some(vec!["x".to_owned()]));
        assert_eq!(forms("9007199254740993"), None);
        assert_eq!(forms("inf"), None);
    }

    #[test]
    fn conditions_are_what_their_fields_need() {
        let sql =
            |field, op, value: &str| condition(&Condition { field, op, value: value.to_owned() }, false);
        assert_eq!(
            sql(Field::Status, Op::Ne, "error"),
            "StatusCode IN ('Unset', 'STATUS_CODE_UNSET', 'Ok', 'STATUS_CODE_OK')"
        );
        assert_eq!(sql(Field::Kind, Op::Eq, "nonsense"), "0");
        assert_eq!(sql(Field::Duration, Op::Ge, "soon"), "0");
        assert_eq!(sql(Field::Duration, Op::Ge, "1000"), "Duration >= 1000");
        let key = Field::Attribute(Scope::Span, "k".to_owned());
        assert_eq!(sql(key.clone(), Op::Eq, "v"), "(SpanAttributes['k'] = 'v')");
        assert_eq!(sql(key.clone(), Op::Eq, ""), "(mapContains(SpanAttributes, 'k'))");
        assert_eq!(sql(key, Op::Lt, "v"), "(mapContains(SpanAttributes, 'k'))");
    }
}
