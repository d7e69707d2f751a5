//! TCP connections that could not be opened.
//!
//! A name often has several addresses, which clients try one after the other, or IPv6 and IPv4 side by side (RFC 8305): that one of them does not answer
//! is no failure if another one does. So a failure waits for a moment whether the process reaches the same port elsewhere.

use std::collections::VecDeque;

use tracer_common::event::{Connect, ConnectKind};

use super::{
    exchange::{Exchange, ExchangeSink},
    network::Network,
    span::SpanKind,
};
use crate::{
    connections::{At, By, Ends},
    telemetry::drops::Drop,
};

/// How long a failure waits, nanoseconds: the next address is tried at once, or after a quarter of a second (RFC 8305, section 5).
const HOLD_NS: u64 = 1_000_000_000;
/// Failures that wait at a time; beyond that the oldest one waits no longer.
const MAX_WAITING: usize = 4096;

/// Failures that wait, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Connects(VecDeque<Waiting>);

#[derive(Debug)]
struct Waiting {
    exchange: Exchange,
    ends: Ends,
    until_ns: u64,
}

impl Connects {
    /// Takes a record.
    pub(crate) fn take<S: ExchangeSink>(&mut self, connect: &Connect, sink: &mut S) {
        let (tgid, now_ns) = (connect.header.tgid, connect.header.time_ns);
        let ends = Ends::of_connect(connect).named(|address| sink.name_of(tgid, address, now_ns));
        if connect.header.detail == ConnectKind::Opened as u8 {
            self.opened(tgid, &ends, sink);
        } else {
            self.failed(connect, ends, sink);
        }
    }

    fn failed<S: ExchangeSink>(&mut self, connect: &Connect, ends: Ends, sink: &mut S) {
        let asked = At {
            first_ns: connect.started_ns,
            last_ns: connect.started_ns,
            position: 0,
            by: By::of_connect(connect),
            written: None,
            secure: false,
            segment_start: true,
        };
        let mut exchange = Exchange::of_call(SpanKind::Client, &asked, asked.position, sink);
        exchange.last_ns = connect.header.time_ns;
        exchange.network = Some(Box::new(Network::Connect(connect.error)));
        if self.0.len() >= MAX_WAITING {
            self.end(u64::MAX, 1, sink);
        }
        // Now, while it is known for which request the connection was wanted.
        sink.opened(&exchange, &ends);
        self.0.push_back(Waiting { exchange, ends, until_ns: connect.header.time_ns + HOLD_NS });
    }

    /// The process reached this end: its failures to reach the same elsewhere were none.
    fn opened<S: ExchangeSink>(&mut self, tgid: u32, ends: &Ends, sink: &mut S) {
        let mut at = 0;
        while let Some(waiting) = self.0.get(at) {
            if waiting.exchange.by.tgid != tgid || !are_one(&waiting.ends, ends) {
                at += 1;
                continue;
            }
            if let Some(Waiting { exchange, ends, .. }) = self.0.remove(at) {
                sink.drops().count(Drop::ConnectedElsewhere);
                sink.retracted(exchange, &ends);
            }
        }
    }

    /// Failures that have waited long enough are told.
    pub(crate) fn advance<S: ExchangeSink>(&mut self, now_ns: u64, sink: &mut S) {
        self.end(now_ns, usize::MAX, sink);
    }

    fn end<S: ExchangeSink>(&mut self, now_ns: u64, count: usize, sink: &mut S) {
        for _ in 0..count {
            if self.0.front().is_none_or(|oldest| oldest.until_ns > now_ns) {
                break;
            }
            if let Some(Waiting { exchange, ends, .. }) = self.0.pop_front() {
                sink.closed(exchange, &ends);
            }
        }
    }
}

/// Whether two addresses are those of one server: the same port, and both kinds of addresses, or the same name.
fn are_one(a: &Ends, b: &Ends) -> bool {
    let (Ends::Inet { peer: a, .. }, Ends::Inet { peer: b, .. }) = (a, b) else { return false };
    let same_name = a.name.is_some() && a.name == b.name;
    a.port == b.port && a.address != b.address && (same_name || a.address.is_ipv4() != b.address.is_ipv4())
}
