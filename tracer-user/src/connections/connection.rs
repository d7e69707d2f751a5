//! One end of a connection.

use tracer_common::event::{Close, CloseKind, DataHeader, close_flags};

use super::{
    by::{By, Work},
    ends::Ends,
    stream::{At, Insertion, Stream},
};
use crate::{
    ingest::Segment,
    spans::{
        Conversation, Drive,
        exchange::{ExchangeSink, Failure},
    },
};

/// Direction of bytes as seen from this end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Way {
    /// The application read them.
    Received = 0,
    /// The application wrote them.
    Sent = 1,
}

impl Way {
    /// The opposite direction.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Received => Self::Sent,
            Self::Sent => Self::Received,
        }
    }
}

/// A connection that carries, or seems to carry, a protocol that is read.
#[derive(Debug)]
pub struct Connection {
    /// The two ends.
    pub ends: Ends,
    /// The other end belongs to the tracer itself.
    pub own: bool,
    /// The process that used it last.
    pub tgid: u32,
    /// How and when it went, CLOCK_MONOTONIC nanoseconds.
    gone: Option<(Failure, u64)>,
    streams: [Stream; 2],
    conversation: Conversation,
}

impl Connection {
    /// A connection of which nothing was seen yet.
    pub fn new(ends: Ends) -> Self {
        Self {
            ends,
            own: false,
            tgid: 0,
            gone: None,
            streams: Default::default(),
            conversation: Conversation::default(),
        }
    }

    /// Whether no request waits for its response.
    pub fn is_idle(&self) -> bool {
        self.conversation.is_idle()
    }

    /// Bytes went through.
    pub(crate) fn segment<S: ExchangeSink>(&mut self, way: Way, segment: &Segment<'_>, sink: &mut S) {
        if way == Way::Received {
            self.read(&segment.head, sink);
        }
        let mut drive = Drive { conversation: &mut self.conversation, way, ends: &self.ends, sink };
        self.streams[way as usize].segment(segment, &mut drive);
        if let Some(judgement) = self.conversation.take_judgement() {
            sink.judged(segment.head.header.conn, judgement);
        }
    }

    /// A datagram was sent or received.
    pub(crate) fn datagram<S: ExchangeSink>(&mut self, way: Way, segment: &Segment<'_>, sink: &mut S) {
        // The socket may have been known before, and forgotten since all was answered.
        self.streams[way as usize].begin_at(segment.head.number);
        self.check(way, segment.head.number, sink);
        self.streams[way as usize].skip_number();
        let at = At::of(&segment.head);
        self.conversation.datagram(way, segment.bytes, &at, &self.ends, sink);
    }

    /// The application read bytes, or came upon their end.
    fn read<S: ExchangeSink>(&self, head: &DataHeader, sink: &mut S) {
        let by = By::of(head);
        if matches!(by.work, Work::Turn(_))
            && let Some(exchange) = self.conversation.receiving()
        {
            sink.read(Some(exchange), by, head.header.time_ns);
        }
    }

    /// Trace context was written into a request that is about to be told of.
    pub(crate) fn written(&mut self, written: Insertion) {
        self.streams[Way::Sent as usize].written(written);
    }

    /// The peer sends nothing more, and all that it sent was read.
    pub(crate) fn end_of_stream<S: ExchangeSink>(&mut self, head: &DataHeader, sink: &mut S) {
        self.read(head, sink);
        self.check(Way::Received, head.number, sink);
        // The end of stream is itself a numbered record.
        self.streams[Way::Received as usize].skip_number();
        self.conversation.ended(Way::Received, head.header.time_ns, &self.ends, sink);
    }

    /// A step of the connection's end. Returns whether the connection is gone. What had arrived before may still be read
    /// after it: the caller keeps a gone connection for a moment, then calls [`Self::leave`].
    pub(crate) fn close<S: ExchangeSink>(&mut self, kind: CloseKind, close: &Close, sink: &mut S) -> bool {
        let now_ns = close.header.time_ns;
        match kind {
            CloseKind::Sent => {
                self.check_close(Way::Sent, close, sink);
                self.conversation.ended(Way::Sent, now_ns, &self.ends, sink);
                false
            }
            CloseKind::Received => false,
            CloseKind::Gone => {
                self.check_close(Way::Sent, close, sink);
                self.check_close(Way::Received, close, sink);
                let failure = Failure::from_errno(close.error);
                self.gone = Some((failure, now_ns));
                if failure == Failure::ConnectionClosed {
                    self.conversation.ended(Way::Sent, now_ns, &self.ends, sink);
                }
                if close.header.flags & close_flags::ORPHANED != 0
                    || self.conversation.is_server() == Some(true)
                {
                    // Nothing more will be read, or what is read cannot be answered.
                    self.leave(sink);
                }
                true
            }
        }
    }

    /// A gone connection is forgotten: what is still open ended when it went.
    pub(crate) fn leave<S: ExchangeSink>(&mut self, sink: &mut S) {
        if let Some((failure, at_ns)) = self.gone {
            if failure == Failure::ConnectionClosed {
                self.conversation.ended(Way::Received, at_ns, &self.ends, sink);
            }
            self.conversation.abort(failure, at_ns, &self.ends, sink);
        }
    }

    /// The table is full or the process is gone: what is open ends here.
    pub(crate) fn give_up<S: ExchangeSink>(&mut self, now_ns: u64, sink: &mut S) {
        self.conversation.abort(Failure::ConnectionClosed, now_ns, &self.ends, sink);
    }

    /// Requests that began before `before_ns` end as unanswered.
    pub(crate) fn expire<S: ExchangeSink>(&mut self, before_ns: u64, now_ns: u64, sink: &mut S) {
        self.conversation.expire(before_ns, now_ns, &self.ends, sink);
    }

    /// The other end turned out to belong to the tracer itself.
    pub(crate) fn disown<S: ExchangeSink>(&mut self, sink: &mut S) {
        self.own = true;
        self.conversation.retract(&self.ends, sink);
    }

    fn check<S: ExchangeSink>(&mut self, way: Way, number: u32, sink: &mut S) {
        let mut drive = Drive { conversation: &mut self.conversation, way, ends: &self.ends, sink };
        self.streams[way as usize].check_end(number, &mut drive);
    }

    fn check_close<S: ExchangeSink>(&mut self, way: Way, close: &Close, sink: &mut S) {
        if close.header.flags & close_flags::TLS != 0 {
            return;
        }
        let (number, end) = match way {
            Way::Sent => (close.sent_number, close.sent_end),
            Way::Received => (close.received_number, close.received_end),
        };
        let mut drive = Drive { conversation: &mut self.conversation, way, ends: &self.ends, sink };
        let stream = &mut self.streams[way as usize];
        stream.check_end(number, &mut drive);
        if close.has_ends != 0 {
            stream.check_end_position(end, close.header.time_ns, &mut drive);
        }
    }
}
