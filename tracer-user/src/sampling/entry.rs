//! The span of a trace that decides for all of it.

use crate::spans::span::{Evidence, Span, SpanKind};

/// Steps towards the root: traces that are deeper are judged by the span that was reached.
const MAX_STEPS: usize = 64;

/// Where a trace begins, as far as this host saw it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The local root: the earliest span, or the one furthest above it.
    pub root: &'a Span,
    /// The local root, or, where that is a call whose server end was seen too, that server end.
    ///
    /// It is the first span that knows service and route of what was asked for.
    pub served: &'a Span,
}

impl<'a> Entry<'a> {
    /// The entry of a trace or of a part of one; `None` only for no spans.
    pub fn of(trace: &'a [Span]) -> Option<Self> {
        let mut root = trace.iter().min_by_key(|span| (span.start_ns, span.span_id))?;
        for _ in 0..MAX_STEPS {
            let parent = root.parent.map(|parent| parent.span_id);
            let Some(above) = trace.iter().find(|span| Some(span.span_id) == parent) else { break };
            root = above;
        }
        let served = if root.kind == SpanKind::Client {
            let is_its_server = |span: &&Span| {
                span.kind == SpanKind::Server
                    && span.parent.is_some_and(|parent| parent.span_id == root.span_id)
            };
            trace.iter().find(is_its_server).unwrap_or(root)
        } else {
            root
        };
        Some(Self { root, served })
    }

    /// The W3C flags of the caller elsewhere that the trace continues, if it does.
    pub fn caller_flags(&self) -> Option<u8> {
        let continues = self.root.parent.is_some_and(|parent| parent.evidence == Evidence::Header);
        continues.then_some(self.root.flags)
    }

    /// `tracestate` as the trace came in.
    pub fn trace_state(&self) -> Option<&'a str> {
        self.root.trace_state.as_deref()
    }

    /// The service that was asked.
    pub fn service(&self) -> &'a str {
        &self.served.resource.service_name
    }

    /// The route that was asked for, empty where it is not known.
    pub fn route(&self) -> &'a str {
        self.served.attribute("http.route").and_then(|route| route.as_str()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        export::testing::{service, span},
        spans::span::Parent,
    };

    fn below(mut span: Span, parent: u8, evidence: Evidence) -> Span {
        span.parent = Some(Parent { span_id: [0, 0, 0, 0, 0, 0, 0, parent], evidence });
        span
    }

    #[test]
    fn a_call_is_judged_by_its_server_end() {
        let (curl, shop) = (service("curl"), service("shop"));
        let trace = [
            below(span(3, &shop, SpanKind::Client, "GET"), 2, Evidence::Thread),
            below(span(2, &shop, SpanKind::Server, "GET"), 1, Evidence::TcpSeq),
            span(1, &curl, SpanKind::Client, "GET"),
        ];
        let entry = Entry::of(&trace).expect("spans");
        assert_eq!((entry.root.span_id[7], entry.served.span_id[7], entry.service()), (1, 2, "shop"));
        assert_eq!(entry.caller_flags(), None);
        let entry = Entry::of(&trace[..1]).expect("a part");
        assert_eq!(
            (entry.root.span_id[7], entry.service()),
            (3, "shop"),
            "a part is judged by what is there"
        );
        assert!(Entry::of(&[]).is_none());
    }

    #[test]
    fn a_header_names_a_caller_elsewhere() {
        let shop = service("shop");
        let trace = [below(span(1, &shop, SpanKind::Server, "GET"), 9, Evidence::Header)];
        assert_eq!(Entry::of(&trace).expect("a span").caller_flags(), Some(1));
    }

    #[test]
    fn spans_that_are_each_others_parents_end_the_search() {
        let shop = service("shop");
        let trace = [
            below(span(1, &shop, SpanKind::Server, "GET"), 2, Evidence::Header),
            below(span(2, &shop, SpanKind::Server, "GET"), 1, Evidence::Header),
        ];
        assert!(Entry::of(&trace).is_some());
    }
}
