//! Spans as JSON lines.
//!
//! Each line is one OTLP `TracesData` in its JSON encoding with a single span, as the OTel specification's "OTLP
//! File Exporter" writes it: the collector's `otlpjsonfile` receiver reads the output back. Source of the
//! encoding: OTLP specification 1.x, "JSON Protobuf Encoding" (ids in hex, enums as numbers, 64-bit integers as
//! text, names in lowerCamelCase).

use std::io;

use serde::{Serialize, Serializer, ser::SerializeSeq};

use super::{
    hex::Hex,
    otlp::{
        SCHEMA_URL, SCOPE_NAME,
        fields::{added_attributes, flags, kind_number, link_evidence, status_number},
    },
};
use crate::spans::span::{Key, Link, Span, Status, Value};

/// Writes `span` and its resource as one line. `scope_version` is the version of the daemon.
pub fn write_line(out: &mut impl io::Write, span: &Span, scope_version: &str) -> io::Result<()> {
    let line = TracesData {
        resource_spans: [ResourceSpans {
            resource: ResourceJson { attributes: Attributes::of(&span.resource.attributes) },
            scope_spans: [ScopeSpans {
                scope: Scope { name: SCOPE_NAME, version: scope_version },
                spans: [SpanJson::of(span)],
                schema_url: SCHEMA_URL,
            }],
            schema_url: SCHEMA_URL,
        }],
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TracesData<'a> {
    resource_spans: [ResourceSpans<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    resource: ResourceJson<'a>,
    scope_spans: [ScopeSpans<'a>; 1],
    schema_url: &'a str,
}

#[derive(Serialize)]
struct ResourceJson<'a> {
    attributes: Attributes<'a, Key>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScopeSpans<'a> {
    scope: Scope<'a>,
    spans: [SpanJson<'a>; 1],
    schema_url: &'a str,
}

#[derive(Serialize)]
struct Scope<'a> {
    name: &'a str,
    version: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpanJson<'a> {
    trace_id: Text<Hex<'a>>,
    span_id: Text<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_state: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<Text<Hex<'a>>>,
    flags: u32,
    name: &'a str,
    kind: u32,
    start_time_unix_nano: Text<u64>,
    end_time_unix_nano: Text<u64>,
    attributes: Attributes<'a, &'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<LinkJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<StatusJson>,
}

impl<'a> SpanJson<'a> {
    fn of(span: &'a Span) -> Self {
        Self {
            trace_id: Text(Hex(&span.trace_id)),
            span_id: Text(Hex(&span.span_id)),
            trace_state: span.trace_state.as_deref(),
            parent_span_id: span.parent.as_ref().map(|parent| Text(Hex(&parent.span_id))),
            flags: flags(span),
            name: &span.name,
            kind: kind_number(span.kind),
            start_time_unix_nano: Text(span.start_ns),
            end_time_unix_nano: Text(span.end_ns),
            attributes: Attributes { own: &span.attributes, added: added_attributes(span).collect() },
            links: span.links.iter().map(LinkJson::to).collect(),
            status: (span.status != Status::Unset).then(|| StatusJson { code: status_number(span.status) }),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LinkJson<'a> {
    trace_id: Text<Hex<'a>>,
    span_id: Text<Hex<'a>>,
    attributes: Attributes<'a, &'static str>,
}

impl<'a> LinkJson<'a> {
    fn to(link: &'a Link) -> Self {
        Self {
            trace_id: Text(Hex(&link.trace_id)),
            span_id: Text(Hex(&link.span_id)),
            attributes: Attributes { own: &[], added: vec![link_evidence(link)] },
        }
    }
}

#[derive(Serialize)]
struct StatusJson {
    code: u32,
}

/// Attributes as a list of `KeyValue`.
struct Attributes<'a, K> {
    own: &'a [(K, Value)],
    added: Vec<(&'static str, Value)>,
}

impl<'a, K> Attributes<'a, K> {
    fn of(own: &'a [(K, Value)]) -> Self {
        Self { own, added: Vec::new() }
    }
}

impl<K: AsRef<str>> Serialize for Attributes<'_, K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.own.len() + self.added.len()))?;
        for (key, value) in self.own {
            list.serialize_element(&KeyValue { key: key.as_ref(), value: AnyValue::of(value) })?;
        }
        for (key, value) in &self.added {
            list.serialize_element(&KeyValue { key, value: AnyValue::of(value) })?;
        }
        list.end()
    }
}

#[derive(Serialize)]
struct KeyValue<'a> {
    key: &'a str,
    value: AnyValue<'a>,
}

#[derive(Serialize)]
enum AnyValue<'a> {
    #[serde(rename = "stringValue")]
    String(&'a str),
    #[serde(rename = "intValue")]
    Int(Text<i64>),
    #[serde(rename = "boolValue")]
    Bool(bool),
    #[serde(rename = "arrayValue")]
    Array(ArrayValue<'a>),
}

#[derive(Serialize)]
struct ArrayValue<'a> {
    values: Vec<AnyValue<'a>>,
}

impl<'a> AnyValue<'a> {
    fn of(value: &'a Value) -> Self {
        match value {
            Value::Str(text) => Self::String(text),
            Value::Shared(text) => Self::String(text),
            Value::Static(text) => Self::String(text),
            Value::Int(number) => Self::Int(Text(*number)),
            Value::Bool(truth) => Self::Bool(*truth),
            Value::List(texts) => {
                Self::Array(ArrayValue { values: texts.iter().map(|text| Self::String(text)).collect() })
            }
        }
    }
}

/// Ids (in hex) and 64-bit integers (JSON readers lose digits above 2^53) are text.
struct Text<T>(T);

impl<T: std::fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::TracesData as ProtoTracesData;
    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::{
        export::{
            otlp::Encoder,
            testing::{any_spans, service, span},
        },
        spans::span::{Evidence, Parent, SpanKind},
    };

    fn line(span: &Span) -> String {
        let mut out = Vec::new();
        write_line(&mut out, span, "1.2.3").unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_as_it_is_written() {
        let mut get = span(7, &service("web"), SpanKind::Server, "GET /users/:id");
        get.parent = Some(Parent { span_id: [0xb7; 8], evidence: Evidence::Header });
        get.trace_state = Some("a=1".into());
        get.status = Status::Error;
        get.attributes = vec![
            ("http.response.status_code", Value::Int(500)),
            ("url.path", Value::Str("/users/\"7\"\n".into())),
        ];
        assert_eq!(
            line(&get),
            concat!(
                r#"{"resourceSpans":[{"resource":{"attributes":["#,
                r#"{"key":"service.name","value":{"stringValue":"web"}}]},"#,
                r#""scopeSpans":[{"scope":{"name":"tracer","version":"1.2.3"},"spans":[{"#,
                r#""traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"0000000000000007","#,
                r#""traceState":"a=1","parentSpanId":"b7b7b7b7b7b7b7b7","flags":769,"#,
                r#""name":"GET /users/:id","kind":2,"#,
                r#""startTimeUnixNano":"1790000000000000000","endTimeUnixNano":"1790000001000000000","#,
                r#""attributes":[{"key":"http.response.status_code","value":{"intValue":"500"}},"#,
                r#"{"key":"url.path","value":{"stringValue":"/users/\"7\"\n"}},"#,
                r#"{"key":"tracer.parent.evidence","value":{"stringValue":"header"}}],"#,
                r#""status":{"code":2}}],"schemaUrl":"https://opentelemetry.io/schemas/1.44.0"}],"#,
                r#""schemaUrl":"https://opentelemetry.io/schemas/1.44.0"}]}"#,
                "\n",
            )
        );
    }

    proptest! {
        /// The two encodings say the same: the JSON read by another implementation is what the protobuf decodes to.
        #[test]
        fn json_and_protobuf_agree(spans in any_spans()) {
            for span in &spans {
                let text = line(span);
                prop_assert_eq!(text.matches('\n').count(), 1);
                let from_json: ProtoTracesData = serde_json::from_str(&text).unwrap();
                let bytes = Encoder::new("1.2.3").encode(std::slice::from_ref(span));
                // `TracesData` and `ExportTraceServiceRequest` have the same fields.
                prop_assert_eq!(from_json, ProtoTracesData::decode(&bytes[..]).unwrap());
            }
        }
    }
}
