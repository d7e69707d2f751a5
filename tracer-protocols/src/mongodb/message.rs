//! Headers.

use super::limits::MAX_LENGTH;

/// Bytes of a header.
pub(super) const HEADER: usize = 16;

/// What a message is, by its opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// `OP_MSG`
    Message,
    /// `OP_QUERY`
    Query,
    /// `OP_REPLY`
    Reply,
    /// `OP_COMPRESSED`
    Compressed,
}

impl Operation {
    /// Whether a client may send it.
    pub(super) fn asks(self) -> bool {
        self != Self::Reply
    }
}

/// How a message is compressed (MongoDB manual, "OP_COMPRESSED").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compressor {
    /// Not at all.
    None,
    /// Snappy's block format.
    Snappy,
    /// Zlib (RFC 1950).
    Zlib,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl Compressor {
    /// By its number.
    pub(super) fn of(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::None,
            1 => Self::Snappy,
            2 => Self::Zlib,
            3 => Self::Zstd,
            _ => return None,
        })
    }
}

/// The header of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes of the message, with the header.
    pub(super) length: u32,
    pub(super) id: u32,
    /// The id of what it answers, 0 where it answers nothing.
    pub(super) answers: u32,
    pub(super) operation: Operation,
}

/// The header that `bytes` begin with; `None`: there are too few.
pub(super) fn header(bytes: &[u8]) -> Option<Result<Header, ()>> {
    let header: &[u8; HEADER] = bytes.first_chunk()?;
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let operation = match word(12) {
        1 => Operation::Reply,
        2004 => Operation::Query,
        2012 => Operation::Compressed,
        2013 => Operation::Message,
        _ => return Some(Err(())),
    };
    let length = word(0);
    let fits = length > HEADER as u32 && length <= MAX_LENGTH;
    Some(if fits { Ok(Header { length, id: word(4), answers: word(8), operation }) } else { Err(()) })
}
