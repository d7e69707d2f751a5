//! Properties of messages (MQTT 5, section 2.2.2).

use super::packet::string;
use crate::cursor::Cursor;

/// Bytes of a length.
const MAX_LENGTH: u32 = 4;

const TOPIC_ALIAS: u8 = 0x23;
const USER: u8 = 0x26;

/// The properties of a message, as far as they were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Properties<'a> {
    bytes: &'a [u8],
    /// What stands in front of the payload: them and their length.
    pub size: u64,
}

/// The properties in front of a message's payload, in version 5; `None` where they are cut too early.
pub fn properties(rest: &[u8]) -> Option<Properties<'_>> {
    let mut cursor = Cursor(rest);
    let size = cursor.varint(MAX_LENGTH)?;
    let header = (rest.len() - cursor.0.len()) as u64;
    let seen = cursor.0.len().min(size as usize);
    Some(Properties { bytes: cursor.take(seen)?, size: size + header })
}

/// A property.
enum Property<'a> {
    Alias(u16),
    User(&'a [u8], &'a [u8]),
    Other,
}

fn property<'a>(cursor: &mut Cursor<'a>) -> Option<Property<'a>> {
    match cursor.u8()? {
        TOPIC_ALIAS => return Some(Property::Alias(cursor.u16()?)),
        USER => return Some(Property::User(string(cursor)?, string(cursor)?)),
        // Payload format.
        0x01 => drop(cursor.u8()?),
        // When the message expires.
        0x02 => drop(cursor.u32()?),
        // Subscription.
        0x0b => drop(cursor.varint(MAX_LENGTH)?),
        // Content type, response topic, correlation data.
        0x03 | 0x08 | 0x09 => drop(string(cursor)?),
        _ => return None,
    }
    Some(Property::Other)
}

impl<'a> Properties<'a> {
    fn iter(&self) -> impl Iterator<Item = Property<'a>> + use<'a> {
        let mut cursor = Cursor(self.bytes);
        std::iter::from_fn(move || property(&mut cursor))
    }

    /// The number that stands for the topic, now and later.
    pub fn topic_alias(&self) -> Option<u16> {
        self.iter()
            .find_map(|property| if let Property::Alias(alias) = property { Some(alias) } else { None })
    }

    /// Names and values that the application gave.
    pub fn user(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.iter().filter_map(|property| match property {
            Property::User(name, value) => Some((name, value)),
            Property::Alias(_) | Property::Other => None,
        })
    }
}
