//! Decides parents and gathers traces.
//!
//! Evidence, best first: a trace header on the wire; both ends of one socket; the thread that is handling exactly one request.
//! Where nothing tells, there is no edge.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;
use tracer_common::event::{Lineage, Process};
use tracer_protocols::context::TraceContext;

use super::{
    far,
    groups::{Group, GroupId, Groups},
    ids::Ids,
    joins::{Joins, Key},
    late::LateServers,
    messages::Messages,
    origins::Origins,
    tasks::Tasks,
    threads::Threads,
    turns::Turns,
    values::Values,
};
use crate::{
    connections::{By, Ends, Work},
    spans::{
        exchange::{Exchange, ExchangeId},
        span::{Evidence, Parent, Span, SpanId, SpanKind, TraceId},
    },
    telemetry::drops::{Drop, Drops},
};

/// Bounds of a correlator.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests in flight in all.
    pub open: usize,
    /// Finished spans that wait for their trace.
    pub waiting_spans: usize,
    /// How long a trace is kept after its last exchange ended, nanoseconds: the other end of a socket may be noticed a moment later.
    pub grace_ns: u64,
    /// How long finished spans wait for the rest of their trace, nanoseconds.
    pub hold_ns: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { open: 131_072, waiting_spans: 100_000, grace_ns: 2_000_000, hold_ns: 5_000_000_000 }
    }
}

/// Unjoined client ends remembered after they are over: the server may read the request later.
const MAX_GHOSTS: usize = 16_384;
/// How long they are remembered, nanoseconds.
const GHOST_NS: u64 = 5_000_000_000;

/// An exchange that is not over.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) group: GroupId,
    pub(super) span_id: SpanId,
    /// Whether it becomes a span; if not, it is but a link between others.
    pub(super) shown: bool,
    pub(super) kind: SpanKind,
    pub(super) by: By,
    pub(super) context: Option<TraceContext>,
    pub(super) parent: Option<Parent>,
    /// Its parent will be known when the task that made the call answers the request that it is handling.
    pub(super) undecided: bool,
    /// The other end of the same socket.
    pub(super) joined: Option<ExchangeId>,
    /// Of a client end: its server end is a span, too.
    pub(super) joins_shown: bool,
    pub(super) start_ns: u64,
    /// It began no later than this: the other end saw it then.
    pub(super) start_bound_ns: u64,
    /// It ended no later than this.
    pub(super) end_bound_ns: u64,
}

/// A call that is over before its parent is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Undecided {
    pub(super) group: GroupId,
    pub(super) span_id: SpanId,
}

/// A client end that is over and whose server end was not seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ghost {
    pub(super) trace_id: TraceId,
    pub(super) flags: Option<u8>,
    pub(super) span_id: SpanId,
    pub(super) until_ns: u64,
}

/// Stage 6.
#[derive(Debug, Default)]
pub struct Correlator {
    pub(super) limits: Limits,
    pub(super) open: HashMap<ExchangeId, Open, RandomState>,
    pub(super) groups: Groups,
    pub(super) threads: Threads,
    pub(super) origins: Origins,
    pub(super) tasks: Tasks,
    pub(super) turns: Turns,
    pub(super) values: Values,
    /// Calls that are over and wait for their parent. They count as open in their groups.
    pub(super) undecided: HashMap<ExchangeId, Undecided, RandomState>,
    pub(super) joins: Joins,
    pub(super) messages: Messages,
    /// Requests in hand that came with a header, by process and context: an application may pass it on unchanged.
    pub(super) forwarded: HashMap<(u32, TraceId, SpanId), Vec<ExchangeId>, RandomState>,
    pub(super) ghosts: HashMap<ExchangeId, Ghost, RandomState>,
    pub(super) late: LateServers,
    /// Open exchanges that are not shown, by the id that their spans would have.
    pub(super) hidden: HashMap<SpanId, ExchangeId, RandomState>,
    /// Groups with nothing open, with when they are due.
    pub(super) complete: VecDeque<(u64, GroupId)>,
}

impl Correlator {
    /// An empty correlator.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Requests in flight.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Finished spans that wait for their trace.
    pub fn waiting_spans(&self) -> usize {
        self.groups.waiting_spans()
    }

    /// A process is described: it may have been started for a request in hand.
    pub fn process_described(&mut self, process: &Process) {
        self.origins.described(process);
    }

    /// A task was started by another one.
    pub fn task_started(&mut self, lineage: &Lineage) {
        self.tasks.started(lineage);
    }

    /// The threads of a process turn out to wait for many connections at a time, as event loops do.
    pub fn polls(&mut self, tgid: u32) {
        self.threads.polls(tgid);
    }

    /// A process ended.
    pub fn process_ended(&mut self, tgid: u32) {
        self.origins.ended(tgid);
    }

    /// Bytes of an exchange were read; `None` for one that is not known.
    pub fn read(&mut self, exchange: Option<ExchangeId>, by: By, now_ns: u64) {
        if let Work::Turn(turn) = by.work {
            self.turns.read(by.tid, turn, exchange, now_ns);
        }
    }

    /// A request was seen.
    ///
    /// `shown`: it will be a span. If not, it is followed all the same, as a link between others.
    pub fn opened(&mut self, exchange: &Exchange, ends: &Ends, shown: bool, drops: &mut Drops) {
        if self.open.len() >= self.limits.open {
            drops.count(Drop::TooManyOpen);
            return;
        }
        let mut group = Group::of(exchange.id);
        let context = exchange.request.context;
        // What is on the wire binds, whoever wrote it.
        if let Some(context) = exchange.written.or(context) {
            group.trace_id = Some(context.trace_id);
            group.flags = Some(context.flags);
        } else if shown && exchange.kind == SpanKind::Server && exchange.has_other_end() {
            let own = far::server_of(exchange.kind, ends, exchange.position, exchange.secure);
            group.far.extend(own.map(|own| (exchange.span_id, own.trace_id)));
        }
        let open = Open {
            group: self.groups.add(group),
            span_id: exchange.span_id,
            shown,
            kind: exchange.kind,
            by: exchange.by,
            context,
            parent: context.map(|context| Parent { span_id: context.span_id, evidence: Evidence::Header }),
            undecided: false,
            joined: None,
            joins_shown: false,
            start_ns: exchange.start_ns,
            start_bound_ns: u64::MAX,
            end_bound_ns: u64::MAX,
        };
        self.open.insert(exchange.id, open);
        if !shown {
            self.hidden.insert(exchange.span_id, exchange.id);
        }
        match exchange.kind {
            SpanKind::Server | SpanKind::Consumer => {
                self.threads.begin(exchange.by, exchange.id, exchange.start_ns);
                if exchange.request.grpc {
                    // Its libraries read on threads of their own, and have others handle what they read.
                    let read = By { polled: false, ..exchange.by };
                    self.threads.hands_over(read, exchange.start_ns);
                }
                self.turns.begin(exchange);
                self.values.begin(exchange);
                self.origins.serves(exchange.by.tgid);
                if let Some(context) = context {
                    let key = (exchange.by.tgid, context.trace_id, context.span_id);
                    self.forwarded.entry(key).or_default().push(exchange.id);
                }
            }
            SpanKind::Client | SpanKind::Producer => self.find_cause(exchange),
        }
        if exchange.has_other_end() {
            self.find_other_end(exchange, ends);
        }
        self.find_sender(exchange);
    }

    /// An exchange is over: takes it out of the books and tightens its times. `None` for one that was never in them.
    ///
    /// Between this and [`Self::finished`] the caller makes the span.
    pub fn closed(&mut self, exchange: &mut Exchange, ends: &Ends) -> Option<Closed> {
        if exchange.kind == SpanKind::Server {
            self.decide_late_calls(exchange);
        }
        let open = self.open.remove(&exchange.id)?;
        exchange.start_ns = exchange.start_ns.min(open.start_bound_ns);
        exchange.last_ns = exchange.last_ns.min(open.end_bound_ns).max(exchange.start_ns);
        self.messages.answered(exchange);
        match open.kind {
            SpanKind::Server | SpanKind::Consumer => {
                self.threads.end(open.by, exchange.id);
                self.values.end(exchange);
                if exchange.response.is_some_and(|response| response.by.tid != open.by.tid) {
                    self.threads.hands_over(open.by, exchange.last_ns);
                }
                if let Some(context) = open.context {
                    let key = (open.by.tgid, context.trace_id, context.span_id);
                    if let Some(in_hand) = self.forwarded.get_mut(&key) {
                        in_hand.retain(|&other| other != exchange.id);
                        if in_hand.is_empty() {
                            self.forwarded.remove(&key);
                        }
                    }
                }
                let mut waits_under = self.joins.key_of_waiting(exchange, ends);
                if let Some(key) = waits_under
                    && !self.joins.may_come_from_here(&key)
                {
                    // Nobody is to be waited for.
                    self.joins.forget_key(key, exchange.id);
                    waits_under = None;
                }
                return Some(Closed { open, waits_under });
            }
            SpanKind::Client | SpanKind::Producer => {
                if let Some(server) = open.joined.and_then(|id| self.open.get_mut(&id))
                    && exchange.failure.is_none()
                {
                    server.end_bound_ns = exchange.last_ns;
                }
                if open.joined.is_none() && !may_be_read_later(exchange) {
                    self.joins.forget(exchange, ends);
                }
            }
        }
        Some(Closed { open, waits_under: None })
    }

    /// Takes the span of an exchange that [`Self::closed`] let go; `None` if it is not to be shown.
    pub fn finished(
        &mut self,
        exchange: &Exchange,
        ends: &Ends,
        closed: Closed,
        span: Option<Span>,
        ids: &mut Ids,
    ) {
        let Closed { open, waits_under } = closed;
        let shown = span.is_some();
        if !open.shown {
            self.hidden.remove(&open.span_id);
        }
        if !shown {
            self.step_aside(&open);
        }
        let span = span.map(|mut span| {
            span.parent = open.parent;
            let has_far = exchange.has_other_end();
            // Where there was no answer, the other end may still turn up on this host.
            if open.kind == SpanKind::Client
                && has_far
                && !open.joins_shown
                && open.context.or(exchange.written).is_none()
                && !may_be_read_later(exchange)
            {
                span.links.extend(far::elsewhere(ends, exchange.position, exchange.secure));
            }
            span
        });
        let undecided = open.undecided && shown;
        if undecided {
            let call = Undecided { group: open.group, span_id: open.span_id };
            self.undecided.insert(exchange.id, call);
        }
        let hold = if shown { self.note_messages(exchange, ends, ids) } else { None };
        if let Some(hold) = hold {
            self.undecided.insert(hold, Undecided { group: open.group, span_id: open.span_id });
        }
        let over = (!undecided).then_some(exchange.id);
        let Some(group) = self.groups.finish(open.group, over, span, exchange.last_ns) else { return };
        group.open.extend(hold);
        if open.kind == SpanKind::Client
            && open.joined.is_none()
            && shown
            && may_be_read_later(exchange)
            && self.ghosts.len() < MAX_GHOSTS
        {
            let ghost = Ghost {
                trace_id: *group.trace_id.get_or_insert_with(|| ids.trace()),
                flags: group.flags,
                span_id: open.span_id,
                until_ns: exchange.last_ns + GHOST_NS,
            };
            self.ghosts.insert(exchange.id, ghost);
        }
        // A server end that may still be joined queues its group when that time is over.
        let group_is_idle = group.open.is_empty() && !group.queued && !(waits_under.is_some() && shown);
        group.queued |= group_is_idle;
        match waits_under {
            Some(key) if shown => {
                self.late.keep(
                    exchange.id,
                    open.group,
                    open.span_id,
                    exchange.start_ns,
                    key,
                    exchange.last_ns,
                );
            }
            Some(key) => self.joins.forget_key(key, exchange.id),
            None => {}
        }
        if group_is_idle {
            self.complete.push_back((exchange.last_ns + self.limits.grace_ns, open.group));
        }
    }

    /// Hands out the traces that are complete at `now_ns`.
    pub fn flush(&mut self, now_ns: u64, ids: &mut Ids, mut out: impl FnMut(Vec<Span>)) {
        self.link_messages(now_ns);
        while let Some(&(due_ns, id)) = self.complete.front() {
            if due_ns > now_ns {
                break;
            }
            self.complete.pop_front();
            if let Some(group) = self.groups.get_mut(id) {
                group.queued = false;
            }
            self.hand_out(id, ids, &mut out);
        }
        while let Some((group, key, exchange)) = self.late.next_due(now_ns) {
            self.joins.forget_key(key, exchange);
            self.hand_out(group, ids, &mut out);
        }
    }

    /// Hands out a group, if nothing in it is open and it is not queued for later.
    fn hand_out(&mut self, id: GroupId, ids: &mut Ids, out: &mut impl FnMut(Vec<Span>)) {
        let Some(group) = self.groups.get_mut(id) else { return };
        if group.open.is_empty() && !group.queued {
            let spans = self.groups.take(id, ids);
            self.messages.handed_out(&spans);
            if !spans.is_empty() {
                out(spans);
            }
        }
    }

    /// Regular duties, once a second: hands out spans that waited for too long for the rest of their trace.
    pub fn sweep(&mut self, now_ns: u64, ids: &mut Ids, mut out: impl FnMut(Vec<Span>)) {
        self.threads.sweep(now_ns);
        for call in self.tasks.sweep(now_ns) {
            self.stands_alone(call, now_ns);
        }
        self.turns.sweep(now_ns);
        self.ghosts.retain(|_, ghost| ghost.until_ns > now_ns);
        let Self { joins, open, ghosts, late, .. } = self;
        joins.sweep(|exchange| {
            open.contains_key(&exchange) || ghosts.contains_key(&exchange) || late.contains(exchange)
        });
        let crowded = self.groups.waiting_spans() > self.limits.waiting_spans;
        for id in self.groups.ids() {
            let waited = self.groups.get_mut(id).is_some_and(|group| {
                group.waiting_since_ns.is_some_and(|since| crowded || since + self.limits.hold_ns <= now_ns)
            });
            if waited {
                let mut spans = self.groups.take(id, ids);
                self.look_past_hidden(&mut spans);
                self.messages.handed_out(&spans);
                out(spans);
            }
        }
    }

    /// Hands out everything: the daemon stops.
    pub fn finish(&mut self, ids: &mut Ids, mut out: impl FnMut(Vec<Span>)) {
        // Far enough that nothing is waited for any more.
        self.link_messages(u64::MAX / 2);
        for id in self.groups.ids() {
            let mut spans = self.groups.take(id, ids);
            self.look_past_hidden(&mut spans);
            if !spans.is_empty() {
                out(spans);
            }
        }
    }
}

/// Whether the server may get to read a request whose client has given up, or waits for no answer. One that was answered was read before.
fn may_be_read_later(exchange: &Exchange) -> bool {
    exchange.failure.is_some() || exchange.incomplete || exchange.response.is_none()
}

/// An exchange between [`Correlator::closed`] and [`Correlator::finished`].
#[derive(Debug)]
pub struct Closed {
    open: Open,
    /// A server end that has not been joined: the key under which it waits.
    waits_under: Option<Key>,
}

impl Closed {
    /// Whether it is to become a span.
    pub fn is_shown(&self) -> bool {
        self.open.shown
    }
}
