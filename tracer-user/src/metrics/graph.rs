//! Who calls whom: the metrics that Grafana's service graph reads, named as Grafana Tempo names them.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::{
    exposition::{Kind, Label},
    histogram::Histogram,
    series::SeriesOf,
    sink::Sink,
    write_series,
};
use crate::spans::span::{Span, SpanId, SpanKind, Status};

/// Bounds of Tempo's service graph processor, seconds: 8 doublings from 100 ms.
const BOUNDS: [f64; 8] = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8];
/// Labels of an edge.
const NAMES: [&str; 3] = ["client", "server", "connection_type"];
/// What `connection_type` says where one end is not a service that is traced here.
const VIRTUAL_NODE: Label<'static> = Label::Text("virtual_node");
/// Tempo's name for a caller of whom nothing is known.
const USER: &str = "user";

/// Name, help and value of a counter.
type Counter = (&'static str, &'static str, fn(&Edge) -> u64);
/// Name, help and value of a histogram.
type Times = (&'static str, &'static str, fn(&Edge) -> Option<&Histogram>);

/// What is known of one edge.
#[derive(Debug, Default)]
struct Edge {
    requests: u64,
    failed: u64,
    /// Durations as the server and as the client saw them.
    server: Option<Histogram>,
    client: Option<Histogram>,
}

/// All edges.
#[derive(Debug)]
pub(super) struct Graph {
    edges: SeriesOf<Edge>,
    /// Client spans of the trace at hand whose server was not met yet.
    clients: HashMap<SpanId, usize, RandomState>,
}

impl Graph {
    pub(super) fn new(limit: usize) -> Self {
        Self { edges: SeriesOf::new(limit), clients: HashMap::default() }
    }

    /// Takes the spans of a trace or of a part of one.
    pub(super) fn take(&mut self, trace: &[Span], kept: bool) {
        self.for_each_edge(trace, |edges, client, server| {
            let edge = edges.entry(&labels(client, server), Edge::default);
            let failed = [client, server].into_iter().flatten().any(|span| span.status == Status::Error);
            edge.requests += 1;
            edge.failed += u64::from(failed);
            for (times, span) in [(&mut edge.server, server), (&mut edge.client, client)] {
                if let Some(span) = span {
                    times.get_or_insert_with(|| Histogram::new(&BOUNDS)).take(span, kept);
                }
            }
        });
    }

    /// Makes spans of a kept trace examples.
    pub(super) fn kept(&mut self, trace: &[Span]) {
        self.for_each_edge(trace, |edges, client, server| {
            let Some(edge) = edges.get_mut(&labels(client, server)) else { return };
            for (times, span) in [(&mut edge.server, server), (&mut edge.client, client)] {
                if let (Some(times), Some(span)) = (times, span) {
                    times.kept(span);
                }
            }
        });
    }

    /// Calls with client and server of each edge, one of which may be unknown.
    fn for_each_edge(
        &mut self,
        trace: &[Span],
        mut each: impl FnMut(&mut SeriesOf<Edge>, Option<&Span>, Option<&Span>),
    ) {
        let Self { edges, clients } = self;
        clients.clear();
        for (at, span) in trace.iter().enumerate().filter(|(_, span)| span.kind == SpanKind::Client) {
            clients.insert(span.span_id, at);
        }
        for server in trace.iter().filter(|span| span.kind == SpanKind::Server) {
            let client = server.parent.and_then(|parent| clients.remove(&parent.span_id));
            match (client, server.parent) {
                (Some(client), _) => each(edges, trace.get(client), Some(server)),
                (None, None) => each(edges, None, Some(server)),
                // Its caller is elsewhere, or in another part of the trace: the edge is not known here.
                (None, Some(_)) => {}
            }
        }
        for client in clients.values() {
            each(edges, trace.get(*client), None);
        }
    }

    pub(super) fn write(&self, out: &mut dyn Sink) {
        let counters: [Counter; 2] = [
            ("traces_service_graph_request_total", "Requests between two services.", |edge| edge.requests),
            (
                "traces_service_graph_request_failed_total",
                "Requests between two services that failed.",
                |edge| edge.failed,
            ),
        ];
        for (name, help, count) in counters {
            out.metric(name, Kind::Counter, help);
            write_series(&self.edges, &NAMES, |names, values, edge| {
                out.sample(names, values, count(edge) as f64);
            });
        }
        let histograms: [Times; 2] = [
            (
                "traces_service_graph_request_server_seconds",
                "Duration of requests between two services as the server saw it.",
                |edge| edge.server.as_ref(),
            ),
            (
                "traces_service_graph_request_client_seconds",
                "Duration of requests between two services as the client saw it.",
                |edge| edge.client.as_ref(),
            ),
        ];
        for (name, help, times) in histograms {
            out.metric(name, Kind::Histogram, help);
            write_series(&self.edges, &NAMES, |names, values, edge| {
                if let Some(histogram) = times(edge) {
                    out.histogram(names, values, histogram);
                }
            });
        }
    }

    /// Name, number of series and values that there was no series for.
    pub(super) fn size(&self) -> (&'static str, usize, u64) {
        ("traces_service_graph_request_total", self.edges.len(), self.edges.overflowed())
    }
}

/// The labels of an edge. A server that is not traced here is named by the address that was called.
fn labels<'a>(client: Option<&'a Span>, server: Option<&'a Span>) -> [Label<'a>; NAMES.len()] {
    let name = |span: &'a Span| &*span.resource.service_name;
    let called = || {
        let address = client.and_then(|client| client.attribute("server.address"));
        address.and_then(|address| address.as_str()).unwrap_or("unknown")
    };
    let virtual_node = if client.is_none() || server.is_none() { VIRTUAL_NODE } else { Label::Absent };
    [Label::Text(client.map_or(USER, name)), Label::Text(server.map_or_else(called, name)), virtual_node]
}
