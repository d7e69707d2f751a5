//! Which attributes have which values in a block: a filter of `key=value` pairs, so that a search for a rare value leaves out
//! the blocks that do not have it without reading a column.
//!
//! The filter is a split block Bloom filter, as Parquet has it for columns (parquet-format, BloomFilter.md), over pairs of
//! attributes wherever they are: in columns, in `other_attributes`, on resources. It lies between the columns and the footer of
//! the file, where other engines pass it over. A question reads 32 bytes of it for each form that its value may have.

use hashbrown::HashSet;
use parquet::{bloom_filter::Sbbf, errors::ParquetError, file::reader::ChunkReader};
use twox_hash::XxHash64;

use crate::{
    query::{Condition, Field, Op},
    spans::{Item, SpanRef, Spans, Text, ValueRef},
};

/// Bytes of one block of the filter (BloomFilter.md, "256 bits").
const BLOCK: u64 = 32;

/// Bits for each pair: of a thousand pairs that are not there, some six seem to be.
const BITS_FOR_EACH_PAIR: u64 = 12;

/// Bytes of the filter for each span, at most; with more pairs than that has room for, more seem to be there that are not.
const MOST_BYTES_FOR_EACH_SPAN: u64 = 5;

/// Where the filter is in a block's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AttributeIndex {
    /// From the file's beginning, in bytes.
    offset: u64,
    /// Blocks of 32 bytes.
    blocks: u64,
}

impl AttributeIndex {
    /// Reads what the file's metadata says (see [`Self::to_metadata`]); none for what lies outside of the file.
    pub(super) fn from_metadata(text: &str, file_bytes: u64) -> Option<Self> {
        let (offset, bytes) = text.split_once(' ')?;
        let (offset, bytes): (u64, u64) = (offset.parse().ok()?, bytes.parse().ok()?);
        let is_whole = bytes > 0 && bytes.is_multiple_of(BLOCK);
        let is_inside = offset.checked_add(bytes).is_some_and(|end| end <= file_bytes);
        (is_whole && is_inside).then_some(Self { offset, blocks: bytes / BLOCK })
    }

    /// The metadata of a filter: its offset and its length, in bytes.
    pub(super) fn to_metadata(offset: usize, bytes: &[u8]) -> String {
        format!("{offset} {}", bytes.len())
    }

    /// False if no span of the block can meet a condition.
    pub(super) fn may_hold(
        self,
        condition: &Condition,
        file: &impl ChunkReader,
    ) -> Result<bool, ParquetError> {
        let (Field::Attribute(_, key), Op::Eq) = (&condition.field, condition.op) else { return Ok(true) };
        for pair in asked(key, &condition.value) {
            let hash = XxHash64::oneshot(0, &pair);
            // Which block has the bits of a hash: BloomFilter.md, `filter_check`.
            let block = ((hash >> 32) * self.blocks) >> 32;
            let bytes = file.get_bytes(self.offset + block * BLOCK, BLOCK as usize)?;
            // A filter of this block alone.
            if Sbbf::new(&bytes).check(pair.as_slice()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The filter of these spans, as it is in the file.
pub(super) fn build(spans: &Spans) -> Result<Vec<u8>, ParquetError> {
    let texts = spans.texts();
    // A value's bits tell it from others of its kind, without its text being read.
    let mut seen: HashSet<(Text, u8, u64)> = HashSet::new();
    let mut pairs = Vec::new();
    let on_spans = spans.iter().flat_map(SpanRef::raw_attributes);
    let on_resources = spans.resources().iter().flat_map(|resource| &resource.attributes);
    for &(key, value) in on_spans.chain(on_resources) {
        let (kind, bits) = value.identity();
        if seen.insert((key, kind, bits)) {
            pairs.push((key, value));
        }
    }
    let most = spans.len() as u64 * MOST_BYTES_FOR_EACH_SPAN / BLOCK;
    let wanted = (pairs.len() as u64 * BITS_FOR_EACH_PAIR).div_ceil(BLOCK * 8);
    let blocks = wanted.min(most).max(1);
    let mut filter = Sbbf::new(&vec![0; (blocks * BLOCK) as usize]);
    for (key, value) in pairs {
        let value = value.resolve(texts);
        let items = value.items();
        for value in items.iter().map(Item::as_value).chain([value]) {
            for form in forms(value) {
                filter.insert(pair(texts.get(key), &form).as_slice());
            }
        }
    }
    let mut bytes = Vec::with_capacity((blocks * BLOCK) as usize);
    filter.write_bitset(&mut bytes)?;
    Ok(bytes)
}

/// A value in the filter.
enum Form<'a> {
    Text(&'a str),
    /// Whole numbers too, as they compare with what is written with a fraction.
    Number(f64),
    Bool(bool),
}

/// What a value may be asked for as.
fn forms(value: ValueRef<'_>) -> Vec<Form<'_>> {
    match value {
        ValueRef::Text(text) | ValueRef::Json(text) => vec![Form::Text(text)],
        ValueRef::Int(number) => vec![Form::Number(number as f64)],
        ValueRef::Bool(truth) => vec![Form::Bool(truth)],
        // In `other_attributes` they are texts.
        ValueRef::Double(number) if number.is_nan() => vec![Form::Text("NaN")],
        ValueRef::Double(number) if number.is_infinite() => {
            let name = if number > 0.0 { "Infinity" } else { "-Infinity" };
            vec![Form::Text(name), Form::Number(number)]
        }
        ValueRef::Double(number) => vec![Form::Number(number)],
    }
}

/// The pairs of which one is there if a span has an attribute that equals what a person wrote ([`ValueRef::compare`]).
fn asked(key: &str, written: &str) -> Vec<Vec<u8>> {
    let mut pairs = vec![pair(key, &Form::Text(written))];
    let number = written.parse::<i64>().map(|number| number as f64).or_else(|_| written.parse::<f64>());
    if let Ok(number) = number {
        pairs.push(pair(key, &Form::Number(number)));
    }
    if let Ok(truth) = written.parse::<bool>() {
        pairs.push(pair(key, &Form::Bool(truth)));
    }
    pairs
}

/// What is hashed: the key, a zero, a letter for the type, the value.
fn pair(key: &str, form: &Form<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(key.len() + 10);
    bytes.extend_from_slice(key.as_bytes());
    bytes.push(0);
    match form {
        Form::Text(text) => {
            bytes.push(b't');
            bytes.extend_from_slice(text.as_bytes());
        }
        Form::Number(number) => {
            bytes.push(b'n');
            // The sum makes one number of both zeros.
            bytes.extend_from_slice(&(number + 0.0).to_le_bytes());
        }
        Form::Bool(truth) => bytes.extend_from_slice(&[b'b', u8::from(*truth)]),
    }
    bytes
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        query::Scope,
        spans::{Value, testing},
    };

    fn index(bytes: &[u8]) -> AttributeIndex {
        let metadata = AttributeIndex::to_metadata(0, bytes);
        AttributeIndex::from_metadata(&metadata, bytes.len() as u64).expect("an index")
    }

    fn may_hold(bytes: &[u8], key: &str, written: &str) -> bool {
        let field = Field::Attribute(Scope::Any, key.to_owned());
        let condition = Condition::equals(field, written);
        index(bytes).may_hold(&condition, &Bytes::copy_from_slice(bytes)).expect("read")
    }

    #[test]
    fn what_is_not_there_is_rarely_taken_to_be() {
        let spans = testing::spans_with(20_000, |number, texts| {
            let (path, status) = (texts.intern("url.path"), texts.intern("http.response.status_code"));
            let text = Value::Text(texts.intern(&format!("/items/{number}")));
            vec![(path, text), (status, Value::Int(200))]
        });
        let bytes = build(&spans).expect("built");
        assert!(bytes.len() <= 20_000 * 3 / 2 + 64, "{}", bytes.len());
        assert!((0..20_000).all(|number| may_hold(&bytes, "url.path", &format!("/items/{number}"))));
        assert!(may_hold(&bytes, "http.response.status_code", "200.0"));
        let wrong =
            (20_000..40_000).filter(|number| may_hold(&bytes, "url.path", &format!("/items/{number}")));
        let wrong = wrong.count();
        assert!(wrong < 200, "{wrong} of 20000");
        let other = Condition { op: Op::Ne, ..Condition::equals(Field::Service, "x") };
        assert!(index(&bytes).may_hold(&other, &Bytes::new()).expect("not read"));
    }

    #[test]
    fn an_index_outside_of_the_file_is_none() {
        for wrong in ["", "1", "0 31", "0 0", "64 64", "18446744073709551615 32", "x 32"] {
            assert_eq!(AttributeIndex::from_metadata(wrong, 96), None, "{wrong}");
        }
    }

    fn value() -> impl Strategy<Value = (String, Option<i64>, Option<f64>, Option<bool>)> {
        prop_oneof![
            "[a-z0-9.]{0,6}".prop_map(|text| (text, None, None, None)),
            any::<i64>().prop_map(|number| (String::new(), Some(number), None, None)),
            any::<f64>().prop_map(|number| (String::new(), None, Some(number), None)),
            any::<bool>().prop_map(|truth| (String::new(), None, None, Some(truth))),
        ]
    }

    proptest! {
        /// Never is a span left out that a condition holds of.
        #[test]
        fn what_equals_is_found(values in prop::collection::vec(value(), 1..20), written in "[0-9]{1,3}(\\.0)?|true|NaN|-0|[a-z]{1,3}") {
            let spans = testing::spans_with(values.len(), |number, texts| {
                let key = texts.intern("k");
                let value = match &values[number] {
                    (_, Some(number), _, _) => Value::Int(*number),
                    (_, _, Some(number), _) => Value::Double(*number),
                    (_, _, _, Some(truth)) => Value::Bool(*truth),
                    (text, ..) => Value::Text(texts.intern(text)),
                };
                vec![(key, value)]
            });
            let bytes = build(&spans).expect("built");
            for span in spans.iter() {
                let value = span.attribute("k").expect("a value");
                for asked in [written.clone(), value.to_text()] {
                    let condition = Condition::equals(Field::Attribute(Scope::Any, "k".to_owned()), asked.clone());
                    prop_assert!(!condition.holds(Some(value)) || may_hold(&bytes, "k", &asked));
                }
            }
        }
    }
}
