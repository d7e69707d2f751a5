//! Fields of messages: those of old, and the compact ones of "flexible" versions (KIP-482).

use super::{Topic, api};
use crate::cursor::Cursor;

/// Bytes of a number of 32 bits, seven a byte.
const MAX_VARINT: u32 = 5;
/// As [`MAX_VARINT`], of 64 bits.
const MAX_VARLONG: u32 = 10;

/// The first flexible version of an API, of those that are read.
fn first_flexible(api: i16) -> i16 {
    match api {
        api::PRODUCE | api::METADATA => 9,
        api::FETCH => 12,
        8 => 8,
        9 | 11 => 6,
        12 | 14 => 4,
        // APIs of after Kafka 2.4 are flexible from the start.
        api if api >= 44 => 0,
        _ => i16::MAX,
    }
}

/// Fields of a message of one version.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    cursor: Cursor<'a>,
    flexible: bool,
}

/// Bytes that say their length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blob<'a> {
    /// As many of them as were seen.
    pub(super) seen: &'a [u8],
    /// All of them were.
    pub(super) whole: bool,
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8], api: i16, version: i16) -> Self {
        Self { cursor: Cursor(bytes), flexible: version >= first_flexible(api) }
    }

    /// What was not read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.cursor.0
    }

    pub(super) fn skip(&mut self, n: usize) -> Option<()> {
        self.cursor.take(n).map(drop)
    }

    pub(super) fn i16(&mut self) -> Option<i16> {
        self.cursor.i16()
    }

    pub(super) fn i32(&mut self) -> Option<i32> {
        self.cursor.i32()
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.cursor.i64()
    }

    /// A length; that of null is negative.
    fn length_or_null(&mut self, plain: impl FnOnce(&mut Cursor<'a>) -> Option<i64>) -> Option<i64> {
        if self.flexible {
            Some(i64::try_from(self.cursor.varint(MAX_VARINT)?).ok()? - 1)
        } else {
            plain(&mut self.cursor)
        }
    }

    /// A length; that of null is 0.
    fn length(&mut self, plain: impl FnOnce(&mut Cursor<'a>) -> Option<i64>) -> Option<usize> {
        Some(usize::try_from(self.length_or_null(plain)?).unwrap_or(0))
    }

    /// A string; null is empty.
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.length(|cursor| cursor.i16().map(i64::from))?;
        self.cursor.take(length)
    }

    /// Passes a string over, and tells whether it is one that is empty; null is none.
    pub(super) fn skip_string(&mut self) -> Option<bool> {
        let length = self.length_or_null(|cursor| cursor.i16().map(i64::from))?;
        self.skip(usize::try_from(length).unwrap_or(0))?;
        Some(length == 0)
    }

    /// A string that is never compact: the client id of a request's header.
    pub(super) fn plain_string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.cursor.i16()?).unwrap_or(0);
        self.cursor.take(length)
    }

    /// The number of elements of an array; that of null is none.
    pub(super) fn array(&mut self) -> Option<usize> {
        self.length(|cursor| cursor.i32().map(i64::from))
    }

    /// An array of 32-bit numbers.
    pub(super) fn skip_numbers(&mut self) -> Option<()> {
        let count = self.array()?;
        self.skip(count.checked_mul(4)?)
    }

    /// Bytes, as far as they were seen.
    pub(super) fn blob(&mut self) -> Option<Blob<'a>> {
        let length = self.length(|cursor| cursor.i32().map(i64::from))?;
        let whole = length <= self.cursor.0.len();
        let seen = self.cursor.take(length.min(self.cursor.0.len()))?;
        Some(Blob { seen, whole })
    }

    /// A topic; those of `by_id` versions have an id.
    pub(super) fn topic(&mut self, by_id: bool) -> Option<Topic<'a>> {
        if by_id { self.cursor.array().map(Topic::Id) } else { self.string().map(Topic::Name) }
    }

    /// Tagged fields, which flexible versions have behind every structure.
    pub(super) fn tags(&mut self) -> Option<()> {
        if !self.flexible {
            return Some(());
        }
        for _ in 0..self.cursor.varint(MAX_VARINT)? {
            self.cursor.varint(MAX_VARINT)?;
            let size = self.cursor.varint(MAX_VARINT)?;
            self.cursor.take(usize::try_from(size).ok()?)?;
        }
        Some(())
    }
}

/// A signed number of a record, zigzag encoded (record format of magic 2).
pub(super) fn signed(cursor: &mut Cursor<'_>) -> Option<i64> {
    let value = cursor.varint(MAX_VARLONG)?;
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
}
