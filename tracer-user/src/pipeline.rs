//! Stages 2 to 6 in one place: records in, finished traces out. No kernel, no clock, no I/O but what `Processes` reads of /proc.
//!
//! ```text
//! record -> decode -> connections -> http1 -> [Stage: selection, correlation, rendering] -> trace
//! ```

use tracer_common::runtime::Python;
use tracer_protocols::context::Extractor;

use crate::{
    clock::WallClock,
    config::Config,
    connections::{self, Ends, Tracker},
    ingest::{Event, decode},
    processes::Processes,
    spans::{
        exchange::{Exchange, ExchangeSink},
        render::Renderer,
        span::{Span, SpanKind},
    },
    telemetry::drops::{Drop, Drops},
    traces::{self, Correlator, ids::Ids},
};

/// How often regular duties are done, nanoseconds of event time.
const SWEEP_NS: u64 = 1_000_000_000;

/// Everything between a record and a finished trace.
#[derive(Debug)]
pub struct Pipeline {
    tracker: Tracker,
    stage: Stage,
    max_request_age_ns: u64,
    swept_ns: u64,
    /// Processes that the selection rules leave out, for the kernel side to be told.
    excluded: Vec<u32>,
    /// Processes that they include as a whole, for the kernel side to be told.
    included: Vec<u32>,
    /// Processes whose tasks the kernel side can read, for it to be told.
    runtimes: Vec<(u32, Python)>,
}

/// What comes behind the connections.
#[derive(Debug)]
struct Stage {
    processes: Processes,
    extractor: Extractor,
    correlator: Correlator,
    renderer: Renderer,
    ids: Ids,
    drops: Drops,
    clock: WallClock,
    finished: u64,
}

/// The state of a pipeline in numbers.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// Losses by reason.
    pub drops: Drops,
    /// Spans made.
    pub finished_spans: u64,
    /// Spans that wait for their trace.
    pub waiting_spans: usize,
    /// Requests in flight.
    pub open_requests: usize,
    /// Connections at hand.
    pub connections: usize,
    /// Processes at hand.
    pub processes: usize,
}

impl Pipeline {
    /// Builds the stages.
    pub fn new(config: &Config, processes: Processes, ids: Ids, clock: WallClock) -> Self {
        Self {
            tracker: Tracker::new(connections::Limits::default()),
            stage: Stage {
                processes,
                extractor: config.context.extractor(),
                correlator: Correlator::new(traces::Limits::default()),
                renderer: Renderer::new(&config.http, &config.context.baggage_keys),
                ids,
                drops: Drops::default(),
                clock,
                finished: 0,
            },
            max_request_age_ns: config.http.max_request_age.as_nanos() as u64,
            swept_ns: 0,
            excluded: Vec::new(),
            included: Vec::new(),
            runtimes: Vec::new(),
        }
    }

    /// Takes one record, in order of time.
    pub fn record(&mut self, record: &[u8]) {
        let event = match decode(record) {
            Ok(event) => event,
            Err(error) => {
                tracing::debug!(%error, "a record was refused");
                self.stage.drops.count(Drop::MalformedRecord);
                return;
            }
        };
        match event {
            Event::Segment(segment) => self.tracker.segment(&segment, &mut self.stage),
            Event::Open(open) => self.tracker.open(&open, &mut self.stage),
            Event::Written(written) => self.tracker.written(&written, &mut self.stage),
            Event::Close(close) => self.tracker.close(&close, &mut self.stage),
            Event::Process(process) => {
                self.stage.correlator.process_described(process.process);
                let tgid = process.process.header.tgid;
                if self.stage.processes.describe(&process) {
                    self.excluded.push(tgid);
                } else if self.stage.processes.is_included(tgid) {
                    self.included.push(tgid);
                }
                if !self.stage.processes.is_left_out(tgid)
                    && let Some(python) = self.stage.processes.find_python(tgid)
                {
                    self.runtimes.push((tgid, python));
                }
            }
            Event::Exit(exit) => {
                self.tracker.process_exit(exit.header.tgid, exit.header.time_ns, &mut self.stage);
                self.stage.processes.exit(exit.header.tgid, exit.header.time_ns);
                self.stage.correlator.process_ended(exit.header.tgid);
            }
        }
    }

    /// Hands out finished traces. Every record up to `now_ns` (CLOCK_MONOTONIC) was taken; `clock` is today's mapping.
    pub fn advance(&mut self, now_ns: u64, clock: WallClock, mut out: impl FnMut(Vec<Span>)) {
        self.tracker.bury(now_ns, &mut self.stage);
        let Stage { correlator, ids, .. } = &mut self.stage;
        correlator.flush(now_ns, ids, &mut out);
        if now_ns >= self.swept_ns + SWEEP_NS {
            self.swept_ns = now_ns;
            self.stage.clock = clock;
            let before_ns = now_ns.saturating_sub(self.max_request_age_ns);
            self.tracker.expire(before_ns, now_ns, &mut self.stage);
            let Stage { correlator, ids, .. } = &mut self.stage;
            correlator.sweep(now_ns, ids, &mut out);
            self.stage.processes.sweep(now_ns);
        }
    }

    /// Ends everything that is open and hands out all that is left: the daemon stops.
    ///
    /// Requests in flight are not reported: nothing is known of their end. Those of connections that are gone have ended.
    pub fn finish(&mut self, mut out: impl FnMut(Vec<Span>)) {
        self.tracker.bury(u64::MAX, &mut self.stage);
        let Stage { correlator, ids, .. } = &mut self.stage;
        correlator.finish(ids, &mut out);
    }

    /// Whether finished spans wait for their trace.
    pub fn is_busy(&self) -> bool {
        self.stage.correlator.waiting_spans() > 0
    }

    /// Processes that the selection rules left out since the last call.
    pub fn take_excluded(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.excluded)
    }

    /// Processes that the selection rules include as a whole since the last call. Empty where there are no rules.
    pub fn take_included(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.included)
    }

    /// Processes of a known runtime that were described since the last call.
    pub fn take_runtimes(&mut self) -> Vec<(u32, Python)> {
        std::mem::take(&mut self.runtimes)
    }

    /// The state in numbers.
    pub fn census(&self) -> Census {
        Census {
            drops: self.stage.drops.clone(),
            finished_spans: self.stage.finished,
            waiting_spans: self.stage.correlator.waiting_spans(),
            open_requests: self.stage.correlator.open_count(),
            connections: self.tracker.len(),
            processes: self.stage.processes.len(),
        }
    }
}

impl ExchangeSink for Stage {
    fn ids(&mut self) -> &mut Ids {
        &mut self.ids
    }

    fn extractor(&self) -> &Extractor {
        &self.extractor
    }

    fn drops(&mut self) -> &mut Drops {
        &mut self.drops
    }

    fn opened(&mut self, exchange: &Exchange, ends: &Ends) {
        // An exchange that is left out is followed all the same: it may be the link between two that are not.
        let port = ends.server_port(exchange.kind == SpanKind::Server);
        let shown = self.processes.selected(exchange.tgid, port);
        self.correlator.opened(exchange, ends, shown, &mut self.drops);
    }

    fn closed(&mut self, mut exchange: Exchange, ends: &Ends) {
        let Some(closed) = self.correlator.closed(&mut exchange, ends) else { return };
        let span = if closed.is_shown() {
            let resource = self.processes.resource(exchange.tgid);
            self.finished += 1;
            Some(self.renderer.span(&exchange, ends, resource, self.clock))
        } else {
            self.drops.count(Drop::Excluded);
            None
        };
        self.correlator.finished(&exchange, closed, span, &mut self.ids);
    }

    fn retracted(&mut self, mut exchange: Exchange, ends: &Ends) {
        let Some(closed) = self.correlator.closed(&mut exchange, ends) else { return };
        self.correlator.finished(&exchange, closed, None, &mut self.ids);
    }
}
