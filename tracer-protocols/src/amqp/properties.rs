//! Properties of contents, and tables (AMQP 0-9-1, sections 4.2.6.1 and 4.2.5.5, with RabbitMQ's errata on field types).

use super::method::short_string;
use crate::cursor::Cursor;

/// Tables within tables that are passed over; nobody nests headers.
const MAX_FIELDS: usize = 256;

/// What is kept of the properties of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Properties<'a> {
    /// Its name among those of its application, empty for none.
    pub message_id: &'a [u8],
    /// The request that it answers, or is; empty for none.
    pub correlation_id: &'a [u8],
    headers: &'a [u8],
}

impl<'a> Properties<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Self {
        let mut properties = Self::default();
        // What is cut is not there.
        let _: Option<()> = properties.fill(&mut Cursor(bytes));
        properties
    }

    fn fill(&mut self, cursor: &mut Cursor<'a>) -> Option<()> {
        let flags = cursor.u16()?;
        let has = |bit: u32| flags >> bit & 1 != 0;
        // The content's type and encoding.
        for bit in [15, 14] {
            if has(bit) {
                short_string(cursor)?;
            }
        }
        if has(13) {
            let size = cursor.u32()? as usize;
            let seen = cursor.0.len().min(size);
            self.headers = cursor.take(seen)?;
            if seen < size {
                return None;
            }
        }
        // Delivery mode and priority.
        cursor.take(usize::from(has(12)) + usize::from(has(11)))?;
        if has(10) {
            self.correlation_id = short_string(cursor)?;
        }
        // Whom to reply to, and until when.
        for bit in [9, 8] {
            if has(bit) {
                short_string(cursor)?;
            }
        }
        if has(7) {
            self.message_id = short_string(cursor)?;
        }
        Some(())
    }

    /// Names and values of the headers that are text.
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut rest = Cursor(self.headers);
        let mut left = MAX_FIELDS;
        std::iter::from_fn(move || {
            loop {
                left = left.checked_sub(1)?;
                let name = short_string(&mut rest)?;
                if let Value::Text(text) = value(&mut rest)? {
                    return Some((name, text));
                }
            }
        })
    }
}

/// The value of a field.
enum Value<'a> {
    Text(&'a [u8]),
    Other,
}

fn value<'a>(cursor: &mut Cursor<'a>) -> Option<Value<'a>> {
    let size = match cursor.u8()? {
        b'V' => 0,
        b't' | b'b' | b'B' => 1,
        b'U' | b's' | b'u' => 2,
        b'I' | b'i' | b'f' => 4,
        b'D' => 5,
        b'L' | b'l' | b'd' | b'T' => 8,
        b'S' => {
            let length = cursor.u32()? as usize;
            return Some(Value::Text(cursor.take(length)?));
        }
        b'A' | b'F' | b'x' => cursor.u32()? as usize,
        _ => return None,
    };
    cursor.take(size)?;
    Some(Value::Other)
}
