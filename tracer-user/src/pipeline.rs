//! Stages 2 to 7 in one place: records in, finished traces out. No kernel, no clock, no I/O but what `Processes` reads of /proc.
//!
//! ```text
//! record -> decode -> connections -> http1 -> [Stage: selection, correlation, rendering] -> sampler -> trace
//! ```

use std::{net::IpAddr, sync::Arc};

use tracer_protocols::context::Extractor;

use crate::{
    clock::WallClock,
    config::{self, Config},
    connections::{self, By, Ends, Names, Tracker},
    ingest::{Event, decode},
    metrics::Metrics,
    processes::{Mark, Processes},
    sampling::Sampler,
    spans::{
        Connects,
        database::Judgement,
        exchange::{Exchange, ExchangeId, ExchangeSink},
        headers::Wanted,
        messaging::{Reading, Topics},
        render::Renderer,
        span::{Span, SpanKind},
    },
    telemetry::{
        drops::{Drop, Drops},
        status::Sampling,
    },
    traces::{self, Correlator, ids::Ids},
};

/// How often regular duties are done, nanoseconds of event time.
const SWEEP_NS: u64 = 1_000_000_000;

/// Judgements that are kept to be told; more connections do not begin between two looks at the rings.
const MAX_VERDICTS: usize = tracer_common::limits::MAX_VERDICTS as usize;

/// Everything between a record and a finished trace.
#[derive(Debug)]
pub struct Pipeline {
    tracker: Tracker,
    connects: Connects,
    stage: Stage,
    last: Last,
    max_request_age_ns: u64,
    swept_ns: u64,
    /// What the kernel side is to be told of processes.
    marks: Vec<(u32, Mark)>,
}

/// What comes behind the connections.
#[derive(Debug)]
struct Stage {
    processes: Processes,
    extractor: Extractor,
    force_header: Option<String>,
    wanted: Wanted,
    topics: Topics,
    correlator: Correlator,
    renderer: Renderer,
    names: Names,
    ids: Ids,
    drops: Drops,
    clock: WallClock,
    finished: u64,
    /// Somebody may ask what is to be kept.
    remote_sampling: bool,
    /// Requests that begin traces of processes which report them themselves; gathered where these may ask.
    witnessed: Vec<Span>,
    /// What the kernel side is to be told of connections.
    judgements: Vec<(u64, Judgement)>,
    /// Processes that turned out to wait for many connections at a time.
    polls: Vec<u32>,
}

/// What finished traces go through: metrics count all of them, sampling leaves some out.
#[derive(Debug)]
struct Last {
    metrics: Option<Metrics>,
    sampler: Sampler,
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
    /// What sampling does.
    pub sampling: Sampling,
}

impl Pipeline {
    /// Builds the stages.
    pub fn new(config: &Config, processes: Processes, ids: Ids, clock: WallClock) -> Self {
        let mut renderer = Renderer::new(&config.http, &config.context.baggage_keys);
        renderer.set_redact(&config.redact);
        let remote_sampling = config.remote_sampling.listen.is_some();
        let sampler = Sampler::new(&config.sampling).with_remote(remote_sampling);
        Self {
            tracker: Tracker::new(connections::Limits::default()),
            connects: Connects::default(),
            stage: Stage {
                processes,
                extractor: config.context.extractor(),
                force_header: force_header(&config.sampling),
                wanted: Wanted::new(&config.http),
                topics: Topics::default(),
                correlator: Correlator::new(traces::Limits::default()),
                renderer,
                names: Names::default(),
                ids,
                drops: Drops::default(),
                clock,
                finished: 0,
                remote_sampling,
                witnessed: Vec::new(),
                judgements: Vec::new(),
                polls: Vec::new(),
            },
            last: Last { metrics: Metrics::new(&config.metrics), sampler },
            max_request_age_ns: config.http.max_request_age.as_nanos() as u64,
            swept_ns: 0,
            marks: Vec::new(),
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
            Event::Connect(connect) => self.connects.take(&connect, &mut self.stage),
            Event::Process(process) => {
                self.stage.correlator.process_described(process.process);
                let tgid = process.process.header.tgid;
                let mark = self.stage.processes.describe(&process);
                self.marks.extend(mark.map(|mark| (tgid, mark)));
                if self.stage.processes.is_included(tgid) {
                    self.marks.push((tgid, Mark::Included));
                }
            }
            Event::Lineage(lineage) => self.stage.correlator.task_started(&lineage),
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
        self.connects.advance(now_ns, &mut self.stage);
        for span in self.stage.witnessed.drain(..) {
            self.last.sampler.witness(&span, now_ns);
        }
        self.marks.extend(self.stage.processes.starting(now_ns));
        self.marks.extend(self.stage.polls.drain(..).map(|pid| (pid, Mark::Polls)));
        let Self { stage: Stage { correlator, ids, .. }, last, .. } = self;
        correlator.flush(now_ns, ids, |trace| last.take(trace, now_ns, &mut out));
        if now_ns >= self.swept_ns + SWEEP_NS {
            self.swept_ns = now_ns;
            self.stage.clock = clock;
            let before_ns = now_ns.saturating_sub(self.max_request_age_ns);
            self.tracker.expire(before_ns, now_ns, &mut self.stage);
            let Self { stage: Stage { correlator, ids, .. }, last, .. } = self;
            correlator.sweep(now_ns, ids, |trace| last.take(trace, now_ns, &mut out));
            self.stage.processes.sweep(now_ns);
        }
        self.last.flush(now_ns, &mut out);
    }

    /// Ends everything that is open and hands out all that is left: the daemon stops.
    ///
    /// Requests in flight are not reported: nothing is known of their end. Those of connections that are gone have ended.
    pub fn finish(&mut self, mut out: impl FnMut(Vec<Span>)) {
        self.tracker.bury(u64::MAX, &mut self.stage);
        self.connects.advance(u64::MAX, &mut self.stage);
        let Self { stage: Stage { correlator, ids, .. }, last, swept_ns, .. } = self;
        correlator.finish(ids, |trace| last.take(trace, *swept_ns, &mut out));
        last.finish(*swept_ns, &mut out);
    }

    /// Samples by another configuration from now on. What waits for the policies of the old one is decided on by them.
    pub fn set_sampling(&mut self, config: &config::Sampling, mut out: impl FnMut(Vec<Span>)) {
        self.last.finish(self.swept_ns, &mut out);
        self.last.sampler = Sampler::new(config).with_remote(self.stage.remote_sampling);
        self.stage.force_header = force_header(config);
    }

    /// Makes spans by another configuration from now on. What is known of routes so far is forgotten.
    pub fn set_http(&mut self, config: &config::Http) {
        self.stage.renderer.set_http(config);
        self.stage.wanted = Wanted::new(config);
        self.max_request_age_ns = config.max_request_age.as_nanos() as u64;
    }

    /// Leaves this out of every span from now on.
    pub fn set_redact(&mut self, config: &config::Redact) {
        self.stage.renderer.set_redact(config);
    }

    /// Reads trace context by other formats from now on; the keys of baggage have to be the same as before.
    pub fn set_context(&mut self, config: &config::Context) {
        self.stage.extractor = config.extractor();
    }

    /// What SDKs of a service are to keep, as the JSON of Jaeger's remote sampling.
    pub fn strategy(&self, service: &str) -> String {
        self.last.sampler.strategy(service, self.swept_ns)
    }

    /// Metrics of the spans that were made, if there are any.
    pub fn metrics(&self) -> Option<&Metrics> {
        self.last.metrics.as_ref()
    }

    /// Whether finished spans wait for their trace.
    pub fn is_busy(&self) -> bool {
        self.stage.correlator.waiting_spans() > 0
    }

    /// What the kernel side is to be told of the processes that run already.
    pub fn running(&mut self) -> Vec<(u32, Mark)> {
        self.stage.processes.running()
    }

    /// A process (by its id) was seen to start a program. `now_ns` is CLOCK_MONOTONIC.
    pub fn started(&mut self, pid: u32, now_ns: u64) {
        let mark = self.stage.processes.started(pid, now_ns);
        self.marks.extend(mark.map(|mark| (pid, mark)));
    }

    /// What the kernel side is to be told of processes (by thread group id) that were described since the last call.
    pub fn take_marks(&mut self) -> Vec<(u32, Mark)> {
        std::mem::take(&mut self.marks)
    }

    /// What the kernel side is to be told of connections (by id), whose protocol it guessed, since the last call.
    pub fn take_judgements(&mut self) -> Vec<(u64, Judgement)> {
        std::mem::take(&mut self.stage.judgements)
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
            sampling: self.last.sampler.state(),
        }
    }
}

/// The header of requests that ask for their traces to be kept, if there is one.
fn force_header(config: &config::Sampling) -> Option<String> {
    Some(config.force_header.clone()).filter(|name| !name.is_empty())
}

impl Last {
    fn take(&mut self, trace: Vec<Span>, now_ns: u64, out: &mut impl FnMut(Vec<Span>)) {
        let Self { metrics, sampler } = self;
        if let Some(metrics) = metrics {
            metrics.take(&trace, sampler.keeps_all());
        }
        if sampler.keeps_all() {
            sampler.take(trace, now_ns, out);
        } else {
            sampler.take(trace, now_ns, &mut kept(metrics, out));
        }
    }

    fn flush(&mut self, now_ns: u64, out: &mut impl FnMut(Vec<Span>)) {
        self.sampler.flush(now_ns, &mut kept(&mut self.metrics, out));
    }

    fn finish(&mut self, now_ns: u64, out: &mut impl FnMut(Vec<Span>)) {
        self.sampler.finish(now_ns, &mut kept(&mut self.metrics, out));
    }
}

/// Hands on a trace that is kept, and lets metrics refer to it.
fn kept(metrics: &mut Option<Metrics>, out: &mut impl FnMut(Vec<Span>)) -> impl FnMut(Vec<Span>) {
    move |trace| {
        if let Some(metrics) = metrics {
            metrics.kept(&trace);
        }
        out(trace);
    }
}

/// The ends by which the other side of an exchange is found: lookups and connections have none that is shown.
fn joinable<'a>(exchange: &Exchange, ends: &'a Ends) -> &'a Ends {
    if exchange.network.is_some() { &Ends::Unknown } else { ends }
}

impl ExchangeSink for Stage {
    fn ids(&mut self) -> &mut Ids {
        &mut self.ids
    }

    fn extractor(&self) -> &Extractor {
        &self.extractor
    }

    fn force_header(&self) -> Option<&str> {
        self.force_header.as_deref()
    }

    fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    fn reading(&mut self) -> Reading<'_> {
        Reading { extractor: &self.extractor, topics: &mut self.topics, tgid: 0 }
    }

    fn drops(&mut self) -> &mut Drops {
        &mut self.drops
    }

    fn judged(&mut self, conn: u64, judgement: Judgement) {
        // Whoever replays records has nobody to tell.
        if self.judgements.len() < MAX_VERDICTS {
            self.judgements.push((conn, judgement));
        }
    }

    fn read(&mut self, exchange: Option<ExchangeId>, by: By, now_ns: u64) {
        self.correlator.read(exchange, by, now_ns);
    }

    fn resolved(&mut self, tgid: u32, address: IpAddr, name: &Arc<str>, seconds: u32, now_ns: u64) {
        self.names.learn(tgid, address, name, seconds, now_ns);
    }

    fn name_of(&mut self, tgid: u32, address: IpAddr, now_ns: u64) -> Option<Arc<str>> {
        self.names.get(tgid, address, now_ns)
    }

    fn opened(&mut self, exchange: &Exchange, ends: &Ends) {
        // An exchange that is left out is followed all the same: it may be the link between two that are not.
        let port = ends.server_port(exchange.is_at_server());
        self.processes.notice(exchange);
        let shown =
            self.processes.selected(exchange.by.tgid, port) && !self.processes.reports_itself(exchange);
        self.correlator.opened(exchange, joinable(exchange, ends), shown, &mut self.drops);
        if exchange.kind == SpanKind::Server && self.processes.serves(exchange.by, exchange.last_ns) {
            self.correlator.polls(exchange.by.tgid);
            self.polls.push(exchange.by.tgid);
        }
    }

    fn closed(&mut self, mut exchange: Exchange, ends: &Ends) {
        let joinable = joinable(&exchange, ends);
        let Some(closed) = self.correlator.closed(&mut exchange, joinable) else { return };
        // It may have turned out since the request that the process reports its own spans.
        let instrumented = self.processes.reports_itself(&exchange);
        let span = if closed.is_shown() && !instrumented {
            let resource = self.processes.resource(exchange.by.tgid);
            self.finished += 1;
            Some(self.renderer.span(&exchange, ends, resource, self.clock))
        } else {
            // Of those that continue a trace its beginning has decided.
            let begins = exchange.kind == SpanKind::Server && exchange.request.context.is_none();
            if self.remote_sampling && instrumented && begins && exchange.call.is_none() {
                let resource = self.processes.resource(exchange.by.tgid);
                self.witnessed.push(self.renderer.span(&exchange, ends, resource, self.clock));
            }
            self.drops.count(if instrumented { Drop::Instrumented } else { Drop::Excluded });
            None
        };
        self.correlator.finished(&exchange, joinable, closed, span, &mut self.ids);
    }

    fn retracted(&mut self, mut exchange: Exchange, ends: &Ends) {
        let ends = joinable(&exchange, ends);
        let Some(closed) = self.correlator.closed(&mut exchange, ends) else { return };
        self.correlator.finished(&exchange, ends, closed, None, &mut self.ids);
    }
}
