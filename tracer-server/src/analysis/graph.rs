//! Which service calls which, and how that goes.

use std::{collections::BTreeMap, ops::Range};

use hashbrown::HashMap;

use super::{example::Examples, red::Red};
use crate::spans::{Kind, SpanId, SpanRef, Spans, TraceId};

/// Edges that are told apart; calls beyond are counted as [`Graph::unplaced`].
const EDGES: usize = 10_000;

/// Calls whose caller has not been seen yet are remembered, up to this many.
const WAITING: usize = 100_000;

/// The service graph of any number of spans.
#[derive(Default)]
pub struct Graph {
    edges: BTreeMap<(String, String), Edge>,
    /// The spans of the batch before: callers and called ones of a trace may lie in neighbouring batches.
    before: HashMap<(TraceId, SpanId), (String, Kind)>,
    /// Calls by the caller that is missing.
    waiting: HashMap<(TraceId, SpanId), Vec<Call>>,
    waiting_calls: usize,
    unplaced: u64,
}

/// Calls from one service to another.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Who calls.
    pub parent: String,
    /// Who is called.
    pub child: String,
    /// How it goes, as the called side sees it.
    pub red: Red,
    /// Traces that show it.
    pub examples: Examples,
}

struct Call {
    child: String,
    kind: Kind,
    duration_ns: u64,
    is_error: bool,
}

impl Graph {
    /// Adds the calls among spans that start in a range of time. Every batch of one question is added once, in any order.
    pub fn add(&mut self, spans: &Spans, range: &Range<u64>) {
        let mut here: HashMap<(TraceId, SpanId), usize> = HashMap::with_capacity(spans.len());
        // Clients whose server shares their id, as Zipkin has it.
        let mut clients: HashMap<(TraceId, SpanId), usize> = HashMap::new();
        for (index, span) in spans.iter().enumerate() {
            let row = span.row();
            let key = (row.trace_id, row.span_id);
            let place = *here.entry(key).or_insert(index);
            match (row.kind, spans.get(place).row().kind) {
                // The server's one makes the further calls.
                (Kind::Server, other) => {
                    if other == Kind::Client {
                        clients.insert(key, place);
                    }
                    here.insert(key, index);
                }
                (Kind::Client, Kind::Server) => drop(clients.insert(key, index)),
                _ => {}
            }
        }
        for span in spans.iter().filter(|span| range.contains(&span.row().start_ns)) {
            let client = clients.get(&(span.row().trace_id, span.row().span_id));
            let client = client.filter(|_| span.row().kind == Kind::Server);
            self.place(span, spans, client.copied(), &here);
        }
        if !self.waiting.is_empty() {
            for span in spans.iter() {
                let key = (span.row().trace_id, span.row().span_id);
                for call in self.waiting.remove(&key).into_iter().flatten() {
                    self.waiting_calls -= 1;
                    self.count(span.service(), span.row().kind, &call, key.0);
                }
            }
        }
        self.before = spans
            .iter()
            .map(|span| {
                let row = span.row();
                ((row.trace_id, row.span_id), (span.service().to_owned(), row.kind))
            })
            .collect();
    }

    /// Counts the call that a span answers, or has it wait for its caller. `client` is the other side that shares its id.
    fn place(
        &mut self,
        span: SpanRef<'_>,
        spans: &Spans,
        client: Option<usize>,
        here: &HashMap<(TraceId, SpanId), usize>,
    ) {
        let row = span.row();
        if !row.parent_id.is_some() && client.is_none() {
            return;
        }
        let key = (row.trace_id, row.parent_id);
        let call = Call {
            child: span.service().to_owned(),
            kind: row.kind,
            duration_ns: row.duration_ns,
            is_error: span.is_error(),
        };
        if let Some(parent) = client.or_else(|| here.get(&key).copied()) {
            let parent = spans.get(parent);
            self.count(parent.service(), parent.row().kind, &call, row.trace_id);
        } else if let Some((parent, kind)) = self.before.get(&key) {
            let (parent, kind) = (parent.clone(), *kind);
            self.count(&parent, kind, &call, row.trace_id);
        } else if self.waiting_calls < WAITING {
            self.waiting_calls += 1;
            self.waiting.entry(key).or_default().push(call);
        } else {
            self.unplaced += 1;
        }
    }

    fn count(&mut self, parent: &str, parent_kind: Kind, call: &Call, trace_id: TraceId) {
        // A service that calls itself is known by the two sides of the call.
        let calls_itself = matches!(
            (parent_kind, call.kind),
            (Kind::Client, Kind::Server) | (Kind::Producer, Kind::Consumer)
        );
        if parent == call.child && !calls_itself {
            return;
        }
        let key = (parent.to_owned(), call.child.clone());
        if self.edges.len() >= EDGES && !self.edges.contains_key(&key) {
            self.unplaced += 1;
            return;
        }
        let edge = self.edges.entry(key).or_insert_with_key(|(parent, child)| Edge {
            parent: parent.clone(),
            child: child.clone(),
            red: Red::default(),
            examples: Examples::default(),
        });
        edge.red.add(call.duration_ns, call.is_error);
        edge.examples.add(call.duration_ns, call.is_error, trace_id);
    }

    /// The edges by caller and called.
    pub fn edges(&self) -> impl Iterator<Item = &Edge> {
        self.edges.values()
    }

    /// Calls whose caller is not stored, or that were too many to follow.
    pub fn unplaced(&self) -> u64 {
        self.unplaced + self.waiting_calls as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::trace::testing;

    fn edges(graph: &Graph) -> Vec<(&str, &str, u64)> {
        graph.edges().map(|edge| (edge.parent.as_str(), edge.child.as_str(), edge.red.calls)).collect()
    }

    #[test]
    fn calls_are_counted_wherever_their_caller_lies() {
        let first = testing::spans(&[(1, 0, "a", 0, 100), (2, 1, "b", 1, 50), (5, 9, "c", 2, 7)]);
        let second = testing::spans(&[(3, 2, "c", 3, 10), (4, 1, "a", 4, 1), (9, 1, "b", 5, 1)]);
        for batches in [[&first, &second], [&second, &first]] {
            let mut graph = Graph::default();
            for batch in batches {
                graph.add(batch, &(0..100));
            }
            assert_eq!(edges(&graph), [("a", "b", 2), ("b", "c", 2)]);
            assert_eq!(graph.unplaced(), 0);
        }
    }

    #[test]
    fn only_calls_in_the_range_count_and_strangers_are_told() {
        let spans = testing::spans(&[
            (1, 0, "a", 0, 100),
            (2, 1, "b", 10, 50),
            (3, 1, "b", 20, 5),
            (4, 77, "b", 20, 5),
        ]);
        let mut graph = Graph::default();
        graph.add(&spans, &(15..100));
        assert_eq!(edges(&graph), [("a", "b", 1)]);
        assert_eq!(graph.unplaced(), 1);
    }
}
