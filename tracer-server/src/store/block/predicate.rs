//! A condition on columns: the same [`Condition::holds`] as on spans in memory, asked once for each different value.

use arrow_array::{
    Array, BooleanArray, DictionaryArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampNanosecondArray, types::Int32Type,
};
use std::{collections::BTreeSet, ops::Range};

use super::schema;
use crate::{
    query::{Condition, Field, Scope},
    spans::{Texts, ValueRef, values_of_object},
};

/// The columns that decide on a condition, in the order in which they are asked: the first one that has a value decides.
pub(super) fn columns(field: &Field) -> Vec<String> {
    let one = |name: &str| vec![name.to_owned()];
    match field {
        Field::Service => one(schema::SERVICE),
        Field::Name => one(schema::NAME),
        Field::Kind => one(schema::KIND),
        Field::Status => one(schema::STATUS),
        Field::StatusMessage => one(schema::STATUS_MESSAGE),
        Field::Duration => one(schema::DURATION),
        Field::Attribute(Scope::Span, name) => {
            vec![format!("{}{name}", schema::ATTRIBUTE_PREFIX), schema::OTHER_ATTRIBUTES.to_owned()]
        }
        Field::Attribute(Scope::Resource, _) => one(schema::RESOURCE),
        Field::Attribute(Scope::Any, name) => vec![
            format!("{}{name}", schema::ATTRIBUTE_PREFIX),
            schema::OTHER_ATTRIBUTES.to_owned(),
            schema::RESOURCE.to_owned(),
        ],
    }
}

/// Whether the attribute can be in the column of rare attributes.
pub(super) fn may_be_other(field: &Field, other_keys: Option<&BTreeSet<String>>) -> bool {
    match field {
        Field::Attribute(Scope::Span | Scope::Any, name) => other_keys.is_none_or(|keys| keys.contains(name)),
        _ => false,
    }
}

/// For each row whether the condition holds. `names` are the columns to ask, in order.
pub(super) fn evaluate(condition: &Condition, names: &[String], batch: &RecordBatch) -> BooleanArray {
    let mut verdicts: Vec<Option<bool>> = vec![None; batch.num_rows()];
    for name in names {
        let Some(column) = batch.column_by_name(name) else { continue };
        let judge = Judge { condition, inside: inside(condition, name) };
        judge.column(column.as_ref(), &mut verdicts);
    }
    verdicts.into_iter().map(|verdict| Some(verdict.unwrap_or(false))).collect()
}

/// The key to look up in the JSON objects of a column, for columns of objects.
fn inside<'a>(condition: &'a Condition, column: &str) -> Option<&'a str> {
    match &condition.field {
        Field::Attribute(_, name) if column == schema::OTHER_ATTRIBUTES || column == schema::RESOURCE => {
            Some(name)
        }
        _ => None,
    }
}

struct Judge<'a> {
    condition: &'a Condition,
    inside: Option<&'a str>,
}

impl Judge<'_> {
    /// Decides on the rows that are undecided and have a value.
    fn column(&self, column: &dyn Array, verdicts: &mut [Option<bool>]) {
        let any = column.as_any();
        if let Some(dictionary) = any.downcast_ref::<DictionaryArray<Int32Type>>() {
            let Some(values) = dictionary.values().as_any().downcast_ref::<StringArray>() else { return };
            let mut of_value: Vec<Option<Option<bool>>> = vec![None; values.len()];
            let keys = dictionary.keys();
            for (row, verdict) in verdicts.iter_mut().enumerate() {
                if verdict.is_none() && keys.is_valid(row) {
                    let key = keys.value(row) as usize;
                    *verdict = *of_value[key].get_or_insert_with(|| self.text(values.value(key)));
                }
            }
        } else if let Some(texts) = any.downcast_ref::<StringArray>() {
            fill(column, verdicts, |row| self.text(texts.value(row)));
        } else if let Some(numbers) = any.downcast_ref::<Int64Array>() {
            fill(column, verdicts, |row| Some(self.value(ValueRef::Int(numbers.value(row)))));
        } else if let Some(numbers) = any.downcast_ref::<Float64Array>() {
            fill(column, verdicts, |row| Some(self.value(ValueRef::Double(numbers.value(row)))));
        } else if let Some(truths) = any.downcast_ref::<BooleanArray>() {
            fill(column, verdicts, |row| Some(self.value(ValueRef::Bool(truths.value(row)))));
        }
    }

    fn value(&self, value: ValueRef<'_>) -> bool {
        self.condition.holds(Some(value))
    }

    fn text(&self, text: &str) -> Option<bool> {
        let Some(name) = self.inside else { return Some(self.value(ValueRef::Text(text))) };
        // Most objects do not have the attribute, and reading JSON is what costs.
        if !text.contains(name) {
            return None;
        }
        let mut texts = Texts::default();
        let values = values_of_object(text, &mut texts);
        let (_, value) = values.into_iter().find(|(key, _)| texts.get(*key) == name)?;
        Some(self.value(value.resolve(&texts)))
    }
}

fn fill(column: &dyn Array, verdicts: &mut [Option<bool>], judge: impl Fn(usize) -> Option<bool>) {
    for (row, verdict) in verdicts.iter_mut().enumerate() {
        if verdict.is_none() && column.is_valid(row) {
            *verdict = judge(row);
        }
    }
}

/// For each row whether it starts within a range of time.
pub(super) fn starts_within(range: &Range<u64>, batch: &RecordBatch) -> BooleanArray {
    let starts = batch
        .column_by_name(schema::START_TIME)
        .and_then(|column| column.as_any().downcast_ref::<TimestampNanosecondArray>());
    let contains = |start: i64| u64::try_from(start).is_ok_and(|start| range.contains(&start));
    match starts {
        Some(starts) => starts.values().iter().map(|&start| Some(contains(start))).collect(),
        None => vec![false; batch.num_rows()].into(),
    }
}
