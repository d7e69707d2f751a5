//! A host in miniature: processes and sockets that make records, and the traces that the pipeline makes of them.

use std::collections::HashMap;

use tracer_common::event::{CloseKind, ConnectKind, open_flags};
use tracer_user::{
    clock::WallClock,
    config::Config,
    connections::Work,
    identity::Host,
    pipeline::{Census, Pipeline},
    processes::Processes,
    spans::span::{Span, SpanKind},
    telemetry::drops::Drop,
    traces::ids::Ids,
};

use crate::{
    outline::outline,
    records::{self, Closing, Ends, Record, Segment},
};

/// Between two records of a scene.
pub(crate) const STEP_NS: u64 = 1_000_000;
/// When a scene starts, CLOCK_MONOTONIC.
const START_NS: u64 = 1_000_000_000_000;
/// The wall clock at monotonic zero.
const WALL: WallClock = WallClock { offset_ns: 1_790_000_000_000_000_000 };
/// The sequence number at which TCP directions start: they wrap within the first response.
const FIRST_POSITION: u32 = u32::MAX - 100;

/// Who makes a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thread {
    pub(crate) pid: u32,
    pub(crate) tid: u32,
    pub(crate) work: Work,
}

impl Thread {
    /// Another thread of the same process.
    pub(crate) fn sibling(self, number: u32) -> Self {
        Self { tid: self.pid + number, ..self }
    }

    /// The same thread while it runs a task.
    pub(crate) fn running(self, task: u32) -> Self {
        Self { work: Work::Task(task), ..self }
    }

    /// The same thread in a turn.
    pub(crate) fn turning(self, turn: u32) -> Self {
        Self { work: Work::Turn(turn), ..self }
    }
}

/// A connection with both ends on this host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) client: usize,
    pub(crate) server: usize,
}

/// How much of a segment the kernel side caught.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seen {
    /// Every byte.
    All,
    /// So many bytes at the front, and the last eight.
    Front(usize),
    /// Its length (sendfile).
    Length,
    /// The record was lost.
    Lost,
}

/// Bytes to put on a connection.
struct Call<'a> {
    sent: bool,
    by: Thread,
    bytes: &'a [u8],
    seen: Seen,
}

/// One socket.
struct Socket {
    id: u64,
    ends: Ends,
    opened: bool,
    own: bool,
    /// A TLS library carries the bytes.
    tls: bool,
    /// It sends datagrams.
    datagrams: bool,
    numbers: [u32; 2],
    positions: [u32; 2],
}

/// See the module.
pub(crate) struct Scene {
    pub(crate) pipeline: Pipeline,
    pub(crate) now_ns: u64,
    /// The wall clock, which may be set.
    pub(crate) wall: WallClock,
    processes: HashMap<u32, Record>,
    sockets: Vec<Socket>,
    spans: Vec<Span>,
    /// How many traces were handed out, each hand-out counted.
    pub(crate) handed_out: usize,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(&Config::default())
    }

    pub(crate) fn with(config: &Config) -> Self {
        let processes = Processes::new(config, Host::default(), None);
        Self {
            pipeline: Pipeline::new(config, processes, Ids::seeded(1), WALL),
            now_ns: START_NS,
            wall: WALL,
            processes: HashMap::new(),
            sockets: Vec::new(),
            spans: Vec::new(),
            handed_out: 0,
        }
    }

    /// A process that exists; it is described just before its first data record.
    pub(crate) fn process(&mut self, pid: u32, name: &str) -> Thread {
        self.describe_later(pid, name, None)
    }

    /// A program that `parent` starts now.
    pub(crate) fn started_by(&mut self, parent: Thread, pid: u32, name: &str) -> Thread {
        self.describe_later(pid, name, Some((parent.pid, parent.tid, self.now_ns)))
    }

    fn describe_later(&mut self, pid: u32, name: &str, origin: Option<(u32, u32, u64)>) -> Thread {
        let args = format!("/usr/bin/{name}\0");
        self.processes.insert(pid, records::process(pid, name, args.as_bytes(), b"", origin, START_NS));
        Thread { pid, tid: pid, work: Work::Unknown }
    }

    /// A TCP connection to `port` of this host.
    pub(crate) fn tcp(&mut self, port: u16) -> Link {
        let (client, server) = (([127, 0, 0, 1], 40_000 + self.sockets.len() as u16), ([127, 0, 0, 1], port));
        Link {
            client: self.socket(Ends::V4 { local: client, peer: server }, FIRST_POSITION),
            server: self.socket(Ends::V4 { local: server, peer: client }, FIRST_POSITION),
        }
    }

    /// A TCP connection to elsewhere.
    pub(crate) fn remote(&mut self, port: u16) -> usize {
        let number = self.sockets.len() as u32;
        let local = ([192, 0, (number >> 15) as u8, 1], 30_000 + (number & 0x7fff) as u16);
        self.socket(Ends::V4 { local, peer: ([198, 51, 100, 7], port) }, FIRST_POSITION)
    }

    /// The server's end of a TCP connection from elsewhere.
    pub(crate) fn called_from_elsewhere(&mut self, port: u16) -> usize {
        let from = ([198, 51, 100, 7], 50_000 + self.sockets.len() as u16);
        self.socket(Ends::V4 { local: ([192, 0, 2, 1], port), peer: from }, FIRST_POSITION)
    }

    /// The other end of a connection of another host.
    pub(crate) fn far_end(&mut self, there: &Self, socket: usize) -> usize {
        let socket = &there.sockets[socket];
        let Ends::V4 { local, peer } = socket.ends else { panic!("no TCP connection") };
        self.socket(Ends::V4 { local: peer, peer: local }, socket.positions[0])
    }

    /// A TCP connection from a container on this host.
    pub(crate) fn bridged(&mut self, port: u16) -> Link {
        let client = ([172, 17, 0, 2], 40_000 + self.sockets.len() as u16);
        let server = ([172, 17, 0, 1], port);
        Link {
            client: self.socket(Ends::V4 { local: client, peer: server }, FIRST_POSITION),
            server: self.socket(Ends::V4 { local: server, peer: client }, FIRST_POSITION),
        }
    }

    /// A UDP socket that asks a server elsewhere.
    pub(crate) fn udp(&mut self, port: u16) -> usize {
        let socket = self.remote(port);
        let at = &mut self.sockets[socket];
        (at.datagrams, at.positions) = (true, [0; 2]);
        socket
    }

    /// A connection to a port of this host is asked for, and refused, or (`error` 0) open after others were refused.
    pub(crate) fn connect(&mut self, by: Thread, v6: bool, port: u16, error: u32) {
        if let Some(described) = self.processes.remove(&by.pid) {
            self.emit(&described);
        }
        let kind = if error == 0 { ConnectKind::Opened } else { ConnectKind::Failed };
        let record = records::connect(kind, (by.pid, by.tid), (v6, port, error), self.now_ns);
        self.emit(&record);
        self.wait(STEP_NS);
    }

    /// A unix connection.
    pub(crate) fn unix(&mut self, path: &'static [u8]) -> Link {
        let (client, server) = (0xc000 + self.sockets.len() as u64, 0x5000 + self.sockets.len() as u64);
        Link {
            client: self.socket(Ends::Unix { local: client, peer: server, path }, 0),
            server: self.socket(Ends::Unix { local: server, peer: client, path }, 0),
        }
    }

    fn socket(&mut self, ends: Ends, position: u32) -> usize {
        let id = self.sockets.len() as u64 + 1;
        self.sockets.push(Socket {
            id,
            ends,
            opened: false,
            own: false,
            tls: false,
            datagrams: false,
            numbers: [0; 2],
            positions: [position; 2],
        });
        self.sockets.len() - 1
    }

    /// A TLS library carries what goes through this socket. Its first byte is at `position`, if the connection's start was seen;
    /// else at an arbitrary one.
    pub(crate) fn tls(&mut self, socket: usize, position: u32) {
        let socket = &mut self.sockets[socket];
        (socket.tls, socket.positions) = (true, [position; 2]);
    }

    /// The tracer itself uses this socket.
    pub(crate) fn own(&mut self, socket: usize) {
        let socket = &mut self.sockets[socket];
        (socket.opened, socket.own) = (true, true);
        let record = records::open(&socket.ends, open_flags::OWN, 1, self.now_ns, socket.id);
        self.emit(&record);
    }

    /// Sends and receives a request.
    pub(crate) fn request(&mut self, link: Link, from: Thread, to: Thread, text: &str) {
        self.send(link.client, from, text.as_bytes());
        self.receive(link.server, to, text.as_bytes());
    }

    /// As [`Self::request`], into which the kernel side writes a `traceparent` of this value behind the request line.
    pub(crate) fn request_written(&mut self, link: Link, from: Thread, to: Thread, text: &str, value: &str) {
        let (line, rest) = text.split_once("\r\n").unwrap();
        let header = format!("traceparent: {value}\r\n");
        let added = header.len() as u32;
        self.send_written(link.client, from, text, value, added);
        self.receive(link.server, to, format!("{line}\r\n{header}{rest}").as_bytes());
    }

    /// Sends a text into which the kernel side writes `added` bytes.
    pub(crate) fn send_written(&mut self, socket: usize, by: Thread, text: &str, value: &str, added: u32) {
        self.send_written_at(socket, by, text.as_bytes(), 0, value, added);
    }

    /// As [`Self::send_written`], where the request that is written into begins at an offset.
    pub(crate) fn send_written_at(
        &mut self,
        socket: usize,
        by: Thread,
        bytes: &[u8],
        offset: u32,
        value: &str,
        added: u32,
    ) {
        let at = &self.sockets[socket];
        let position = at.positions[1].wrapping_add(offset);
        let record = records::written(value, position, added, by.pid, self.now_ns, at.id);
        let opening = (!at.opened).then(|| records::open(&at.ends, 0, by.pid, self.now_ns, at.id));
        if let Some(opening) = opening {
            self.sockets[socket].opened = true;
            self.emit(&opening);
        }
        self.emit(&record);
        self.send(socket, by, bytes);
        self.sockets[socket].positions[1] = self.sockets[socket].positions[1].wrapping_add(added);
    }

    /// Sends and receives a response.
    pub(crate) fn response(&mut self, link: Link, from: Thread, to: Thread, text: &str) {
        self.send(link.server, from, text.as_bytes());
        self.receive(link.client, to, text.as_bytes());
    }

    /// A request and its response.
    pub(crate) fn exchange(&mut self, link: Link, client: Thread, server: Thread, target: &str) {
        self.request(link, client, server, &get(target));
        self.response(link, server, client, OK);
    }

    pub(crate) fn send(&mut self, socket: usize, by: Thread, bytes: &[u8]) {
        self.send_seen(socket, by, bytes, Seen::All);
    }

    pub(crate) fn receive(&mut self, socket: usize, by: Thread, bytes: &[u8]) {
        self.receive_seen(socket, by, bytes, Seen::All);
    }

    pub(crate) fn send_seen(&mut self, socket: usize, by: Thread, bytes: &[u8], seen: Seen) {
        self.call(socket, &Call { sent: true, by, bytes, seen });
    }

    pub(crate) fn receive_seen(&mut self, socket: usize, by: Thread, bytes: &[u8], seen: Seen) {
        self.call(socket, &Call { sent: false, by, bytes, seen });
    }

    fn call(&mut self, socket: usize, call: &Call<'_>) {
        if let Some(described) = self.processes.remove(&call.by.pid) {
            self.emit(&described);
        }
        let now_ns = self.now_ns;
        let at = &mut self.sockets[socket];
        let opens = !at.opened || at.datagrams && call.sent;
        let opening = opens.then(|| records::open(&at.ends, 0, call.by.pid, now_ns, at.id));
        at.opened = true;
        let way = usize::from(call.sent);
        let len = call.bytes.len();
        let captured = match call.seen {
            Seen::All => len,
            Seen::Front(count) => count.min(len),
            Seen::Length | Seen::Lost => 0,
        };
        let tail = match call.seen {
            Seen::Front(_) if captured < len && len >= 8 => call.bytes[len - 8..].try_into().ok(),
            _ => None,
        };
        let segment = records::data(&Segment {
            sent: call.sent,
            tcp: matches!(at.ends, Ends::V4 { .. }) && !at.tls && !at.datagrams,
            eof: false,
            tls: at.tls,
            datagram: at.datagrams,
            tgid: call.by.pid,
            tid: call.by.tid,
            polled: !call.sent && call.by.work != Work::Unknown,
            turn: matches!(call.by.work, Work::Turn(_)),
            task: match call.by.work {
                Work::Unknown => 0,
                Work::Task(number) | Work::Goroutine(number) | Work::Turn(number) => number,
            },
            time_ns: now_ns,
            conn: at.id,
            number: at.numbers[way],
            position: at.positions[way],
            len: len as u32,
            front: &call.bytes[..captured],
            tail,
        });
        at.numbers[way] += 1;
        if !at.datagrams {
            at.positions[way] = at.positions[way].wrapping_add(len as u32);
        }
        if let Some(opening) = opening {
            self.emit(&opening);
        }
        if !matches!(call.seen, Seen::Lost) {
            self.emit(&segment);
        }
        self.wait(STEP_NS);
    }

    /// `recv` returned 0.
    pub(crate) fn end_of_stream(&mut self, socket: usize, by: Thread) {
        let at = &mut self.sockets[socket];
        let record = records::data(&Segment {
            eof: true,
            tls: at.tls,
            tgid: by.pid,
            tid: by.tid,
            time_ns: self.now_ns,
            conn: at.id,
            number: at.numbers[0],
            ..Segment::default()
        });
        at.numbers[0] += 1;
        self.emit(&record);
        self.wait(STEP_NS);
    }

    /// Bytes went through a direction in a record that the scene did not make.
    pub(crate) fn skip(&mut self, socket: usize, bytes: u32) {
        let at = &mut self.sockets[socket];
        at.numbers[0] += 1;
        at.positions[0] = at.positions[0].wrapping_add(bytes);
    }

    /// A step of a TCP connection's end at one of its sockets, which its application has closed; `error` is an errno.
    pub(crate) fn close(&mut self, socket: usize, kind: CloseKind, error: u32) {
        self.close_as(socket, kind, Closing { error, orphaned: true, ..Closing::default() });
    }

    /// As [`Self::close`], with all that the kernel may say.
    pub(crate) fn close_as(&mut self, socket: usize, kind: CloseKind, closing: Closing) {
        let at = &self.sockets[socket];
        let closing = Closing { numbers: at.numbers, ..closing };
        let record = records::close(kind, &closing, self.now_ns, at.id);
        self.emit(&record);
        self.wait(STEP_NS);
    }

    /// Where the directions of a socket are: received, sent.
    pub(crate) fn positions(&self, socket: usize) -> [u32; 2] {
        self.sockets[socket].positions
    }

    pub(crate) fn exit(&mut self, process: Thread) {
        self.emit(&records::exit(process.pid, self.now_ns));
        self.wait(STEP_NS);
    }

    pub(crate) fn emit(&mut self, record: &Record) {
        self.pipeline.record(record.bytes());
    }

    /// Time goes by.
    pub(crate) fn wait(&mut self, ns: u64) {
        self.now_ns += ns;
        let (spans, handed_out) = (&mut self.spans, &mut self.handed_out);
        self.pipeline.advance(self.now_ns, self.wall, |trace| {
            assert!(!trace.is_empty(), "an empty trace was handed out");
            *handed_out += 1;
            spans.extend(trace);
        });
    }

    pub(crate) fn drops(&self, reason: Drop) -> u64 {
        self.pipeline.census().drops.get(reason)
    }

    /// What is left after everything had time to end.
    pub(crate) fn settled(&mut self) -> Census {
        self.wait(60_000_000_000);
        self.pipeline.census()
    }

    /// All spans so far, those that wait for their trace included.
    pub(crate) fn spans(&mut self) -> &[Span] {
        self.wait(10_000_000_000);
        let (spans, handed_out) = (&mut self.spans, &mut self.handed_out);
        self.pipeline.finish(|trace| {
            *handed_out += 1;
            spans.extend(trace);
        });
        let ids: std::collections::HashSet<_> = self.spans.iter().map(|span| span.span_id).collect();
        assert_eq!(ids.len(), self.spans.len(), "a span was handed out twice");
        &self.spans
    }

    /// The traces as text: see [`outline`].
    pub(crate) fn outline(&mut self) -> String {
        outline(self.spans(), |_| Vec::new())
    }

    /// The only span of this service and kind.
    pub(crate) fn span(&mut self, service: &str, kind: SpanKind) -> &Span {
        let found: Vec<_> = self
            .spans()
            .iter()
            .filter(|span| *span.resource.service_name == *service && span.kind == kind)
            .collect();
        assert_eq!(found.len(), 1, "spans of {service} {kind:?}: {found:#?}");
        found[0]
    }
}

/// A GET request.
pub(crate) fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n\r\n")
}

/// A response with two bytes of body.
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
