//! What a trace needs to have for a query to ask for it, in the terms of the store's searches.

use super::{
    ast::{Comparison, Expression, Join, Query, Spanset},
    field::{Field, Intrinsic},
    value::Value,
};
use crate::query::{Condition, Field as StoreField, Op, Scope};

/// Alternatives, at most; beyond that every trace is a candidate.
const MOST_ALTERNATIVES: usize = 8;

/// Alternatives, each a list of conditions: every trace that the query asks for has a span that meets all conditions of one of
/// them. An empty list of conditions is met by every span.
pub fn needs(query: &Query) -> Vec<Vec<Condition>> {
    of_spanset(&query.spans)
}

fn of_spanset(spanset: &Spanset) -> Vec<Vec<Condition>> {
    match spanset {
        Spanset::Filter(None) => vec![Vec::new()],
        Spanset::Filter(Some(condition)) => of_expression(condition),
        Spanset::Join(left, Join::Or, right) => either(of_spanset(left), of_spanset(right)),
        // What is not so needs no other one.
        Spanset::Join(_, Join::Structure { negated: true, .. }, right) => of_spanset(right),
        // Both are needed: the one that fewer traces have is the better one.
        Spanset::Join(left, _, right) => {
            let (left, right) = (of_spanset(left), of_spanset(right));
            if weight(&left) > weight(&right) { left } else { right }
        }
    }
}

fn either(mut left: Vec<Vec<Condition>>, right: Vec<Vec<Condition>>) -> Vec<Vec<Condition>> {
    left.extend(right);
    let is_any = left.len() > MOST_ALTERNATIVES || left.iter().any(Vec::is_empty);
    if is_any { vec![Vec::new()] } else { left }
}

/// How much a search by these is likely to leave out.
fn weight(alternatives: &[Vec<Condition>]) -> usize {
    let of_one = |conditions: &Vec<Condition>| {
        let of_condition = |condition: &Condition| match (&condition.field, condition.op) {
            (_, Op::Ne) => 1,
            (StoreField::Attribute(..), Op::Eq) => 8,
            (StoreField::Kind, _) => 2,
            _ => 4,
        };
        conditions.iter().map(of_condition).sum()
    };
    alternatives.iter().map(of_one).min().unwrap_or(0)
}

fn of_expression(expression: &Expression) -> Vec<Vec<Condition>> {
    match expression {
        Expression::And(left, right) => {
            let (left, right) = (of_expression(left), of_expression(right));
            if left.len() * right.len() > MOST_ALTERNATIVES {
                return if weight(&left) > weight(&right) { left } else { right };
            }
            let joined =
                left.iter().flat_map(|left| right.iter().map(move |right| [&left[..], &right[..]].concat()));
            joined.collect()
        }
        Expression::Or(left, right) => either(of_expression(left), of_expression(right)),
        Expression::Compare(left, comparison, right) => {
            let condition = match (&**left, &**right) {
                (Expression::Field(field), Expression::Value(value)) => condition(field, *comparison, value),
                (Expression::Value(value), Expression::Field(field)) => {
                    condition(field, comparison.turned(), value)
                }
                _ => None,
            };
            vec![condition.into_iter().collect()]
        }
        _ => vec![Vec::new()],
    }
}

impl Comparison {
    /// The same with its sides exchanged.
    fn turned(self) -> Self {
        match self {
            Self::Eq | Self::Ne => self,
            Self::Lt => Self::Gt,
            Self::Le => Self::Ge,
            Self::Gt => Self::Lt,
            Self::Ge => Self::Le,
        }
    }

    fn op(self) -> Op {
        match self {
            Self::Eq => Op::Eq,
            Self::Ne => Op::Ne,
            Self::Lt => Op::Lt,
            Self::Le => Op::Le,
            Self::Gt => Op::Gt,
            Self::Ge => Op::Ge,
        }
    }
}

/// The condition of the store that holds wherever the comparison does; none where the store has no such.
fn condition(field: &Field, comparison: Comparison, value: &Value) -> Option<Condition> {
    let attribute = |scope, key: &String| StoreField::Attribute(scope, key.clone());
    let is_equal = comparison == Comparison::Eq;
    let field = match field {
        Field::Attribute(key) => attribute(Scope::Any, key),
        Field::Span(key) => attribute(Scope::Span, key),
        Field::Resource(key) if key == "service.name" && is_equal && *value != Value::Text(String::new()) => {
            StoreField::Service
        }
        Field::Resource(key) => attribute(Scope::Resource, key),
        Field::Intrinsic(Intrinsic::Duration) => StoreField::Duration,
        // Empty texts are not there for the store.
        Field::Intrinsic(intrinsic) if is_equal && *value != Value::Text(String::new()) => match intrinsic {
            Intrinsic::Name | Intrinsic::RootName => StoreField::Name,
            Intrinsic::Status => StoreField::Status,
            Intrinsic::StatusMessage => StoreField::StatusMessage,
            Intrinsic::Kind => StoreField::Kind,
            Intrinsic::RootService => StoreField::Service,
            _ => return None,
        },
        Field::Intrinsic(Intrinsic::Status | Intrinsic::Kind) if comparison == Comparison::Ne => {
            let Field::Intrinsic(Intrinsic::Status) = field else { return None };
            StoreField::Status
        }
        _ => return None,
    };
    let value = match value {
        Value::Int(number) | Value::Duration(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Bool(truth) => truth.to_string(),
        Value::Status(status) => status.name().to_owned(),
        Value::Kind(kind) => kind.name().to_owned(),
        Value::Nil | Value::List(_) => return None,
    };
    Some(Condition { field, op: comparison.op(), value })
}
