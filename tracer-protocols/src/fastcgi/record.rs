//! Record headers (specification, section 3.3).

/// Bytes of a header.
pub(super) const HEADER: usize = 8;
/// Bytes of the bodies of `BEGIN_REQUEST` and `END_REQUEST`.
pub(super) const BODY: usize = 8;
/// `FCGI_VERSION_1`
const VERSION: u8 = 1;

/// Types of records (section 8).
pub(super) mod kind {
    pub(in super::super) const BEGIN_REQUEST: u8 = 1;
    pub(in super::super) const ABORT_REQUEST: u8 = 2;
    pub(in super::super) const END_REQUEST: u8 = 3;
    pub(in super::super) const PARAMS: u8 = 4;
    pub(in super::super) const STDIN: u8 = 5;
    pub(in super::super) const STDOUT: u8 = 6;
    pub(in super::super) const STDERR: u8 = 7;
    pub(in super::super) const DATA: u8 = 8;
    pub(in super::super) const GET_VALUES: u8 = 9;
    pub(in super::super) const GET_VALUES_RESULT: u8 = 10;
    pub(in super::super) const UNKNOWN_TYPE: u8 = 11;
}

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) kind: u8,
    /// Which request of the connection it belongs to.
    pub(super) request: u16,
    /// Bytes of content.
    pub(super) content: usize,
    /// Bytes behind it that say nothing.
    pub(super) padding: usize,
}

impl Record {
    /// Bytes behind the header.
    pub(super) fn size(&self) -> usize {
        self.content + self.padding
    }

    /// Bytes of the whole record.
    pub(super) fn whole(&self) -> u64 {
        (HEADER + self.size()) as u64
    }
}

/// What is at the front of some bytes.
pub(super) enum Front {
    Record(Record),
    /// Too short to tell.
    Short,
    No,
}

/// Reads a header. The last byte is reserved, and sent as zero by everyone.
pub(super) fn read(bytes: &[u8]) -> Front {
    match *bytes {
        [
            VERSION,
            kind @ kind::BEGIN_REQUEST..=kind::UNKNOWN_TYPE,
            id1,
            id0,
            content1,
            content0,
            padding,
            0,
            ..,
        ] => Front::Record(Record {
            kind,
            request: u16::from_be_bytes([id1, id0]),
            content: u16::from_be_bytes([content1, content0]).into(),
            padding: padding.into(),
        }),
        [] | [VERSION] => Front::Short,
        [VERSION, kind::BEGIN_REQUEST..=kind::UNKNOWN_TYPE, ..] if bytes.len() < HEADER => Front::Short,
        _ => Front::No,
    }
}
