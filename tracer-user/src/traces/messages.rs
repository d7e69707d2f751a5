//! Who published the messages that are received, by their identity: an offset in a partition of a broker, or the name of a place for answers.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    net::IpAddr,
    num::NonZero,
    sync::Arc,
};

use foldhash::fast::RandomState;
use lru::LruCache;
use smallvec::SmallVec;

use super::{
    correlate::{Correlator, Undecided},
    ids::Ids,
};
use crate::{
    connections::Ends,
    spans::{
        exchange::{Exchange, ExchangeId},
        messaging::Offsets,
        span::{Evidence, Link, Span, SpanId, SpanKind, TraceId},
    },
};

/// Partitions of which it is remembered who published what.
const MAX_PARTITIONS: usize = 2048;
/// Batches of one partition that are remembered, the newest.
const MAX_BATCHES: usize = 64;
/// Traces of those who published.
const MAX_TRACES: usize = 65_536;
/// Spans that wait for the senders of their messages at a time.
const MAX_WAITING: usize = 4096;
/// Links of one span.
const MAX_LINKS: usize = 32;
/// How long a sender that is not known is waited for, nanoseconds: the consumer may read the message before the sender reads that it was taken.
const UNKNOWN_NS: u64 = 100_000_000;
/// How long the trace of a sender that is known is waited for, nanoseconds: less than traces are held back themselves.
const UNNAMED_NS: u64 = 4_000_000_000;

/// A partition of a topic of the broker at an address: other brokers may have one of the same name.
type Partition = (IpAddr, u16, Arc<str>, i32);

/// Messages that one span published.
#[derive(Clone, Copy, Debug)]
struct Produced {
    first: i64,
    last: i64,
    by: SpanId,
}

/// A span that waits for the senders of its messages.
#[derive(Debug)]
struct Waiting {
    /// What keeps its group from being handed out.
    hold: ExchangeId,
    since_ns: u64,
    messages: SmallVec<[(Partition, i64, i64); 1]>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Messages {
    /// Requests that wait for an answer, by its place.
    asked: HashMap<Arc<str>, ExchangeId, RandomState>,
    produced: LruCache<Partition, VecDeque<Produced>, RandomState>,
    /// Spans that published and whose trace is not known yet.
    unnamed: HashSet<SpanId, RandomState>,
    traces: LruCache<SpanId, TraceId, RandomState>,
    waiting: VecDeque<Waiting>,
}

impl Default for Messages {
    fn default() -> Self {
        let bound = |size| NonZero::new(size).unwrap_or(NonZero::<usize>::MIN);
        Self {
            asked: HashMap::default(),
            produced: LruCache::with_hasher(bound(MAX_PARTITIONS), RandomState::default()),
            unnamed: HashSet::default(),
            traces: LruCache::with_hasher(bound(MAX_TRACES), RandomState::default()),
            waiting: VecDeque::new(),
        }
    }
}

/// Who published some messages.
enum Senders {
    /// These, as far as they are known at all.
    Known(Vec<Link>),
    /// That is not known yet.
    Unknown,
    /// Their traces are not known yet.
    Unnamed,
}

impl Messages {
    /// A request that waits for its answer is over.
    pub(super) fn answered(&mut self, exchange: &Exchange) {
        if let Some(inbox) = exchange.message.as_ref().and_then(|message| message.inbox.as_ref())
            && self.asked.get(inbox) == Some(&exchange.id)
        {
            self.asked.remove(inbox);
        }
    }

    fn published(&mut self, by: SpanId, ends: &Ends, offsets: &[Offsets]) {
        for offsets in offsets {
            let Some(partition) = partition(ends, offsets) else { return };
            let batches = self.produced.get_or_insert_mut(partition, VecDeque::new);
            if batches.len() >= MAX_BATCHES {
                batches.pop_front();
            }
            batches.push_back(Produced { first: offsets.first, last: offsets.last, by });
            if self.unnamed.len() < MAX_TRACES {
                self.unnamed.insert(by);
            }
        }
    }

    /// A trace was handed out.
    pub(super) fn handed_out(&mut self, spans: &[Span]) {
        if self.unnamed.is_empty() {
            return;
        }
        for span in spans {
            if self.unnamed.remove(&span.span_id) {
                self.traces.put(span.span_id, span.trace_id);
            }
        }
    }

    fn senders(&mut self, waiting: &Waiting) -> Senders {
        let mut links: Vec<Link> = Vec::new();
        let (mut unknown, mut unnamed) = (false, false);
        for (partition, first, last) in &waiting.messages {
            let Some(batches) = self.produced.get(partition) else {
                unknown = true;
                continue;
            };
            let mut found = false;
            for produced in
                batches.iter().filter(|produced| produced.first <= *last && produced.last >= *first)
            {
                found = true;
                match self.traces.get(&produced.by) {
                    Some(&trace_id) => {
                        let link = Link { trace_id, span_id: produced.by, evidence: Evidence::Message };
                        if links.len() < MAX_LINKS && !links.contains(&link) {
                            links.push(link);
                        }
                    }
                    None => unnamed = true,
                }
            }
            unknown |= !found;
        }
        match () {
            () if unnamed => Senders::Unnamed,
            () if unknown && links.is_empty() => Senders::Unknown,
            () => Senders::Known(links),
        }
    }
}

/// The partition, at the broker's end of a client's connection.
fn partition(ends: &Ends, offsets: &Offsets) -> Option<Partition> {
    match ends {
        Ends::Inet { peer, .. } => Some((peer.address, peer.port, offsets.topic.clone(), offsets.partition)),
        Ends::Unix { .. } | Ends::Unknown => None,
    }
}

impl Correlator {
    /// A message that is a request, or handles one: both name the place where the answer goes.
    pub(super) fn find_sender(&mut self, exchange: &Exchange) {
        let Some(inbox) = exchange.message.as_ref().and_then(|message| message.inbox.as_ref()) else {
            return;
        };
        if exchange.kind == SpanKind::Client {
            self.messages.asked.insert(inbox.clone(), exchange.id);
        } else if let Some(&request) = self.messages.asked.get(inbox) {
            self.set_parent(exchange.id, request, Evidence::Message);
        }
    }

    /// Messages were published or received by the span of `exchange`. What was received waits for its senders: the returned hold keeps the group.
    pub(super) fn note_messages(
        &mut self,
        exchange: &Exchange,
        ends: &Ends,
        ids: &mut Ids,
    ) -> Option<ExchangeId> {
        let message = exchange.message.as_ref().filter(|_| exchange.kind == SpanKind::Client)?;
        self.messages.published(exchange.span_id, ends, &message.published);
        if message.received.is_empty() || self.messages.waiting.len() >= MAX_WAITING {
            return None;
        }
        let messages = message.received.iter();
        let messages =
            messages.filter_map(|offsets| Some((partition(ends, offsets)?, offsets.first, offsets.last)));
        let waiting =
            Waiting { hold: ids.exchange(), since_ns: exchange.last_ns, messages: messages.collect() };
        let hold = waiting.hold;
        self.messages.waiting.push_back(waiting);
        Some(hold)
    }

    /// Links received messages to those who published them.
    pub(super) fn link_messages(&mut self, now_ns: u64) {
        for _ in 0..self.messages.waiting.len() {
            let Some(waiting) = self.messages.waiting.pop_front() else { return };
            let waited_ns = now_ns.saturating_sub(waiting.since_ns);
            let links = match self.messages.senders(&waiting) {
                Senders::Unknown if waited_ns < UNKNOWN_NS => None,
                Senders::Unnamed if waited_ns < UNNAMED_NS => None,
                Senders::Unknown | Senders::Unnamed => Some(Vec::new()),
                Senders::Known(links) => Some(links),
            };
            let Some(links) = links else {
                self.messages.waiting.push_back(waiting);
                continue;
            };
            if let Some(&Undecided { group, span_id }) = self.undecided.get(&waiting.hold)
                && let Some(group) = self.groups.get_mut(group)
                && let Some(span) = group.finished.iter_mut().find(|span| span.span_id == span_id)
            {
                // What a header names already is not said twice.
                let news = links.into_iter().filter(|link| {
                    let is_parent = span.parent.is_some_and(|parent| parent.span_id == link.span_id);
                    !is_parent && !span.links.iter().any(|known| known.span_id == link.span_id)
                });
                let news: Vec<_> = news.collect();
                span.links.extend(news);
            }
            self.stands_alone(waiting.hold, now_ns);
        }
    }
}
