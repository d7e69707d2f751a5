//! A trace as a tree.

use hashbrown::HashMap;

use crate::spans::{Kind, SpanId, SpanRef, Spans, TraceId};

/// The spans of one trace in order of their start, and who called whom.
pub struct Trace<'a> {
    /// Its id.
    pub id: TraceId,
    /// Its spans.
    pub spans: Vec<SpanRef<'a>>,
    /// The index of each span's parent; none for roots and for spans whose parent is not here.
    pub parents: Vec<Option<usize>>,
    /// The indices of each span's children in order of their start.
    pub children: Vec<Vec<usize>>,
    /// Spans without a parent here, in order of their start.
    pub roots: Vec<usize>,
}

/// The traces of a batch, in order of their first span.
pub fn traces(spans: &Spans) -> Vec<Trace<'_>> {
    let mut of_trace: HashMap<TraceId, Vec<SpanRef<'_>>> = HashMap::new();
    let mut order = Vec::new();
    for span in spans.iter() {
        let id = span.row().trace_id;
        of_trace
            .entry(id)
            .or_insert_with(|| {
                order.push(id);
                Vec::new()
            })
            .push(span);
    }
    order.into_iter().filter_map(|id| Some(Trace::new(id, of_trace.remove(&id)?))).collect()
}

impl<'a> Trace<'a> {
    /// The tree of these spans, which are of one trace.
    pub fn new(id: TraceId, mut spans: Vec<SpanRef<'a>>) -> Self {
        spans.sort_by_key(|span| (span.row().start_ns, span.row().span_id));
        let mut by_id: HashMap<SpanId, Vec<usize>> = HashMap::with_capacity(spans.len());
        for (index, span) in spans.iter().enumerate() {
            by_id.entry(span.row().span_id).or_default().push(index);
        }
        let mut parents: Vec<Option<usize>> =
            (0..spans.len()).map(|index| parent_of(index, &spans, &by_id)).collect();
        break_cycles(&mut parents);
        let mut children = vec![Vec::new(); spans.len()];
        let mut roots = Vec::new();
        for (index, parent) in parents.iter().enumerate() {
            match parent {
                Some(parent) => children[*parent].push(index),
                None => roots.push(index),
            }
        }
        Self { id, spans, parents, children, roots }
    }

    /// The span that stands for the whole: the first one without a parent at all, else the first whose parent is missing.
    pub fn root(&self) -> Option<SpanRef<'a>> {
        let span = |index: &usize| self.spans[*index];
        let real = self.roots.iter().map(span).find(|span| !span.row().parent_id.is_some());
        real.or_else(|| self.roots.first().map(span))
    }

    /// From the first start to the last end, nanoseconds since 1970.
    pub fn extent(&self) -> (u64, u64) {
        let start = self.spans.iter().map(|span| span.row().start_ns).min().unwrap_or_default();
        let end = self.spans.iter().map(|span| span.end_ns()).max().unwrap_or_default();
        (start, end)
    }
}

fn parent_of(index: usize, spans: &[SpanRef<'_>], by_id: &HashMap<SpanId, Vec<usize>>) -> Option<usize> {
    let row = spans[index].row();
    // Zipkin's two sides of a call share one id: the server's side is the child of the client's.
    if row.kind == Kind::Server
        && let Some(twins) = by_id.get(&row.span_id)
        && let Some(client) = twins.iter().find(|&&twin| spans[twin].row().kind == Kind::Client)
    {
        return Some(*client);
    }
    let candidates = by_id.get(&row.parent_id).filter(|_| row.parent_id.is_some())?;
    let candidates = || candidates.iter().copied().filter(|&candidate| candidate != index);
    // A shared id names the server's side: what it calls is its own.
    candidates()
        .find(|&candidate| spans[candidate].row().kind == Kind::Server)
        .or_else(|| candidates().next())
}

/// Spans that are their own ancestors become roots.
fn break_cycles(parents: &mut [Option<usize>]) {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        OnPath,
        Done,
    }
    let mut states = vec![State::New; parents.len()];
    let mut path = Vec::new();
    for start in 0..parents.len() {
        let mut at = start;
        while states[at] == State::New {
            states[at] = State::OnPath;
            path.push(at);
            match parents[at] {
                Some(parent) if states[parent] == State::OnPath => parents[at] = None,
                Some(parent) => at = parent,
                None => {}
            }
        }
        for index in path.drain(..) {
            states[index] = State::Done;
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use crate::spans::{Kind, Row, SpanId, Spans, Status, Text, TraceId};

    /// A span for a test: (id, parent, service, start, duration), names are the ids.
    pub(crate) fn spans(of: &[(u64, u64, &str, u64, u64)]) -> Spans {
        spans_of_kinds(of, |_| Kind::Server)
    }

    /// The same, with the kind of each id.
    pub(crate) fn spans_of_kinds(of: &[(u64, u64, &str, u64, u64)], kind: impl Fn(u64) -> Kind) -> Spans {
        let mut spans = Spans::default();
        for &(id, parent, service, start_ns, duration_ns) in of {
            let resource = spans.resource("{}", |_| Vec::new());
            let row = Row {
                trace_id: TraceId([1; 16]),
                span_id: SpanId(id),
                parent_id: SpanId(parent),
                start_ns,
                duration_ns,
                name: spans.texts_mut().intern(&id.to_string()),
                service: spans.texts_mut().intern(service),
                resource,
                scope: Text::default(),
                status_message: Text::default(),
                trace_state: Text::default(),
                events: Text::default(),
                links: Text::default(),
                flags: 0,
                attributes_at: 0,
                attributes: 0,
                kind: kind(id),
                status: Status::Unset,
            };
            spans.push(row, []);
        }
        spans
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_hang_below_their_parents() {
        let spans = testing::spans(&[
            (3, 2, "b", 20, 5),
            (1, 0, "a", 0, 100),
            (2, 1, "a", 10, 50),
            (9, 8, "c", 1, 1),
        ]);
        let trace = &traces(&spans)[0];
        let ids: Vec<u64> = trace.spans.iter().map(|span| span.row().span_id.0).collect();
        assert_eq!(ids, [1, 9, 2, 3]);
        assert_eq!(trace.parents, [None, None, Some(0), Some(2)]);
        assert_eq!(trace.root().map(|span| span.row().span_id), Some(SpanId(1)));
        assert_eq!(trace.extent(), (0, 100));
    }

    #[test]
    fn a_cycle_is_broken_and_loses_no_span() {
        let spans =
            testing::spans(&[(1, 3, "a", 0, 1), (2, 1, "a", 1, 1), (3, 2, "a", 2, 1), (4, 4, "a", 3, 1)]);
        let trace = &traces(&spans)[0];
        let reachable: usize = trace.children.iter().map(Vec::len).sum::<usize>() + trace.roots.len();
        assert_eq!((reachable, trace.roots.len()), (4, 2));
    }
}
