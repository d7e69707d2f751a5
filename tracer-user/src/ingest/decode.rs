//! Bytes of a record become an [`Event`]. The only place that reinterprets memory.

use tracer_common::event::{
    Close, Connect, DataHeader, Exec, Exit, Header, Kind, Lineage, Open, Process, TlsSeen, Written,
};

/// A record in the form that the stages use. Byte blocks borrow from the record.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Bytes went through a socket.
    Segment(Segment<'a>),
    /// A connection is described.
    Open(Open),
    /// A TCP connection is ending.
    Close(Close),
    /// A TCP connection could not be opened, or one that may be in place of such a one is open.
    Connect(Connect),
    /// A process is described.
    Process(ProcessRecord<'a>),
    /// A process ended.
    Exit(Exit),
    /// A task was started by another one.
    Lineage(Lineage),
    /// Trace context was written into the request that the next record of its connection begins.
    Written(Written),
}

/// A data record.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Everything but the bytes.
    pub head: DataHeader,
    /// The captured front of the segment.
    pub bytes: &'a [u8],
}

/// A process record.
#[derive(Clone, Copy)]
pub struct ProcessRecord<'a> {
    /// The whole record.
    pub process: &'a Process,
}

impl std::fmt::Debug for ProcessRecord<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The environment block holds secrets.
        f.debug_struct("Process").field("header", &self.process.header).finish_non_exhaustive()
    }
}

impl<'a> ProcessRecord<'a> {
    /// The path that the process was executed by, empty where it is not known.
    pub fn exec_path(&self) -> &'a [u8] {
        self.process.exec_path.split(|&byte| byte == 0).next().unwrap_or_default()
    }

    /// The argument block as far as it was copied.
    pub fn args(&self) -> &'a [u8] {
        let process = self.process;
        process.args.get(..process.args_len as usize).unwrap_or(&process.args)
    }

    /// The environment block as far as it was copied.
    pub fn environ(&self) -> &'a [u8] {
        let process = self.process;
        process.environ.get(..process.environ_len as usize).unwrap_or(&process.environ)
    }
}

/// A record that makes no sense: of another version, cut, or not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Shorter than its kind.
    #[error("a record of kind {kind} has {len} bytes, fewer than its kind has")]
    Short {
        /// The kind byte.
        kind: u8,
        /// Bytes at hand.
        len: usize,
    },
    /// No such kind.
    #[error("a record has the unknown kind {0}")]
    UnknownKind(u8),
    /// Not aligned as ring buffers and recordings align records.
    #[error("a record does not start at a multiple of eight")]
    Misaligned,
}

impl Event<'_> {
    /// The part that all records share.
    pub fn header(&self) -> &Header {
        match self {
            Self::Segment(segment) => &segment.head.header,
            Self::Open(open) => &open.header,
            Self::Close(close) => &close.header,
            Self::Connect(connect) => &connect.header,
            Self::Process(process) => &process.process.header,
            Self::Exit(exit) => &exit.header,
            Self::Lineage(lineage) => &lineage.header,
            Self::Written(written) => &written.header,
        }
    }
}

/// Reads one record.
pub fn decode(record: &[u8]) -> Result<Event<'_>, DecodeError> {
    let kind = *record.first().ok_or(DecodeError::Short { kind: 0, len: 0 })?;
    if kind == Kind::Data as u8 {
        let head = *view::<DataHeader>(record)?;
        let rest = &record[size_of::<DataHeader>()..];
        let bytes =
            rest.get(..head.captured as usize).ok_or(DecodeError::Short { kind, len: record.len() })?;
        Ok(Event::Segment(Segment { head, bytes }))
    } else if kind == Kind::Open as u8 {
        Ok(Event::Open(*view(record)?))
    } else if kind == Kind::Close as u8 {
        Ok(Event::Close(*view(record)?))
    } else if kind == Kind::Connect as u8 {
        Ok(Event::Connect(*view(record)?))
    } else if kind == Kind::Process as u8 {
        Ok(Event::Process(ProcessRecord { process: view(record)? }))
    } else if kind == Kind::Exit as u8 {
        Ok(Event::Exit(*view(record)?))
    } else if kind == Kind::Lineage as u8 {
        Ok(Event::Lineage(*view(record)?))
    } else if kind == Kind::Written as u8 {
        Ok(Event::Written(*view(record)?))
    } else {
        Err(DecodeError::UnknownKind(kind))
    }
}

/// CLOCK_MONOTONIC nanoseconds of a record, without decoding the rest.
pub(super) fn time_ns(record: &[u8]) -> u64 {
    record.get(8..16).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_ne_bytes)
}

/// A record that is about the capture, not about what is captured: nobody else gets to see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// A process moves TLS records by no function that is probed.
    TlsSeen(u32),
    /// A process runs another program.
    Exec(u32),
}

/// The notice, if a record is one.
pub(super) fn notice(record: &[u8]) -> Option<Notice> {
    let kind = *record.first()?;
    if kind == Kind::TlsSeen as u8 {
        Some(Notice::TlsSeen(view::<TlsSeen>(record).ok()?.header.tgid))
    } else if kind == Kind::Exec as u8 {
        Some(Notice::Exec(view::<Exec>(record).ok()?.header.tgid))
    } else {
        None
    }
}

/// Types that may be viewed in a record: `repr(C)`, no padding, every bit pattern valid.
///
/// # Safety
/// Only for such types.
unsafe trait Record {}
// SAFETY: `repr(C)` integers and byte arrays without padding (asserted by size in tracer-common).
unsafe impl Record for DataHeader {}
// SAFETY: as above.
unsafe impl Record for Open {}
// SAFETY: as above.
unsafe impl Record for Close {}
// SAFETY: as above.
unsafe impl Record for Connect {}
// SAFETY: as above.
unsafe impl Record for Process {}
// SAFETY: as above.
unsafe impl Record for Exec {}
// SAFETY: as above.
unsafe impl Record for Exit {}
// SAFETY: as above.
unsafe impl Record for Lineage {}
// SAFETY: as above.
unsafe impl Record for TlsSeen {}
// SAFETY: as above.
unsafe impl Record for Written {}

fn view<T: Record>(record: &[u8]) -> Result<&T, DecodeError> {
    if record.len() < size_of::<T>() {
        return Err(DecodeError::Short { kind: record.first().copied().unwrap_or(0), len: record.len() });
    }
    let pointer = record.as_ptr().cast::<T>();
    if !pointer.is_aligned() {
        return Err(DecodeError::Misaligned);
    }
    // SAFETY: long enough, aligned, and any bytes are a valid `T` (see `Record`).
    Ok(unsafe { &*pointer })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C, align(8))]
    struct Aligned<const N: usize>([u8; N]);

    #[test]
    fn nonsense_is_refused_with_its_reason() {
        assert_eq!(decode(&[]).unwrap_err(), DecodeError::Short { kind: 0, len: 0 });
        assert_eq!(decode(&Aligned([99; 64]).0).unwrap_err(), DecodeError::UnknownKind(99));
        assert_eq!(decode(&Aligned([3; 8]).0).unwrap_err(), DecodeError::Short { kind: 3, len: 8 });
        assert_eq!(decode(&Aligned([3; 64]).0[1..]).unwrap_err(), DecodeError::Misaligned);
    }

    #[test]
    fn notices_are_told_from_what_is_captured() {
        for (kind, expected) in [
            (Kind::TlsSeen as u8, Some(Notice::TlsSeen(7))),
            (Kind::Exec as u8, Some(Notice::Exec(7))),
            (Kind::Exit as u8, None),
        ] {
            let mut record = Aligned([0; 24]);
            record.0[0] = kind;
            record.0[4] = 7;
            assert_eq!(notice(&record.0), expected);
            assert_eq!(notice(&record.0[..16]), None, "a cut one");
        }
    }

    #[test]
    fn a_data_record_cannot_claim_more_bytes_than_it_has() {
        let mut record = Aligned([0; 64]);
        record.0[0] = Kind::Data as u8;
        record.0[40..44].copy_from_slice(&9u32.to_ne_bytes());
        assert_eq!(decode(&record.0).unwrap_err(), DecodeError::Short { kind: 1, len: 64 });
        record.0[40..44].copy_from_slice(&8u32.to_ne_bytes());
        let Ok(Event::Segment(segment)) = decode(&record.0) else { panic!("not a segment") };
        assert_eq!(segment.bytes, [0; 8]);
    }
}
