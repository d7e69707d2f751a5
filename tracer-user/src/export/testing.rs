//! Spans for tests: any span that the model allows, and short ones by hand.

use std::{borrow::Cow, sync::Arc};

use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::spans::span::{Evidence, Key, Link, Parent, Resource, Span, SpanId, SpanKind, Status, Value};

const EVIDENCE: [Evidence; 8] = [
    Evidence::Header,
    Evidence::TcpSeq,
    Evidence::Socket,
    Evidence::Goroutine,
    Evidence::Task,
    Evidence::Thread,
    Evidence::Value,
    Evidence::Process,
];

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        ".{0,200}".prop_map(|text| Value::Str(text.into())),
        ".{0,20}".prop_map(|text| Value::Shared(text.into())),
        Just(Value::Static("GET")),
        any::<i64>().prop_map(Value::Int),
        (0i64..1000).prop_map(Value::Int),
        any::<bool>().prop_map(Value::Bool),
        vec(".{0,150}", 0..4).prop_map(|texts| Value::List(texts.into_iter().map(Into::into).collect())),
    ]
}

fn any_span_attributes() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    const KEYS: [&str; 5] = ["http.route", "http.request.method", "", "\"quoted\"", "k\u{e4}se.\u{1f9c0}"];
    vec((select(&KEYS[..]), any_value()), 0..12)
}

fn any_attributes() -> impl Strategy<Value = Vec<(Key, Value)>> {
    vec((prop_oneof![Just(Cow::Borrowed("host.name")), ".{0,30}".prop_map(Cow::Owned)], any_value()), 0..12)
}

fn any_resource() -> impl Strategy<Value = Arc<Resource>> {
    (".{0,12}", any_attributes())
        .prop_map(|(name, attributes)| Arc::new(Resource { service_name: name.into(), attributes }))
}

fn any_span(resources: Vec<Arc<Resource>>) -> impl Strategy<Value = Span> {
    let ids = (any::<[u8; 16]>(), any::<[u8; 8]>());
    let parent = option::of(
        (any::<SpanId>(), select(&EVIDENCE[..])).prop_map(|(span_id, evidence)| Parent { span_id, evidence }),
    );
    let context = (option::of("[a-z=,]{0,300}".prop_map(Into::into)), any::<u8>());
    let kind = select(vec![SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer]);
    let outcome = (select(vec![Status::Unset, Status::Error]), any::<bool>());
    (
        ids,
        parent,
        context,
        kind,
        ".{0,40}",
        any::<[u64; 2]>(),
        outcome,
        any_span_attributes(),
        select(resources),
        any::<Option<([u8; 16], [u8; 8])>>(),
    )
        .prop_map(|(ids, parent, context, kind, name, times, outcome, attributes, resource, far)| Span {
            trace_id: ids.0,
            span_id: ids.1,
            parent,
            trace_state: context.0,
            flags: context.1,
            kind,
            name: name.into(),
            start_ns: times[0],
            end_ns: times[1],
            status: outcome.0,
            attributes,
            resource,
            incomplete: outcome.1,
            links: far
                .map(|(trace_id, span_id)| Link { trace_id, span_id, evidence: Evidence::TcpSeq })
                .into_iter()
                .collect(),
        })
}

/// Up to 40 spans of up to 4 resources.
pub(crate) fn any_spans() -> impl Strategy<Value = Vec<Span>> {
    vec(any_resource(), 1..4).prop_flat_map(|resources| vec(any_span(resources), 0..40))
}

/// A resource with nothing but its name.
pub(crate) fn service(name: &str) -> Arc<Resource> {
    Arc::new(Resource {
        service_name: name.into(),
        attributes: vec![("service.name".into(), Value::Str(name.into()))],
    })
}

/// A root span of one second of trace `0af7651916cd43dd8448eb211c80319c` (the example of W3C trace context).
pub(crate) fn span(id: u8, resource: &Arc<Resource>, kind: SpanKind, name: &str) -> Span {
    Span {
        trace_id: 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes(),
        span_id: [0, 0, 0, 0, 0, 0, 0, id],
        parent: None,
        trace_state: None,
        flags: 1,
        kind,
        name: name.into(),
        start_ns: 1_790_000_000_000_000_000,
        end_ns: 1_790_000_001_000_000_000,
        status: Status::Unset,
        attributes: Vec::new(),
        resource: Arc::clone(resource),
        incomplete: false,
        links: Vec::new(),
    }
}
