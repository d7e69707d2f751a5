//! Whether the trace of each call leads to the request that it was made for.

use std::collections::HashMap;
use std::ops::AddAssign;

use serde::Serialize;

use super::back::Hits;
use super::driver::Request;
use super::ids::{Kind, back_path, front_id};
use super::otlp::Span;

/// Longest chain of parents that is followed: a request has four spans.
const MAX_CHAIN: usize = 32;
/// Wrong edges that are shown of each run.
const MAX_EXAMPLES: usize = 3;

/// How many calls were judged how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    /// Calls that the back service answered.
    pub(super) calls: u64,
    /// Spans whose chain of parents reaches the request they belong to.
    pub(super) right: u64,
    /// Spans whose chain reaches another request.
    pub(super) wrong: u64,
    /// Spans whose chain reaches no request.
    pub(super) orphan: u64,
    /// Spans beyond one for a call.
    pub(super) twice: u64,
    /// Calls without a span.
    pub(super) missing: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.right += other.right;
        self.wrong += other.wrong;
        self.orphan += other.orphan;
        self.twice += other.twice;
        self.missing += other.missing;
    }
}

/// The spans of a run, ready to be followed.
pub(super) struct Traces<'a> {
    by_id: HashMap<(&'a [u8], &'a [u8]), &'a Span>,
    by_back_path: HashMap<&'a str, Vec<&'a Span>>,
}

/// What became of some requests.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// By kind of request.
    pub(super) by_kind: HashMap<Kind, Counts>,
    /// Some wrong edges, told.
    pub(super) examples: Vec<String>,
}

impl<'a> Traces<'a> {
    /// Of every span that was received.
    pub(super) fn new(spans: &'a [Span]) -> Self {
        let by_id = spans.iter().map(|span| ((&span.trace[..], &span.id[..]), span)).collect();
        let mut by_back_path: HashMap<_, Vec<_>> = HashMap::new();
        for span in spans.iter().filter(|span| span.server && span.path.starts_with("/back/")) {
            by_back_path.entry(&span.path[..]).or_default().push(span);
        }
        Self { by_id, by_back_path }
    }

    /// Judges the calls that were made for these requests.
    pub(super) fn judge(&self, requests: &[Request], hits: &Hits, plain: bool) -> Verdict {
        let mut verdict = Verdict::default();
        for request in requests {
            let mut counts = Counts::default();
            for call in 1..=request.kind.calls() {
                let path = back_path(&request.id, call, plain);
                let made = u64::from(hits.get(&path).copied().unwrap_or(0));
                let spans = self.by_back_path.get(&path[..]).map_or(&[][..], Vec::as_slice);
                counts.calls += made;
                counts.twice += (spans.len() as u64).saturating_sub(made);
                counts.missing += made.saturating_sub(spans.len() as u64);
                for span in spans {
                    let chain = self.chain(span);
                    match chain.last().filter(|end| is_front(end)).and_then(|end| front_id(&end.path)) {
                        Some(id) if id == request.id => counts.right += 1,
                        Some(_) => {
                            counts.wrong += 1;
                            if verdict.examples.len() < MAX_EXAMPLES {
                                verdict.examples.push(tell(request, &chain));
                            }
                        }
                        None => counts.orphan += 1,
                    }
                }
            }
            *verdict.by_kind.entry(request.kind).or_default() += counts;
        }
        verdict
    }

    /// A span and its parents, up to the first front span or as far as they are known.
    fn chain(&self, span: &'a Span) -> Vec<&'a Span> {
        let mut chain = vec![span];
        let mut last = span;
        while !is_front(last) && chain.len() < MAX_CHAIN {
            let Some(&parent) = self.by_id.get(&(&last.trace[..], &last.parent[..])) else { break };
            chain.push(parent);
            last = parent;
        }
        chain
    }
}

fn is_front(span: &Span) -> bool {
    span.server && span.path.starts_with("/front/")
}

fn tell(request: &Request, chain: &[&Span]) -> String {
    let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let steps = chain.iter().map(|span| {
        format!("{} {} ({})", if span.server { "SERVER" } else { "CLIENT" }, span.path, hex(&span.id))
    });
    format!(
        "belongs to {} ({}), trace {}: {}",
        request.id,
        request.kind.name(),
        chain.first().map_or_else(String::new, |span| hex(&span.trace)),
        steps.collect::<Vec<_>>().join(" <- ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::accuracy::ids::front_path;

    fn span(id: u8, parent: u8, server: bool, path: String) -> Span {
        let parent = if parent == 0 { vec![] } else { vec![parent] };
        Span { id: vec![id], parent, trace: vec![9], server, path }
    }

    fn judge(spans: &[Span], hits: &[(&str, u32)]) -> Verdict {
        let requests = ["a", "b"].map(|id| Request { id: id.into(), kind: Kind::One });
        let hits = hits.iter().map(|&(id, count)| (back_path(id, 1, false), count)).collect();
        Traces::new(spans).judge(&requests, &hits, false)
    }

    #[test]
    fn each_way_to_be_right_or_not_is_told_apart() {
        let spans = [
            span(1, 0, true, front_path(Kind::One, "a")),
            span(2, 1, false, "http://127.0.0.1/back/x".into()),
            // Right; then the same call once more, below nothing.
            span(3, 2, true, back_path("a", 1, false)),
            span(4, 77, true, back_path("a", 1, false)),
            // Of b, below a.
            span(5, 2, true, back_path("b", 1, false)),
        ];
        let verdict = judge(&spans, &[("a", 1), ("b", 2)]);
        let expected = Counts { calls: 3, right: 1, wrong: 1, orphan: 1, twice: 1, missing: 1 };
        assert_eq!(verdict.by_kind[&Kind::One], expected);
        assert_eq!(verdict.examples.len(), 1);
        assert!(verdict.examples[0].starts_with("belongs to b (one), trace 09: SERVER /back/"));
    }

    #[test]
    fn a_circle_of_parents_ends() {
        let spans =
            [span(1, 2, true, back_path("a", 1, false)), span(2, 1, false, "http://127.0.0.1/back/x".into())];
        assert_eq!(judge(&spans, &[("a", 1)]).by_kind[&Kind::One].orphan, 1);
    }
}
