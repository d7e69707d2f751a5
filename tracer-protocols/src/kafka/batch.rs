//! Record batches (Kafka documentation, "Record Batch": magic 2, since Kafka 0.11). Older message sets have no headers, and are not read.

use super::{compression::Codec, fields::signed};
use crate::cursor::Cursor;

/// Bytes of a batch before its records.
const HEADER: usize = 61;
/// The magic byte of this format.
const MAGIC: u8 = 2;
/// Bits of the attributes that hold the compression.
const CODEC: i16 = 0x7;
/// Bit of the attributes of markers of transactions, which are no messages.
const CONTROL: i16 = 1 << 5;

/// A batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    /// Offset of its first message, as the broker gave it; of what is published, 0.
    pub first_offset: i64,
    /// Offset of its last message.
    pub last_offset: i64,
    /// Messages in it.
    pub count: u32,
    /// How its records are compressed; `None` for a way that there is not.
    pub codec: Option<Codec>,
    /// Its records, as far as they were seen.
    pub records: &'a [u8],
    /// All of them were.
    pub whole: bool,
}

/// The batches in `bytes` whose header was seen, without those that are no messages.
pub fn batches(bytes: &[u8]) -> impl Iterator<Item = Batch<'_>> {
    let mut rest = Cursor(bytes);
    std::iter::from_fn(move || {
        loop {
            let (batch, is_control) = batch(&mut rest)?;
            if !is_control {
                return Some(batch);
            }
        }
    })
}

fn batch<'a>(rest: &mut Cursor<'a>) -> Option<(Batch<'a>, bool)> {
    let first_offset = rest.i64()?;
    let length = usize::try_from(rest.i32()?).ok()?;
    let whole = length <= rest.0.len();
    let mut batch = Cursor(rest.take(length.min(rest.0.len()))?);
    // The leader's epoch.
    batch.take(4)?;
    if batch.u8()? != MAGIC {
        return None;
    }
    // The checksum.
    batch.take(4)?;
    let attributes = batch.i16()?;
    let last_offset = first_offset.checked_add(i64::from(batch.i32()?))?;
    // First and last time, producer, its epoch and sequence.
    batch.take(8 + 8 + 8 + 2 + 4)?;
    let count = u32::try_from(batch.i32()?).ok()?;
    debug_assert!(batch.0.len() + HEADER <= bytes_of(length), "the header has its length");
    let codec = Codec::of(attributes & CODEC);
    let batch = Batch { first_offset, last_offset, count, codec, records: batch.0, whole };
    Some((batch, attributes & CONTROL != 0))
}

/// Bytes of a batch with its first two fields.
fn bytes_of(length: usize) -> usize {
    length + 12
}

/// A record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its offset, counted from the batch's first.
    pub offset: i64,
    /// Bytes of its value.
    pub value_bytes: u64,
    headers: &'a [u8],
    header_count: u64,
}

/// The records in `bytes`, uncompressed, up to the first one that was not seen to its end.
pub fn records(bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut rest = Cursor(bytes);
    std::iter::from_fn(move || record(&mut rest))
}

fn record<'a>(rest: &mut Cursor<'a>) -> Option<Record<'a>> {
    let length = usize::try_from(signed(rest)?).ok()?;
    let mut record = Cursor(rest.take(length)?);
    // Attributes and time.
    record.take(1)?;
    signed(&mut record)?;
    let offset = signed(&mut record)?;
    blob(&mut record)?;
    let value_bytes = blob(&mut record)?.len() as u64;
    let header_count = u64::try_from(signed(&mut record)?).ok()?;
    Some(Record { offset, value_bytes, headers: record.0, header_count })
}

/// Bytes with their length; null is empty.
fn blob<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let length = signed(cursor)?;
    cursor.take(usize::try_from(length).unwrap_or(0))
}

impl<'a> Record<'a> {
    /// Names and values of its headers.
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let (mut rest, mut left) = (Cursor(self.headers), self.header_count);
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            Some((blob(&mut rest)?, blob(&mut rest)?))
        })
    }
}
