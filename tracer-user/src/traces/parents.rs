//! Who caused an exchange: the evidence, best first.

use tracer_protocols::http1::Version;

use super::{
    correlate::{Correlator, Ghost, Open, Undecided},
    groups::GroupId,
    late::LateServer,
    late_calls::Decided,
};
use crate::{
    connections::{Ends, Work},
    spans::{
        exchange::{Exchange, ExchangeId},
        span::{Evidence, Parent, SpanId, SpanKind},
    },
};

impl Correlator {
    /// The request in hand that caused this call.
    pub(super) fn find_cause(&mut self, call: &Exchange) {
        let by_thread = self
            .threads
            .handling(call.by, call.start_ns)
            // What was asked for before the request came, and is told of once it is answered, is not for that one.
            .filter(|id| {
                self.open
                    .get(id)
                    .is_some_and(|open| open.by.tgid == call.by.tgid && open.start_ns <= call.start_ns)
            })
            // Threads share such a connection: one may send what another had it queue, which only the process rules out.
            .filter(|_| call.request.version != Version::Http2 || self.threads.in_hand(call.by.tgid) == 1);
        let by_value = self.values.cause(call);
        if let Some(context) = call.request.context {
            // The application passed on the very header that it received: that request is the cause. A header of its own
            // making names a span of its own making, which is then the parent; by_thread only keeps the two together.
            let key = (call.by.tgid, context.trace_id, context.span_id);
            if let Some(&[only]) = self.forwarded.get(&key).map(Vec::as_slice) {
                self.set_parent(call.id, only, Evidence::Header);
            } else if let Some(cause) = by_thread {
                self.unite(call.id, cause);
            }
        } else if by_thread.is_some() && by_value.is_some() && by_thread != by_value {
            // They contradict each other: nobody can tell.
        } else if let Some(cause) = by_thread {
            self.set_parent(call.id, cause, Evidence::Thread);
        } else if let Some(cause) = by_value {
            self.set_parent(call.id, cause, Evidence::Value);
        } else if let Some(cause) = self.started_for(call) {
            self.set_parent(call.id, cause, Evidence::Process);
        } else if self.may_be_known_later(call)
            && let Some(open) = self.open.get_mut(&call.id)
        {
            open.undecided = true;
        }
    }

    /// Whether the answer to some request may tell who caused this call.
    fn may_be_known_later(&mut self, call: &Exchange) -> bool {
        match call.by.work {
            Work::Unknown => false,
            Work::Task(_) | Work::Goroutine(_) => self.threads.serve(call.by.tgid) && self.tasks.called(call),
            Work::Turn(_) => {
                !self.threads.hands_over_at(call.by.tgid, call.start_ns) && self.turns.called(call)
            }
        }
    }

    /// A request is answered: calls may be waiting for that.
    pub(super) fn decide_late_calls(&mut self, request: &Exchange) {
        let by_task = self.tasks.answered(request);
        let goroutine =
            request.response.is_some_and(|response| matches!(response.by.work, Work::Goroutine(_)));
        let evidence = if goroutine { Evidence::Goroutine } else { Evidence::Task };
        self.apply(by_task, request, evidence);
        let by_turn = self.turns.answered(request);
        self.apply(by_turn, request, Evidence::Turn);
    }

    fn apply(&mut self, decided: Decided, request: &Exchange, evidence: Evidence) {
        for call in decided.belong {
            self.belongs(call, request, evidence);
        }
        for call in decided.stand_alone {
            self.stands_alone(call, request.last_ns);
        }
    }

    /// A call that waited for its parent was made for `request`, which is in hand.
    fn belongs(&mut self, call: ExchangeId, request: &Exchange, evidence: Evidence) {
        if let Some(open) = self.open.get_mut(&call) {
            open.undecided = false;
            self.set_parent(call, request.id, evidence);
            return;
        }
        if let (Some(&Undecided { group, span_id }), Some(request)) =
            (self.undecided.get(&call), self.open.get(&request.id))
        {
            let parent = Parent { span_id: request.span_id, evidence };
            self.set_parent_of_finished(group, span_id, request.group, parent);
        }
        self.stands_alone(call, request.last_ns);
    }

    /// A call no longer waits for a parent.
    pub(super) fn stands_alone(&mut self, call: ExchangeId, now_ns: u64) {
        if let Some(open) = self.open.get_mut(&call) {
            open.undecided = false;
        }
        let Some(Undecided { group: id, .. }) = self.undecided.remove(&call) else { return };
        let Some(group) = self.groups.get_mut(id) else { return };
        group.open.retain(|open| *open != call);
        if group.open.is_empty() && !group.queued {
            group.queued = true;
            self.complete.push_back((now_ns + self.limits.grace_ns, id));
        }
    }

    /// Makes two compatible groups one and tells their members. Returns the one that stays.
    fn merge(&mut self, a: GroupId, b: GroupId) -> GroupId {
        let (stays, moved) = self.groups.merge(a, b);
        for exchange in moved {
            if let Some(open) = self.open.get_mut(&exchange) {
                open.group = stays;
            } else if let Some(call) = self.undecided.get_mut(&exchange) {
                call.group = stays;
            }
        }
        stays
    }

    /// The request that the calling process was started for: the one that the thread which started it had in hand then
    /// and, being the same and the only one, has in hand still.
    fn started_for(&self, call: &Exchange) -> Option<ExchangeId> {
        let origin = self.origins.of(call.by.tgid)?;
        let id = self.threads.handling(origin.by, call.start_ns)?;
        let open = self.open.get(&id)?;
        (open.by.tgid == origin.by.tgid && open.start_ns <= origin.time_ns).then_some(id)
    }

    pub(super) fn find_other_end(&mut self, exchange: &Exchange, ends: &Ends) {
        let Some(joined) = self.joins.find(exchange, ends) else { return };
        if let Some(ghost) = self.ghosts.remove(&joined.other) {
            self.follow_ghost(exchange.id, ghost, joined.evidence);
            return;
        }
        if let Some(server) = self.late.take(joined.other) {
            self.adopt(exchange, server, joined.evidence);
            return;
        }
        let (client, server) = if exchange.kind == SpanKind::Client {
            (exchange.id, joined.other)
        } else {
            (joined.other, exchange.id)
        };
        let Some(server_open) = self.open.get_mut(&server) else { return };
        server_open.joined = Some(client);
        let (server_start_ns, shown) = (server_open.start_ns, server_open.shown);
        if let Some(client_open) = self.open.get_mut(&client) {
            client_open.joined = Some(server);
            client_open.joins_shown = shown;
            client_open.start_bound_ns = server_start_ns;
        }
        self.set_parent(server, client, joined.evidence);
    }

    /// A client end turns up after its server end was answered.
    fn adopt(&mut self, client: &Exchange, server: LateServer, evidence: Evidence) {
        let Some(open) = self.open.get_mut(&client.id) else { return };
        open.start_bound_ns = server.start_ns;
        open.joins_shown = true;
        let group = open.group;
        let parent = Parent { span_id: client.span_id, evidence };
        self.set_parent_of_finished(server.group, server.span_id, group, parent);
    }

    fn follow_ghost(&mut self, server: ExchangeId, ghost: Ghost, evidence: Evidence) {
        let Some(open) = self.open.get_mut(&server) else { return };
        let Some(group) = self.groups.get_mut(open.group) else { return };
        if group.trace_id.is_none_or(|known| known == ghost.trace_id) {
            group.trace_id = Some(ghost.trace_id);
            group.flags = group.flags.or(ghost.flags);
            open.parent = Some(Parent { span_id: ghost.span_id, evidence });
        }
    }

    /// As [`Self::set_parent`], for a child in `group` that is over; its parent is in `of_parent`.
    fn set_parent_of_finished(&mut self, group: GroupId, child: SpanId, of_parent: GroupId, parent: Parent) {
        if !self.groups.compatible(group, of_parent) {
            return;
        }
        let stays = self.merge(group, of_parent);
        if let Some(group) = self.groups.get_mut(stays)
            && let Some(span) = group.finished.iter_mut().find(|span| span.span_id == child)
        {
            span.parent = Some(parent);
        }
    }

    /// Makes `parent` the parent of `child`, unless headers say that they belong to different traces.
    pub(super) fn set_parent(&mut self, child: ExchangeId, parent: ExchangeId, evidence: Evidence) {
        if !self.unite(child, parent) {
            return;
        }
        let Some(&Open { span_id, shown, group, .. }) = self.open.get(&parent) else { return };
        let Some(open) = self.open.get_mut(&child) else { return };
        open.parent = Some(Parent { span_id, evidence });
        if shown && let Some(group) = self.groups.get_mut(group) {
            group.far.retain(|(root, _)| *root != open.span_id);
        }
    }

    /// Puts two exchanges into one trace; false where headers forbid it.
    fn unite(&mut self, a: ExchangeId, b: ExchangeId) -> bool {
        let (Some(a), Some(b)) = (self.open.get(&a), self.open.get(&b)) else { return false };
        let (a, b) = (a.group, b.group);
        if !self.groups.compatible(a, b) {
            return false;
        }
        self.merge(a, b);
        true
    }
}
