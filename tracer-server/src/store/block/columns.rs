//! Columns under construction.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, StringArray,
    types::Int32Type,
};
use arrow_schema::{ArrowError, DataType};
use hashbrown::HashMap;

use super::schema;
use crate::spans::{Text, Texts, Value};

/// Stands for "no text" among the keys of a dictionary.
const NONE: i32 = -1;

/// A column of text: each different text once, and which one each row has.
pub(super) struct TextColumn {
    keys: Vec<i32>,
    values: Vec<Text>,
    key_of: HashMap<Text, i32, foldhash::fast::FixedState>,
}

impl TextColumn {
    /// A column in which no row has a text yet.
    pub(super) fn new(rows: usize) -> Self {
        Self { keys: vec![NONE; rows], values: Vec::new(), key_of: HashMap::default() }
    }

    pub(super) fn set(&mut self, row: usize, text: Text) {
        let next = self.values.len() as i32;
        let values = &mut self.values;
        self.keys[row] = *self.key_of.entry(text).or_insert_with(|| {
            values.push(text);
            next
        });
    }

    pub(super) fn finish(self, texts: &Texts) -> Result<ArrayRef, ArrowError> {
        let values = StringArray::from_iter_values(self.values.iter().map(|text| texts.get(*text)));
        let keys: Int32Array = self.keys.iter().map(|&key| (key != NONE).then_some(key)).collect();
        Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, Arc::new(values))?))
    }
}

/// The column of an attribute: values of one type.
pub(super) enum AttributeColumn {
    Text(TextColumn),
    Int(Vec<Option<i64>>),
    Double(Vec<Option<f64>>),
    Bool(Vec<Option<bool>>),
}

/// The types that have columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Int,
    Double,
    Bool,
}

impl Type {
    pub(super) const ALL: [Self; 4] = [Self::Text, Self::Int, Self::Double, Self::Bool];

    /// The type of a value; none for those that have no column.
    pub(super) fn of(value: Value) -> Option<Self> {
        match value {
            Value::Text(_) => Some(Self::Text),
            Value::Int(_) => Some(Self::Int),
            Value::Double(_) => Some(Self::Double),
            Value::Bool(_) => Some(Self::Bool),
            Value::Json(_) => None,
        }
    }
}

impl AttributeColumn {
    pub(super) fn new(of: Type, rows: usize) -> Self {
        match of {
            Type::Text => Self::Text(TextColumn::new(rows)),
            Type::Int => Self::Int(vec![None; rows]),
            Type::Double => Self::Double(vec![None; rows]),
            Type::Bool => Self::Bool(vec![None; rows]),
        }
    }

    /// Puts a value into a row; false if it is of another type.
    pub(super) fn set(&mut self, row: usize, value: Value) -> bool {
        match (self, value) {
            (Self::Text(column), Value::Text(text)) => column.set(row, text),
            (Self::Int(column), Value::Int(number)) => column[row] = Some(number),
            (Self::Double(column), Value::Double(number)) => column[row] = Some(number),
            (Self::Bool(column), Value::Bool(truth)) => column[row] = Some(truth),
            _ => return false,
        }
        true
    }

    pub(super) fn data_type(&self) -> DataType {
        match self {
            Self::Text(_) => schema::text(),
            Self::Int(_) => DataType::Int64,
            Self::Double(_) => DataType::Float64,
            Self::Bool(_) => DataType::Boolean,
        }
    }

    pub(super) fn finish(self, texts: &Texts) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Text(column) => column.finish(texts)?,
            Self::Int(column) => Arc::new(Int64Array::from(column)),
            Self::Double(column) => Arc::new(Float64Array::from(column)),
            Self::Bool(column) => Arc::new(BooleanArray::from(column)),
        })
    }
}
