//! Records in a file: for bug reports, tests and benchmarks.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `TRACEREC` |
//! | 4 | version of this format |
//! | 4 | [`tracer_common::ABI`]: the layout of the records |
//! | 4 | 0x01020304 in the byte order of the file |
//! | 4 | 0 |
//! | 8 | wall-clock nanoseconds since the Unix epoch at CLOCK_MONOTONIC zero |
//! | ... | records: 4 bytes of length, 4 bytes 0, the record, zeros up to a multiple of eight |
//!
//! Numbers are in the byte order of the machine that recorded: the records themselves are, too. The file may end anywhere:
//! what was written before counts.

use std::{
    hash::{BuildHasher, RandomState},
    io::{self, Read, Write},
    mem::offset_of,
};

use tracer_common::{
    ABI,
    event::{Close, Connect, DataHeader, Exit, Lineage, Open, Process, Written, flags},
    limits::TAIL,
};

use super::decode::{Event, decode, time_ns};
use crate::clock::WallClock;

const MAGIC: [u8; 8] = *b"TRACEREC";
/// Changes with the table above.
const VERSION: u32 = 1;
const BYTE_ORDER: u32 = 0x0102_0304;
const HEADER: usize = 32;
/// Longest record: several times the largest that the kernel side makes.
const MAX_RECORD: usize = 64 << 10;
/// Variables that say what a service is called. Others, `OTEL_EXPORTER_OTLP_HEADERS` among them, hold secrets.
const KEPT_VARIABLES: [&[u8]; 2] = [b"OTEL_SERVICE_NAME=", b"OTEL_RESOURCE_ATTRIBUTES="];

/// A file is no recording that this program can read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// It cannot be read at all.
    #[error("the recording cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("this file is no recording: recordings are made by `tracer record` and start with TRACEREC")]
    NotARecording,
    /// The header says so.
    #[error(
        "this recording has format {version} and records of layout {abi}, and this tracer reads format {VERSION} and layout {ABI}; \
         replay it with the version that recorded it"
    )]
    OtherVersion {
        /// Its format.
        version: u32,
        /// The layout of its records.
        abi: u32,
    },
    /// A big-endian recording on a little-endian machine, or the other way round.
    #[error("this recording was made on a machine of another byte order; replay it on one like that")]
    OtherByteOrder,
    /// A length that no record has.
    #[error("the recording is damaged: record {number} claims to be {len} bytes long")]
    Damaged {
        /// Records before it.
        number: u64,
        /// What it claims.
        len: u32,
    },
}

/// Writes a recording.
#[derive(Debug)]
pub struct Recorder<W> {
    out: W,
    block: Vec<u8>,
    records: u64,
    /// Random: kernel addresses are of use to an attacker, and to us only as names.
    pseudonyms: RandomState,
}

impl<W: Write> Recorder<W> {
    /// Starts a recording with today's mapping of the clocks.
    pub fn new(mut out: W, clock: WallClock) -> io::Result<Self> {
        let mut header = Vec::with_capacity(HEADER);
        header.extend(MAGIC);
        for number in [VERSION, ABI, BYTE_ORDER, 0] {
            header.extend(number.to_ne_bytes());
        }
        header.extend(clock.offset_ns.to_ne_bytes());
        out.write_all(&header)?;
        Ok(Self { out, block: Vec::new(), records: 0, pseudonyms: RandomState::new() })
    }

    /// Adds a record, reduced to what it says: ring buffers hand out whole slots with older bytes in their unused parts.
    /// Of an environment only the two variables that name a service are kept, and kernel addresses become random names.
    ///
    /// A record that cannot be decoded is left out.
    pub fn write(&mut self, record: &[u8]) -> io::Result<()> {
        let Ok(event) = decode(record) else { return Ok(()) };
        self.block.clear();
        self.block.extend([0; 8]);
        self.block.extend_from_slice(record);
        let body = &mut self.block[8..];
        let len = match event {
            Event::Segment(segment) => {
                if segment.head.header.flags & flags::HAS_TAIL == 0 {
                    body[offset_of!(DataHeader, tail)..][..TAIL].fill(0);
                }
                size_of::<DataHeader>() + segment.bytes.len()
            }
            Event::Open(open) => {
                for (at, address) in [
                    (offset_of!(Open, socket), open.socket),
                    (offset_of!(Open, peer_socket), open.peer_socket),
                ] {
                    body[at..at + 8].copy_from_slice(&pseudonym(&self.pseudonyms, address).to_ne_bytes());
                }
                clear_behind(&mut body[offset_of!(Open, path)..size_of::<Open>()], open.path_len.into());
                size_of::<Open>()
            }
            Event::Process(record) => {
                let args = &mut body[offset_of!(Process, args)..offset_of!(Process, environ)];
                clear_behind(args, record.args().len());
                let environ = naming_variables(record.environ(), record.process.cut & 2 != 0);
                let block = &mut body[offset_of!(Process, environ)..size_of::<Process>()];
                block[..environ.len()].copy_from_slice(&environ);
                clear_behind(block, environ.len());
                body[offset_of!(Process, environ_len)..][..4]
                    .copy_from_slice(&(environ.len() as u32).to_ne_bytes());
                let path = &mut body[offset_of!(Process, exec_path)..offset_of!(Process, args)];
                let end = path.iter().position(|&byte| byte == 0).unwrap_or(path.len());
                clear_behind(path, end);
                size_of::<Process>()
            }
            Event::Close(_) => size_of::<Close>(),
            Event::Connect(_) => size_of::<Connect>(),
            Event::Exit(_) => size_of::<Exit>(),
            Event::Lineage(_) => size_of::<Lineage>(),
            Event::Written(_) => size_of::<Written>(),
        };
        self.block.truncate(8 + len);
        self.block[..4].copy_from_slice(&(len as u32).to_ne_bytes());
        self.block.resize(self.block.len().next_multiple_of(8), 0);
        self.out.write_all(&self.block)?;
        self.records += 1;
        Ok(())
    }

    /// Records written.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Writes out what is buffered and gives the stream back.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

/// The same for the same address, 0 for 0.
fn pseudonym(names: &RandomState, address: u64) -> u64 {
    if address == 0 { 0 } else { names.hash_one(address) | 1 }
}

fn clear_behind(block: &mut [u8], len: usize) {
    if let Some(rest) = block.get_mut(len..) {
        rest.fill(0);
    }
}

/// The variables that name a service, each with its NUL. The last one of a block that was cut may be half a variable.
fn naming_variables(environ: &[u8], cut: bool) -> Vec<u8> {
    let end = if cut { environ.iter().rposition(|&byte| byte == 0).unwrap_or(0) } else { environ.len() };
    let variables = environ[..end].split(|&byte| byte == 0);
    let mut kept = Vec::new();
    for variable in variables.filter(|variable| KEPT_VARIABLES.iter().any(|name| variable.starts_with(name)))
    {
        // The last variable may lack its NUL, so that all of them with one would not fit.
        kept.extend_from_slice(variable);
        kept.push(0);
    }
    kept.truncate(environ.len());
    kept
}

/// Reads a recording.
#[derive(Debug)]
pub struct Recording<R> {
    input: R,
    /// The mapping of the clocks when it was started.
    pub clock: WallClock,
    /// A record, at a multiple of eight in memory.
    buffer: Vec<u8>,
    records: u64,
    cut: bool,
}

/// A record that was read.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    /// When it was made, CLOCK_MONOTONIC nanoseconds of the machine that recorded.
    pub time_ns: u64,
    /// Its bytes, at a multiple of eight in memory.
    pub bytes: &'a [u8],
}

impl<R: Read> Recording<R> {
    /// Reads the header.
    pub fn open(mut input: R) -> Result<Self, RecordingError> {
        let mut header = [0; HEADER];
        if fill(&mut input, &mut header)? < HEADER || header[..8] != MAGIC {
            return Err(RecordingError::NotARecording);
        }
        let number = |at: usize| header[at..at + 4].try_into().map_or(0, u32::from_ne_bytes);
        let (version, abi) = (number(8), number(12));
        if number(16) == BYTE_ORDER.swap_bytes() {
            return Err(RecordingError::OtherByteOrder);
        }
        if version != VERSION || abi != ABI || number(16) != BYTE_ORDER {
            return Err(RecordingError::OtherVersion { version, abi });
        }
        let offset_ns = header[24..].try_into().map_or(0, u64::from_ne_bytes);
        Ok(Self { input, clock: WallClock { offset_ns }, buffer: Vec::new(), records: 0, cut: false })
    }

    /// The next record, `None` at the end.
    pub fn next_record(&mut self) -> Result<Option<Recorded<'_>>, RecordingError> {
        let mut head = [0; 8];
        let got = fill(&mut self.input, &mut head)?;
        if got < head.len() {
            self.cut |= got > 0;
            return Ok(None);
        }
        let len = u32::from_ne_bytes([head[0], head[1], head[2], head[3]]);
        if len == 0 || len as usize > MAX_RECORD {
            return Err(RecordingError::Damaged { number: self.records, len });
        }
        let len = len as usize;
        if self.buffer.is_empty() {
            self.buffer = vec![0; MAX_RECORD + 16];
        }
        let start = self.buffer.as_ptr().align_offset(8);
        let block = &mut self.buffer[start..start + len.next_multiple_of(8)];
        if fill(&mut self.input, block)? < len {
            self.cut = true;
            return Ok(None);
        }
        self.records += 1;
        let bytes = &block[..len];
        Ok(Some(Recorded { time_ns: time_ns(bytes), bytes }))
    }

    /// Whether the file ended within a record.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// Records read.
    pub fn records(&self) -> u64 {
        self.records
    }
}

/// Reads until `block` is full or the input ends; returns how much was read.
fn fill(input: &mut impl Read, block: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < block.len() {
        match input.read(&mut block[got..]) {
            Ok(0) => break,
            Ok(count) => got += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

#[cfg(test)]
mod tests {
    use tracer_common::event::Kind;

    use super::*;

    const CLOCK: WallClock = WallClock { offset_ns: 1_790_000_000_000_000_000 };

    /// A record of `len` bytes at a multiple of eight.
    fn record(kind: Kind, time_ns: u64, len: usize) -> Box<[u64]> {
        let mut words = vec![u64::MAX; len.div_ceil(8)];
        words[0] = u64::from_ne_bytes([kind as u8, 0, 0, 0, 7, 0, 0, 0]);
        words[1] = time_ns;
        words.into()
    }

    fn bytes(words: &[u64]) -> &[u8] {
        // SAFETY: every byte of a u64 is a valid u8.
        unsafe { words.align_to().1 }
    }

    fn recorded(records: &[&[u64]]) -> Vec<u8> {
        let mut recorder = Recorder::new(Vec::new(), CLOCK).unwrap();
        for record in records {
            recorder.write(bytes(record)).unwrap();
        }
        recorder.finish().unwrap()
    }

    #[test]
    fn records_come_back_in_order_and_aligned() {
        let file = recorded(&[&record(Kind::Exit, 5, 24), &record(Kind::Exit, 6, 24)]);
        let mut recording = Recording::open(&file[..]).unwrap();
        assert_eq!(recording.clock, CLOCK);
        for time in [5, 6] {
            let record = recording.next_record().unwrap().unwrap();
            assert_eq!((record.time_ns, record.bytes.len()), (time, 24));
            assert!(matches!(decode(record.bytes), Ok(Event::Exit(_))));
        }
        assert!(recording.next_record().unwrap().is_none());
        assert!(!recording.is_cut());
    }

    #[test]
    fn a_file_may_end_anywhere() {
        let file = recorded(&[&record(Kind::Exit, 5, 24), &record(Kind::Exit, 6, 24)]);
        for end in HEADER..file.len() {
            let mut recording = Recording::open(&file[..end]).unwrap();
            while recording.next_record().unwrap().is_some() {}
            assert_eq!(recording.records(), (end as u64 - HEADER as u64) / 32, "{end}");
            assert_eq!(recording.is_cut(), !(end - HEADER).is_multiple_of(32), "{end}");
        }
    }

    #[test]
    fn other_files_are_refused_with_their_reason() {
        let file = recorded(&[]);
        let open = |change: fn(&mut Vec<u8>)| {
            let mut file = file.clone();
            change(&mut file);
            Recording::open(&file[..]).unwrap_err().to_string()
        };
        assert!(open(|file| file.truncate(31)).contains("no recording"));
        assert!(open(|file| file[0] = b't').contains("no recording"));
        assert!(open(|file| file[8] = 9).contains("format 9"));
        assert!(open(|file| file[12..16].copy_from_slice(&77u32.to_ne_bytes())).contains("layout 77"));
        assert!(open(|file| file[16..20].reverse()).contains("byte order"));
    }

    #[test]
    fn a_length_that_cannot_be_is_damage() {
        let mut file = recorded(&[&record(Kind::Exit, 5, 24)]);
        for len in [0, u32::MAX, MAX_RECORD as u32 + 1] {
            file[HEADER..HEADER + 4].copy_from_slice(&len.to_ne_bytes());
            let mut recording = Recording::open(&file[..]).unwrap();
            assert!(matches!(recording.next_record(), Err(RecordingError::Damaged { number: 0, .. })));
        }
    }

    #[test]
    fn unused_parts_of_a_slot_are_not_written() {
        let mut data = record(Kind::Data, 5, size_of::<DataHeader>() + 128);
        data[0] = u64::from_ne_bytes([Kind::Data as u8, 0, 0, 0, 7, 0, 0, 0]);
        let captured = offset_of!(DataHeader, captured) / 8;
        data[captured] = 3;
        let file = recorded(&[&data]);
        let mut recording = Recording::open(&file[..]).unwrap();
        let record = recording.next_record().unwrap().unwrap().bytes;
        assert_eq!(record.len(), size_of::<DataHeader>() + 3);
        assert_eq!(record[offset_of!(DataHeader, tail)..][..TAIL], [0; TAIL], "a tail that is none");
    }

    #[test]
    fn secrets_of_an_environment_are_not_written() {
        let mut process = record(Kind::Process, 5, size_of::<Process>());
        let environ: &[u8] =
            b"TOKEN=secret\0OTEL_SERVICE_NAME=shop\0OTEL_EXPORTER_OTLP_HEADERS=key=secret\0OTEL_SERVICE_NA";
        let mut block = bytes(&process).to_vec();
        block[offset_of!(Process, args_len)..][..4].copy_from_slice(&2u32.to_ne_bytes());
        block[offset_of!(Process, environ_len)..][..4].copy_from_slice(&(environ.len() as u32).to_ne_bytes());
        block[offset_of!(Process, exec_path)..][..4].copy_from_slice(b"/sh\0");
        block[offset_of!(Process, environ)..][..environ.len()].copy_from_slice(environ);
        for (word, chunk) in process.iter_mut().zip(block.chunks(8)) {
            *word = u64::from_ne_bytes(chunk.try_into().unwrap());
        }
        let file = recorded(&[&process]);
        assert!(!file.windows(6).any(|window| window == b"secret"));
        let mut recording = Recording::open(&file[..]).unwrap();
        let Ok(Event::Process(record)) = decode(recording.next_record().unwrap().unwrap().bytes) else {
            panic!()
        };
        assert_eq!(record.environ(), b"OTEL_SERVICE_NAME=shop\0");
        assert_eq!(record.args(), [0xff; 2]);
        assert!(record.process.args[2..].iter().all(|&byte| byte == 0), "older bytes of the slot");
        assert!(record.process.exec_path[4..].iter().all(|&byte| byte == 0), "older bytes of the slot");
    }

    #[test]
    fn kernel_addresses_become_names_that_still_match() {
        let (here, there) = (0xffff_8881_0000_0000_u64, 0xffff_8881_0000_0400_u64);
        let open = |socket, peer| {
            let mut open = record(Kind::Open, 5, size_of::<Open>());
            open[offset_of!(Open, socket) / 8] = socket;
            open[offset_of!(Open, peer_socket) / 8] = peer;
            open
        };
        let file = recorded(&[&open(here, there), &open(there, 0)]);
        let mut recording = Recording::open(&file[..]).unwrap();
        let mut next = || match decode(recording.next_record().unwrap().unwrap().bytes) {
            Ok(Event::Open(open)) => (open.socket, open.peer_socket),
            other => panic!("{other:?}"),
        };
        let (first, second) = (next(), next());
        assert_eq!(first.1, second.0);
        assert_eq!(second.1, 0);
        assert!(![first.0, first.1].iter().any(|name| [here, there].contains(name)));
    }

    #[test]
    fn what_is_no_record_is_left_out() {
        let mut recorder = Recorder::new(Vec::new(), CLOCK).unwrap();
        recorder.write(&[99; 24]).unwrap();
        recorder.write(&[]).unwrap();
        assert_eq!((recorder.records(), recorder.finish().unwrap().len()), (0, HEADER));
    }
}
