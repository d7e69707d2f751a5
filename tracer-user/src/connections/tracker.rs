//! All connections, bounded.

use std::{
    collections::{HashSet, VecDeque},
    net::IpAddr,
};

use foldhash::fast::RandomState;
use lru::LruCache;
use tracer_common::event::{Close, CloseKind, Open, Written, flags, open_flags};
use tracer_protocols::context::parse_traceparent;

use super::{
    connection::{Connection, Way},
    ends::Ends,
    stream::Insertion,
};
use crate::{ingest::Segment, spans::exchange::ExchangeSink, telemetry::drops::Drop};

/// Bounds of a tracker.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections known at a time. TCP ones leave when they close; this bounds the others.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 65_536 }
    }
}

/// Local address and port, peer address and port.
type Tuple = (IpAddr, u16, IpAddr, u16);

/// The connection table.
#[derive(Debug)]
pub struct Tracker {
    connections: LruCache<u64, Connection, RandomState>,
    limits: Limits,
    /// Connections that are gone, with when.
    leaving: VecDeque<(u64, u64)>,
    /// As `leaving`, with requests in flight: their answers may have arrived and be read later.
    unread: VecDeque<(u64, u64)>,
    /// The tracer's own connections, by id and as their other end sees them.
    own: LruCache<u64, Tuple, RandomState>,
    own_mirrored: HashSet<Tuple, RandomState>,
}

/// How long a connection is kept after it is gone, nanoseconds.
const LINGER_NS: u64 = 500_000_000;
/// How long it is kept if a request is in flight on it.
const UNREAD_NS: u64 = 5_000_000_000;

/// The tracer's own connections: a handful of exporters.
const MAX_OWN: usize = 1024;

impl Tracker {
    /// An empty table.
    pub fn new(limits: Limits) -> Self {
        Self {
            connections: LruCache::unbounded_with_hasher(RandomState::default()),
            limits,
            leaving: VecDeque::new(),
            unread: VecDeque::new(),
            own: LruCache::unbounded_with_hasher(RandomState::default()),
            own_mirrored: HashSet::default(),
        }
    }

    /// Connections at hand.
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// A connection is described.
    pub fn open<S: ExchangeSink>(&mut self, open: &Open, sink: &mut S) {
        let ends = Ends::new(open);
        if open.header.flags & open_flags::OWN != 0 {
            self.remember_own(open.header.conn, &ends);
            return;
        }
        let (tgid, now_ns) = (open.header.tgid, open.header.time_ns);
        let ends = ends.named(|address| sink.name_of(tgid, address, now_ns));
        // Another thread's data, on another CPU, may have overtaken the description.
        match self.connections.get_mut(&open.header.conn) {
            Some(connection) => connection.ends = ends,
            None => self.insert(open.header.conn, Connection::new(ends), open.header.time_ns, sink),
        }
    }

    /// Bytes went through a connection.
    pub fn segment<S: ExchangeSink>(&mut self, segment: &Segment<'_>, sink: &mut S) {
        let header = &segment.head.header;
        let connection = match self.connections.get_mut(&header.conn) {
            Some(connection) => connection,
            // Read after its connection was forgotten: it says nothing new.
            None if header.flags & flags::EOF != 0 => return,
            None => {
                // Its description was lost.
                self.insert(header.conn, Connection::new(Ends::Unknown), header.time_ns, sink);
                let Some(connection) = self.connections.get_mut(&header.conn) else { return };
                connection
            }
        };
        connection.tgid = header.tgid;
        if connection.own || is_own(&self.own_mirrored, &connection.ends) {
            if !connection.own {
                connection.disown(sink);
            }
            sink.drops().count(Drop::OwnExport);
            return;
        }
        if header.flags & flags::EOF != 0 {
            connection.end_of_stream(&segment.head, sink);
            return;
        }
        let way = if header.flags & flags::SENT == 0 { Way::Received } else { Way::Sent };
        if header.flags & flags::DATAGRAM != 0 {
            connection.datagram(way, segment, sink);
            // Nothing tells of its end, and it is described anew before it is used again.
            if connection.is_idle() {
                self.connections.pop(&header.conn);
            }
            return;
        }
        connection.segment(way, segment, sink);
    }

    /// Trace context was written into a request that is about to be told of.
    pub fn written<S: ExchangeSink>(&mut self, written: &Written, sink: &mut S) {
        let value = std::str::from_utf8(&written.value).ok();
        let Some(context) = value.and_then(parse_traceparent) else {
            sink.drops().count(Drop::MalformedRecord);
            return;
        };
        // Where the description was lost, so is the place of the request.
        if let Some(connection) = self.connections.get_mut(&written.header.conn) {
            connection.written(Insertion { position: written.position, added: written.added, context });
        }
    }

    /// A TCP connection is ending.
    pub fn close<S: ExchangeSink>(&mut self, close: &Close, sink: &mut S) {
        let id = close.header.conn;
        let kind = match close.header.detail {
            1 => CloseKind::Sent,
            2 => CloseKind::Received,
            3 => CloseKind::Gone,
            _ => {
                sink.drops().count(Drop::MalformedRecord);
                return;
            }
        };
        if kind == CloseKind::Gone
            && let Some(tuple) = self.own.pop(&id)
        {
            self.own_mirrored.remove(&tuple);
        }
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let gone = if connection.own { kind == CloseKind::Gone } else { connection.close(kind, close, sink) };
        if gone {
            let queue = if connection.is_idle() { &mut self.leaving } else { &mut self.unread };
            queue.push_back((close.header.time_ns, id));
        }
    }

    /// Forgets connections that went a while ago.
    pub fn bury<S: ExchangeSink>(&mut self, now_ns: u64, sink: &mut S) {
        for (queue, linger_ns) in [(&mut self.leaving, LINGER_NS), (&mut self.unread, UNREAD_NS)] {
            while let Some(&(gone_ns, id)) = queue.front()
                && gone_ns + linger_ns <= now_ns
            {
                queue.pop_front();
                if let Some(mut connection) = self.connections.pop(&id) {
                    connection.leave(sink);
                }
            }
        }
    }

    /// Requests that began before `before_ns` end as unanswered.
    pub fn expire<S: ExchangeSink>(&mut self, before_ns: u64, now_ns: u64, sink: &mut S) {
        for (_, connection) in &mut self.connections {
            connection.expire(before_ns, now_ns, sink);
        }
    }

    /// A process ended. Its unix sockets ended with it, which nothing else tells.
    pub fn process_exit<S: ExchangeSink>(&mut self, tgid: u32, now_ns: u64, sink: &mut S) {
        let gone: Vec<u64> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.tgid == tgid && matches!(connection.ends, Ends::Unix { .. }))
            .map(|(&id, _)| id)
            .collect();
        for id in gone {
            if let Some(mut connection) = self.connections.pop(&id) {
                connection.give_up(now_ns, sink);
            }
        }
    }

    fn insert<S: ExchangeSink>(&mut self, id: u64, connection: Connection, now_ns: u64, sink: &mut S) {
        self.connections.put(id, connection);
        if self.connections.len() > self.limits.connections
            && let Some((_, mut oldest)) = self.connections.pop_lru()
        {
            if !oldest.is_idle() {
                sink.drops().count(Drop::ConnectionEvicted);
            }
            oldest.give_up(now_ns, sink);
        }
    }

    fn remember_own(&mut self, id: u64, ends: &Ends) {
        if let Ends::Inet { local, peer, .. } = ends {
            let mirrored = (peer.address, peer.port, local.address, local.port);
            self.own.put(id, mirrored);
            self.own_mirrored.insert(mirrored);
            if self.own.len() > MAX_OWN
                && let Some((_, oldest)) = self.own.pop_lru()
            {
                self.own_mirrored.remove(&oldest);
            }
        }
    }
}

fn is_own(own: &HashSet<Tuple, RandomState>, ends: &Ends) -> bool {
    match ends {
        Ends::Inet { local, peer, .. } if !own.is_empty() => {
            own.contains(&(local.address, local.port, peer.address, peer.port))
        }
        _ => false,
    }
}
