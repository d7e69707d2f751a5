//! Documents (BSON specification 1.1), which may be cut anywhere.

/// An element of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    /// Its type.
    pub(super) kind: u8,
    /// Its name.
    pub(super) name: &'a str,
    /// The bytes of its value.
    value: &'a [u8],
}

/// Elements of a document that are at hand whole, and the front of a last one that is a document itself.
#[derive(Clone, Debug)]
pub(super) struct Elements<'a>(&'a [u8]);

/// The elements of the document that `bytes` begin with.
pub(super) fn elements(bytes: &[u8]) -> Elements<'_> {
    let length = word(bytes).map_or(0, |length| length as usize);
    Elements(bytes.get(4..length.min(bytes.len())).unwrap_or_default())
}

const DOUBLE: u8 = 0x01;
const STRING: u8 = 0x02;
const DOCUMENT: u8 = 0x03;
const ARRAY: u8 = 0x04;
const BOOLEAN: u8 = 0x08;
const INT32: u8 = 0x10;
const INT64: u8 = 0x12;

impl<'a> Element<'a> {
    /// Its text.
    pub(super) fn text(&self) -> Option<&'a str> {
        let (_, text) = self.value.split_first_chunk::<4>()?;
        let text = if self.kind == STRING { text.strip_suffix(b"\0")? } else { return None };
        std::str::from_utf8(text).ok()
    }

    /// Its number, without what is behind the decimal point.
    pub(super) fn number(&self) -> Option<i64> {
        match self.kind {
            DOUBLE => self.value.first_chunk().map(|bytes| f64::from_le_bytes(*bytes) as i64),
            INT32 => self.value.first_chunk().map(|bytes| i32::from_le_bytes(*bytes).into()),
            INT64 => self.value.first_chunk().map(|bytes| i64::from_le_bytes(*bytes)),
            BOOLEAN => self.value.first().map(|&value| value.into()),
            _ => None,
        }
    }

    /// What it holds, if it is a document or a list.
    pub(super) fn elements(&self) -> Elements<'a> {
        if matches!(self.kind, DOCUMENT | ARRAY) { elements(self.value) } else { Elements(&[]) }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let (&kind, rest) = self.0.split_first()?;
        let (name, rest) = text(rest)?;
        let size = if kind == 0 { None } else { size(kind, rest) };
        // What is behind something of unknown size cannot be read.
        let Some(size) = size else {
            self.0 = &[];
            return None;
        };
        let value = &rest[..size.min(rest.len())];
        self.0 = &rest[value.len()..];
        let is_whole = value.len() == size;
        if !is_whole {
            self.0 = &[];
        }
        (is_whole || matches!(kind, DOCUMENT | ARRAY)).then_some(Element { kind, name, value })
    }
}

/// Bytes of a value.
fn size(kind: u8, value: &[u8]) -> Option<usize> {
    let length = || word(value).map(|length| length as usize);
    Some(match kind {
        DOUBLE | 0x09 | 0x11 | INT64 => 8,
        STRING | 0x0d | 0x0e => 4 + length()?,
        DOCUMENT | ARRAY | 0x0f => length()?.max(4),
        0x05 => 5 + length()?,
        0x06 | 0x0a | 0x7f | 0xff => 0,
        0x07 => 12,
        BOOLEAN => 1,
        0x0b => {
            let (first, rest) = text(value)?;
            first.len() + 1 + text(rest)?.0.len() + 1
        }
        0x0c => 4 + length()? + 12,
        INT32 => 4,
        0x13 => 16,
        _ => return None,
    })
}

fn word(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_le_bytes(*bytes)).filter(|&length| length < 1 << 30)
}

/// Text up to a NUL, and what is behind.
pub(super) fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|&byte| byte == 0)?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}
