//! A query asked of one trace.

use super::{
    ast::{Aggregate, Expression, Join, Query, Scalar, Spanset, Stage},
    field::Field,
    value::Value,
};
use crate::analysis::Trace;

/// Spans of a trace that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanSet {
    /// What they have in common by `by(...)`, with the value.
    pub by: Vec<(String, Value)>,
    /// Their numbers, such as `count()`.
    pub numbers: Vec<(String, f64)>,
    /// Their places in the trace, in order.
    pub spans: Vec<usize>,
}

/// Sets of one trace, at most.
const MOST_SETS: usize = 1000;

impl Query {
    /// The fields that the answer is to show of each span, beyond those that it always shows: those that are selected, and those
    /// that conditions ask for.
    pub fn shown(&self) -> Vec<&Field> {
        let mut fields = Vec::new();
        self.spans.fields(&mut fields);
        for stage in &self.stages {
            match stage {
                Stage::Select(selected) => fields.extend(selected),
                Stage::Filter(spanset) => spanset.fields(&mut fields),
                Stage::By(expression) => expression.fields(&mut fields),
                Stage::Coalesce | Stage::Keep(..) => {}
            }
        }
        let mut shown: Vec<&Field> = Vec::new();
        for field in fields {
            if !shown.contains(&field) {
                shown.push(field);
            }
        }
        shown
    }
}

/// The sets of spans of a trace that a query asks for; none for a trace that it does not ask for.
pub fn evaluate(query: &Query, trace: &Trace<'_>) -> Vec<SpanSet> {
    let spans = places(&query.spans.marks(trace));
    let mut sets = vec![SpanSet { by: Vec::new(), numbers: Vec::new(), spans }];
    for stage in &query.stages {
        sets.retain(|set| !set.spans.is_empty());
        match stage {
            Stage::Filter(spanset) => {
                let marks = spanset.marks(trace);
                for set in &mut sets {
                    set.spans.retain(|&span| marks[span]);
                }
            }
            Stage::By(expression) => sets = group(&sets, expression, trace),
            Stage::Coalesce => {
                let mut marks = vec![false; trace.spans.len()];
                for &span in sets.iter().flat_map(|set| &set.spans) {
                    marks[span] = true;
                }
                sets = vec![SpanSet { by: Vec::new(), numbers: Vec::new(), spans: places(&marks) }];
            }
            Stage::Select(_) => {}
            Stage::Keep(left, comparison, right) => {
                sets.retain_mut(|set| {
                    let (left, right) = (left.of(set, trace), right.of(set, trace));
                    let holds = left.zip(right).is_some_and(|(left, right)| {
                        comparison.holds(&Value::Float(left), &Value::Float(right))
                    });
                    holds && !set.spans.is_empty()
                });
            }
        }
    }
    sets.retain(|set| !set.spans.is_empty());
    sets
}

fn places(marks: &[bool]) -> Vec<usize> {
    (0..marks.len()).filter(|&index| marks[index]).collect()
}

fn group(sets: &[SpanSet], expression: &Expression, trace: &Trace<'_>) -> Vec<SpanSet> {
    let mut groups: Vec<SpanSet> = Vec::new();
    for set in sets {
        let first = groups.len();
        let mut group_of = hashbrown::HashMap::<String, usize>::new();
        for &span in &set.spans {
            let value = expression.value(trace, span);
            let group = group_of.get(&value.to_text()).copied();
            match group {
                Some(group) => groups[group].spans.push(span),
                // Further values have no set; by bounded memory, not by what the query says.
                None if groups.len() >= MOST_SETS => {}
                None => {
                    group_of.insert(value.to_text(), groups.len());
                    let mut by = set.by.clone();
                    by.push((expression.describe(), value));
                    groups.push(SpanSet { by, numbers: set.numbers.clone(), spans: vec![span] });
                }
            }
        }
        debug_assert!(groups.len() >= first, "groups only grow");
    }
    groups
}

impl Spanset {
    fn fields<'a>(&'a self, fields: &mut Vec<&'a Field>) {
        match self {
            Self::Filter(condition) => condition.iter().for_each(|condition| condition.fields(fields)),
            Self::Join(left, _, right) => {
                left.fields(fields);
                right.fields(fields);
            }
        }
    }

    /// For each span of the trace whether it is in the set.
    fn marks(&self, trace: &Trace<'_>) -> Vec<bool> {
        match self {
            Self::Filter(None) => vec![true; trace.spans.len()],
            Self::Filter(Some(condition)) => {
                (0..trace.spans.len()).map(|span| condition.value(trace, span) == Value::Bool(true)).collect()
            }
            Self::Join(left, join, right) => {
                let (left, right) = (left.marks(trace), right.marks(trace));
                join.marks(trace, &left, &right)
            }
        }
    }
}

impl Join {
    fn marks(self, trace: &Trace<'_>, left: &[bool], right: &[bool]) -> Vec<bool> {
        let either = || left.iter().zip(right).map(|(left, right)| *left || *right);
        let is_empty = |marks: &[bool]| !marks.contains(&true);
        match self {
            Self::And if is_empty(left) || is_empty(right) => vec![false; left.len()],
            Self::And | Self::Or => either().collect(),
            Self::Structure { relation, negated, both } => {
                let stands = relation.to_any(trace, left);
                let mut marks: Vec<bool> =
                    right.iter().zip(stands).map(|(right, stands)| *right && stands != negated).collect();
                if both {
                    let stands = relation.reversed().to_any(trace, right);
                    for (index, stands) in stands.into_iter().enumerate() {
                        marks[index] |= left[index] && stands;
                    }
                }
                marks
            }
        }
    }
}

impl Expression {
    fn fields<'a>(&'a self, fields: &mut Vec<&'a Field>) {
        match self {
            Self::Value(_) => {}
            Self::Field(field) => fields.push(field),
            Self::Not(inner) | Self::Negative(inner) | Self::Match { of: inner, .. } => inner.fields(fields),
            Self::And(left, right)
            | Self::Or(left, right)
            | Self::Compare(left, _, right)
            | Self::Calculate(left, _, right) => {
                left.fields(fields);
                right.fields(fields);
            }
        }
    }

    /// Its value on a span.
    fn value(&self, trace: &Trace<'_>, span: usize) -> Value {
        let truth = |expression: &Self| expression.value(trace, span) == Value::Bool(true);
        match self {
            Self::Value(value) => value.clone(),
            Self::Field(field) => field.of(trace, span),
            Self::Not(inner) => match inner.value(trace, span) {
                Value::Bool(truth) => Value::Bool(!truth),
                _ => Value::Nil,
            },
            Self::Negative(inner) => inner.value(trace, span).negative(),
            Self::And(left, right) => Value::Bool(truth(left) && truth(right)),
            Self::Or(left, right) => Value::Bool(truth(left) || truth(right)),
            Self::Compare(left, comparison, right) => {
                Value::Bool(comparison.holds(&left.value(trace, span), &right.value(trace, span)))
            }
            Self::Match { of, pattern, negated } => {
                let matches =
                    |value: &Value| matches!(value, Value::Text(text) if pattern.is_match(text) != *negated);
                Value::Bool(match of.value(trace, span) {
                    Value::List(items) => items.iter().any(matches),
                    value => matches(&value),
                })
            }
            Self::Calculate(left, arithmetic, right) => {
                arithmetic.of_values(&left.value(trace, span), &right.value(trace, span))
            }
        }
    }

    /// What a group by it is called.
    fn describe(&self) -> String {
        match self {
            Self::Field(field) => field.to_string(),
            _ => "by".to_owned(),
        }
    }
}

impl Scalar {
    /// The number that a set has; none where there is nothing to calculate with. What was asked for is noted at the set.
    fn of(&self, set: &mut SpanSet, trace: &Trace<'_>) -> Option<f64> {
        let (name, number) = match self {
            Self::Value(value) => return value.number(),
            Self::Calculate(left, arithmetic, right) => {
                let (left, right) = (left.of(set, trace)?, right.of(set, trace)?);
                return Some(arithmetic.of_numbers(left, right));
            }
            Self::Count => ("count()".to_owned(), set.spans.len() as f64),
            Self::Of(aggregate, expression) => {
                let values = set.spans.iter().filter_map(|&span| expression.value(trace, span).number());
                let number = aggregate.of(values)?;
                (format!("{}({})", aggregate.name(), expression.describe()), number)
            }
        };
        if !set.numbers.iter().any(|(other, _)| *other == name) {
            set.numbers.push((name, number));
        }
        Some(number)
    }
}

impl Aggregate {
    /// None of nothing.
    fn of(self, numbers: impl Iterator<Item = f64>) -> Option<f64> {
        let (mut count, mut sum) = (0_u32, 0.0);
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for number in numbers {
            count += 1;
            sum += number;
            least = least.min(number);
            most = most.max(number);
        }
        (count > 0).then_some(match self {
            Self::Average => sum / f64::from(count),
            Self::Maximum => most,
            Self::Minimum => least,
            Self::Sum => sum,
        })
    }
}
