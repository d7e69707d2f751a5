//! Every byte is decoded with the structs that opentelemetry-proto generates from the .proto files.

use std::sync::Arc;

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value},
    resource::v1::Resource as ProtoResource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span as ProtoSpan, SpanFlags, Status as ProtoStatus, span, status,
    },
};
use proptest::prelude::*;
use prost::Message;

use super::Encoder;
use crate::{
    export::testing::{any_spans, service, span},
    spans::span::{Evidence, Parent, Resource, Span, SpanKind, Status, Value},
};

fn proto_attribute(key: &str, value: &Value) -> KeyValue {
    let value = match value {
        Value::Int(number) => any_value::Value::IntValue(*number),
        Value::Bool(truth) => any_value::Value::BoolValue(*truth),
        Value::List(texts) => {
            let values = texts.iter().map(|text| AnyValue {
                value: Some(any_value::Value::StringValue(text.clone().into_string())),
            });
            any_value::Value::ArrayValue(ArrayValue { values: values.collect() })
        }
        text => any_value::Value::StringValue(text.as_str().unwrap().to_owned()),
    };
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn proto_attributes<K: AsRef<str>>(attributes: &[(K, Value)]) -> Vec<KeyValue> {
    attributes.iter().map(|(key, value)| proto_attribute(key.as_ref(), value)).collect()
}

/// The span as the generated struct, built the slow and obvious way.
fn proto_span(span: &Span) -> ProtoSpan {
    let mut attributes = proto_attributes(&span.attributes);
    let mut flags = u32::from(span.flags);
    if let Some(parent) = span.parent {
        attributes.push(proto_attribute("tracer.parent.evidence", &Value::Static(parent.evidence.name())));
        let same_process = matches!(
            parent.evidence,
            Evidence::Goroutine | Evidence::Task | Evidence::Thread | Evidence::Value
        );
        let other_process = matches!(parent.evidence, Evidence::Process | Evidence::Message);
        let inbound = matches!(span.kind, SpanKind::Server | SpanKind::Consumer);
        if same_process || other_process || inbound {
            flags |= SpanFlags::ContextHasIsRemoteMask as u32;
        }
        if other_process || !same_process && inbound {
            flags |= SpanFlags::ContextIsRemoteMask as u32;
        }
    }
    if span.incomplete {
        attributes.push(proto_attribute("tracer.incomplete", &Value::Bool(true)));
    }
    let kind = match span.kind {
        SpanKind::Server => span::SpanKind::Server,
        SpanKind::Client => span::SpanKind::Client,
        SpanKind::Producer => span::SpanKind::Producer,
        SpanKind::Consumer => span::SpanKind::Consumer,
    };
    let error = ProtoStatus { code: status::StatusCode::Error.into(), message: String::new() };
    ProtoSpan {
        trace_id: span.trace_id.to_vec(),
        span_id: span.span_id.to_vec(),
        trace_state: span.trace_state.as_deref().unwrap_or_default().to_owned(),
        parent_span_id: span.parent.map(|parent| parent.span_id.to_vec()).unwrap_or_default(),
        flags,
        name: span.name.to_string(),
        kind: kind.into(),
        start_time_unix_nano: span.start_ns,
        end_time_unix_nano: span.end_ns,
        attributes,
        links: span
            .links
            .iter()
            .map(|link| span::Link {
                trace_id: link.trace_id.to_vec(),
                span_id: link.span_id.to_vec(),
                attributes: vec![proto_attribute("tracer.parent.evidence", &Value::Static("tcp-seq"))],
                ..span::Link::default()
            })
            .collect(),
        status: (span.status == Status::Error).then_some(error),
        ..ProtoSpan::default()
    }
}

/// The whole request as the generated struct.
fn proto_request(spans: &[Span]) -> ExportTraceServiceRequest {
    let schema_url = "https://opentelemetry.io/schemas/1.44.0";
    let mut groups: Vec<(Arc<Resource>, ResourceSpans)> = Vec::new();
    for span in spans {
        let group = groups.iter().position(|(resource, _)| Arc::ptr_eq(resource, &span.resource));
        let at = group.unwrap_or_else(|| {
            let scope = InstrumentationScope {
                name: "tracer".to_owned(),
                version: "1.2.3".to_owned(),
                ..InstrumentationScope::default()
            };
            let resource_spans = ResourceSpans {
                resource: Some(ProtoResource {
                    attributes: proto_attributes(&span.resource.attributes),
                    ..ProtoResource::default()
                }),
                scope_spans: vec![ScopeSpans {
                    scope: Some(scope),
                    spans: Vec::new(),
                    schema_url: schema_url.to_owned(),
                }],
                schema_url: schema_url.to_owned(),
            };
            groups.push((Arc::clone(&span.resource), resource_spans));
            groups.len() - 1
        });
        groups[at].1.scope_spans[0].spans.push(proto_span(span));
    }
    ExportTraceServiceRequest { resource_spans: groups.into_iter().map(|(_, group)| group).collect() }
}

fn decode(bytes: &[u8]) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(bytes).unwrap()
}

proptest! {
    #[test]
    fn every_field_arrives(first in any_spans(), second in any_spans()) {
        let mut encoder = Encoder::new("1.2.3");
        // `first` again at the end: its resources come from the cache then.
        for spans in [&first, &second, &first] {
            let bytes = encoder.encode(spans);
            prop_assert_eq!(decode(&bytes), proto_request(spans));
            // Fields in order, lengths minimal, default values left out: what protobuf calls its canonical form.
            prop_assert!(bytes == proto_request(spans).encode_to_vec());
        }
    }
}

#[test]
fn no_spans_are_an_empty_request() {
    assert!(Encoder::new("1.2.3").encode::<Span>(&[]).is_empty());
}

#[test]
fn shared_spans_are_taken_as_they_are() {
    let web = service("web");
    let spans = vec![span(1, &web, SpanKind::Server, "GET /a"), span(2, &web, SpanKind::Client, "GET")];
    let shared: Vec<Arc<Span>> = spans.iter().cloned().map(Arc::new).collect();
    let mut encoder = Encoder::new("1.2.3");
    assert_eq!(encoder.encode(&shared), encoder.encode(&spans));
}

#[test]
fn a_span_above_16_kib_keeps_its_contents() {
    let mut large = span(1, &service("web"), SpanKind::Server, "GET /a");
    large.attributes.push(("url.path", Value::Str("/x".repeat(3_000_000).into())));
    let spans = [large];
    assert_eq!(decode(&Encoder::new("1.2.3").encode(&spans)), proto_request(&spans));
}

#[test]
fn a_new_resource_at_the_address_of_an_old_one_is_not_mistaken_for_it() {
    let mut encoder = Encoder::new("1.2.3");
    for turn in 0..100 {
        let spans = [span(1, &service(&format!("service {turn}")), SpanKind::Server, "GET /a")];
        assert_eq!(decode(&encoder.encode(&spans)), proto_request(&spans));
    }
}

#[test]
fn remoteness_is_said_only_where_it_is_known() {
    let web = service("web");
    let flags = |kind, evidence: Option<Evidence>| {
        let mut one = span(1, &web, kind, "GET");
        one.parent = evidence.map(|evidence| Parent { span_id: [9; 8], evidence });
        decode(&Encoder::new("1.2.3").encode(&[one])).resource_spans[0].scope_spans[0].spans[0].flags
    };
    assert_eq!(flags(SpanKind::Server, None), 0x001);
    assert_eq!(flags(SpanKind::Server, Some(Evidence::Header)), 0x301);
    assert_eq!(flags(SpanKind::Server, Some(Evidence::TcpSeq)), 0x301);
    assert_eq!(flags(SpanKind::Server, Some(Evidence::Socket)), 0x301);
    assert_eq!(flags(SpanKind::Client, Some(Evidence::Thread)), 0x101);
    assert_eq!(flags(SpanKind::Client, Some(Evidence::Process)), 0x301);
    assert_eq!(flags(SpanKind::Client, Some(Evidence::Header)), 0x001);
}
