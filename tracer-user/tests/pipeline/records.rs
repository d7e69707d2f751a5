//! Records as the kernel side writes them, built field by field.

use tracer_common::{
    event::{
        Close, CloseKind, Connect, ConnectKind, DataHeader, Exit, Family, Kind, Open, Process, Written,
        close_flags, flags,
    },
    limits::{MAX_ARGS, MAX_ENVIRON, MAX_EXEC_PATH, MAX_UNIX_PATH, TAIL},
    propagation::VALUE,
};

/// A record at an address that is a multiple of eight, as in a ring buffer.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    buffer: Vec<u8>,
    start: usize,
    len: usize,
}

impl Record {
    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.start + self.len]
    }
}

/// Bytes of a record in the making.
struct Writer(Vec<u8>);

impl Writer {
    fn new(kind: Kind, detail: u8, flags: u16, tgid: u32, time_ns: u64, conn: u64) -> Self {
        let mut writer = Self(vec![kind as u8, detail]);
        writer.u16(flags);
        writer.u32(tgid);
        writer.u64(time_ns);
        writer.u64(conn);
        writer
    }

    fn u16(&mut self, value: u16) {
        self.0.extend(value.to_ne_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.0.extend(value.to_ne_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.extend(value.to_ne_bytes());
    }

    /// The bytes, filled up with zeros to `len`.
    fn block(&mut self, bytes: &[u8], len: usize) {
        assert!(bytes.len() <= len, "{} bytes do not fit into {len}", bytes.len());
        self.0.extend(bytes);
        self.0.resize(self.0.len() + len - bytes.len(), 0);
    }

    fn done(self, size: usize) -> Record {
        assert!(self.0.len() >= size, "a record of {} bytes lacks fields of its {size}", self.0.len());
        let mut buffer = vec![0; self.0.len() + 8];
        let start = buffer.as_ptr().align_offset(8);
        buffer[start..start + self.0.len()].copy_from_slice(&self.0);
        Record { len: self.0.len(), buffer, start }
    }
}

/// A `Written` record.
pub(crate) fn written(value: &str, position: u32, added: u32, tgid: u32, time_ns: u64, conn: u64) -> Record {
    let mut writer = Writer::new(Kind::Written, 0, 0, tgid, time_ns, conn);
    writer.u32(position);
    writer.u32(added);
    writer.block(value.as_bytes(), VALUE + 1);
    writer.done(size_of::<Written>())
}

/// What goes into a data record.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Segment<'a> {
    pub(crate) sent: bool,
    pub(crate) tcp: bool,
    pub(crate) eof: bool,
    pub(crate) polled: bool,
    pub(crate) turn: bool,
    pub(crate) tls: bool,
    pub(crate) datagram: bool,
    pub(crate) tgid: u32,
    pub(crate) tid: u32,
    pub(crate) task: u32,
    pub(crate) time_ns: u64,
    pub(crate) conn: u64,
    pub(crate) number: u32,
    pub(crate) position: u32,
    pub(crate) len: u32,
    pub(crate) front: &'a [u8],
    pub(crate) tail: Option<[u8; TAIL]>,
}

/// A data record.
pub(crate) fn data(segment: &Segment<'_>) -> Record {
    let bits = [
        (segment.sent, flags::SENT),
        (segment.tail.is_some(), flags::HAS_TAIL),
        (segment.tcp, flags::TCP),
        (segment.eof, flags::EOF),
        (segment.polled, flags::POLLED),
        (segment.turn, flags::TURN),
        (segment.tls, flags::TLS),
        (segment.datagram, flags::DATAGRAM),
    ];
    let bits = bits.iter().filter(|(set, _)| *set).fold(0, |all, (_, bit)| all | bit);
    let mut writer = Writer::new(Kind::Data, 0, bits, segment.tgid, segment.time_ns, segment.conn);
    for value in
        [segment.tid, segment.number, segment.position, segment.len, segment.front.len() as u32, segment.task]
    {
        writer.u32(value);
    }
    writer.block(&segment.tail.unwrap_or_default(), TAIL);
    writer.block(segment.front, segment.front.len().next_multiple_of(8));
    writer.done(size_of::<DataHeader>())
}

/// The two ends as one socket sees them.
#[derive(Clone, Debug)]
pub(crate) enum Ends {
    V4 { local: ([u8; 4], u16), peer: ([u8; 4], u16) },
    Unix { local: u64, peer: u64, path: &'static [u8] },
}

/// An `Open` record.
pub(crate) fn open(ends: &Ends, bits: u16, tgid: u32, time_ns: u64, conn: u64) -> Record {
    let mut writer = Writer::new(Kind::Open, 0, bits, tgid, time_ns, conn);
    let (sockets, family, ports, addresses, path): (_, _, _, [&[u8]; 2], &[u8]) = match ends {
        Ends::V4 { local, peer } => ((0xaa, 0), Family::V4, (local.1, peer.1), [&local.0, &peer.0], &[]),
        Ends::Unix { local, peer, path } => ((*local, *peer), Family::Unix, (0, 0), [&[], &[]], path),
    };
    writer.u64(sockets.0);
    writer.u64(sockets.1);
    writer.u32(4_026_531_840);
    writer.u16(family as u16);
    writer.u16(ports.0);
    writer.u16(ports.1);
    writer.u16(path.len() as u16);
    for address in addresses {
        writer.block(address, 16);
    }
    writer.block(path, MAX_UNIX_PATH);
    writer.done(size_of::<Open>())
}

/// A `Connect` record of an IPv4 or IPv6 address of this host and port.
pub(crate) fn connect(
    kind: ConnectKind,
    (tgid, tid): (u32, u32),
    (v6, port, error): (bool, u16, u32),
    time_ns: u64,
) -> Record {
    let mut writer = Writer::new(Kind::Connect, kind as u8, 0, tgid, time_ns, 0);
    writer.u64(time_ns - 500_000);
    for value in [tid, 0, error, 4_026_531_840] {
        writer.u32(value);
    }
    let (family, address) = if v6 {
        (Family::V6, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    } else {
        (Family::V4, [127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    };
    writer.block(&address, 16);
    writer.block(&address, 16);
    for value in [family as u16, 40_000, port, 0] {
        writer.u16(value);
    }
    writer.done(size_of::<Connect>())
}

/// What goes into a close record.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Closing {
    /// An errno.
    pub(crate) error: u32,
    /// No application holds the socket any more.
    pub(crate) orphaned: bool,
    /// It is the connection of a TLS library that uses the socket.
    pub(crate) tls: bool,
    /// Records received, records sent.
    pub(crate) numbers: [u32; 2],
    /// Positions behind the last bytes received and sent, where they are known.
    pub(crate) ends: Option<[u32; 2]>,
}

/// A `Close` record.
pub(crate) fn close(kind: CloseKind, closing: &Closing, time_ns: u64, conn: u64) -> Record {
    let bits = if closing.orphaned { close_flags::ORPHANED } else { 0 }
        | if closing.tls { close_flags::TLS } else { 0 };
    let mut writer = Writer::new(Kind::Close, kind as u8, bits, 0, time_ns, conn);
    let ([received_number, sent_number], [received_end, sent_end]) =
        (if closing.tls { [0; 2] } else { closing.numbers }, closing.ends.unwrap_or_default());
    for value in
        [closing.error, sent_number, received_number, sent_end, received_end, closing.ends.is_some().into()]
    {
        writer.u32(value);
    }
    writer.done(size_of::<Close>())
}

/// A `Process` record. `origin`: the traced process and thread that started it, and when.
pub(crate) fn process(
    tgid: u32,
    comm: &str,
    args: &[u8],
    environ: &[u8],
    origin: Option<(u32, u32, u64)>,
    time_ns: u64,
) -> Record {
    let mut writer = Writer::new(Kind::Process, 0, 0, tgid, time_ns, 0);
    writer.u64(u64::from(tgid) * 10_000_000);
    writer.u64(1);
    let (origin_tgid, origin_tid, origin_ns) = origin.unwrap_or_default();
    writer.u64(origin_ns);
    for value in [origin_tgid, origin_tid, 0, 0, 1, args.len() as u32, environ.len() as u32, 0] {
        writer.u32(value);
    }
    writer.block(comm.as_bytes(), 16);
    writer.block(b"", MAX_EXEC_PATH);
    writer.block(args, MAX_ARGS);
    writer.block(environ, MAX_ENVIRON);
    writer.done(size_of::<Process>())
}

/// An `Exit` record.
pub(crate) fn exit(tgid: u32, time_ns: u64) -> Record {
    Writer::new(Kind::Exit, 0, 0, tgid, time_ns, 0).done(size_of::<Exit>())
}
