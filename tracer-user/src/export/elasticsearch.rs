//! Spans as the body of a bulk request to Elasticsearch or OpenSearch.
//!
//! The documents are those of the collector's `elasticsearchexporter` in its mapping mode `otel` (its README, "OTel mapping mode"; field
//! names as of v0.135), for data streams with the template that Elasticsearch 8.16 and later have for `traces-*.otel-*`. Each has an id
//! made of those of the trace and the span: what is sent again after a lost answer is there once.

use std::io::Write as _;

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{
    hex::Hex,
    otlp::{SCHEMA_URL, SCOPE_NAME, fields::added_attributes},
    value::Plain,
};
use crate::spans::span::{Span, SpanKind, Status, Value};

#[derive(Serialize)]
struct Action<'a> {
    create: Create<'a>,
}

#[derive(Serialize)]
struct Create<'a> {
    _index: &'a str,
    _id: String,
}

#[derive(Serialize)]
struct Document<'a> {
    /// Milliseconds since the Unix epoch with six decimals, as text: no digit is lost.
    #[serde(rename = "@timestamp")]
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_stream: Option<DataStream<'a>>,
    trace_id: String,
    span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_state: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<String>,
    name: &'a str,
    kind: &'static str,
    /// Nanoseconds.
    duration: u64,
    status: StatusJson,
    attributes: Attributes<'a>,
    resource: Resource<'a>,
    scope: Scope<'a>,
}

/// The parts of the name of a data stream: `type-dataset-namespace`.
#[derive(Serialize)]
struct DataStream<'a> {
    r#type: &'a str,
    dataset: &'a str,
    namespace: &'a str,
}

#[derive(Serialize)]
struct StatusJson {
    code: &'static str,
}

#[derive(Serialize)]
struct Resource<'a> {
    attributes: Keys<'a>,
    schema_url: &'a str,
}

#[derive(Serialize)]
struct Scope<'a> {
    name: &'a str,
    version: &'a str,
    schema_url: &'a str,
}

/// Attributes of a span, those that export adds included.
struct Attributes<'a>(&'a Span);

/// Attributes of a resource.
struct Keys<'a>(&'a Span);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in &self.0.attributes {
            map.serialize_entry(key, &Plain(value))?;
        }
        for (key, value) in added_attributes(self.0) {
            map.serialize_entry(key, &Plain(&value))?;
        }
        map.end()
    }
}

impl Serialize for Keys<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let attributes: &[(_, Value)] = &self.0.resource.attributes;
        serializer.collect_map(attributes.iter().map(|(key, value)| (key, Plain(value))))
    }
}

/// An action and a document for each span. `index` is the data stream, `scope_version` the version of the daemon.
pub fn encode(spans: &[Span], index: &str, scope_version: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(spans.len() * 1024);
    for span in spans {
        let id = format!("{}-{}", Hex(&span.trace_id), Hex(&span.span_id));
        let action = Action { create: Create { _index: index, _id: id } };
        let document = document(span, index, scope_version);
        // Writing text and numbers to memory does not fail.
        let _ = serde_json::to_writer(&mut out, &action);
        let _ = out.write_all(b"\n");
        let _ = serde_json::to_writer(&mut out, &document);
        let _ = out.write_all(b"\n");
    }
    out
}

fn document<'a>(span: &'a Span, index: &'a str, version: &'a str) -> Document<'a> {
    let mut parts = index.splitn(3, '-');
    let data_stream = match (parts.next(), parts.next(), parts.next()) {
        (Some(r#type), Some(dataset), Some(namespace)) => Some(DataStream { r#type, dataset, namespace }),
        _ => None,
    };
    Document {
        timestamp: format!("{}.{:06}", span.start_ns / 1_000_000, span.start_ns % 1_000_000),
        data_stream,
        trace_id: Hex(&span.trace_id).to_string(),
        span_id: Hex(&span.span_id).to_string(),
        trace_state: span.trace_state.as_deref(),
        parent_span_id: span.parent.as_ref().map(|parent| Hex(&parent.span_id).to_string()),
        name: &span.name,
        kind: match span.kind {
            SpanKind::Server => "Server",
            SpanKind::Client => "Client",
            SpanKind::Producer => "Producer",
            SpanKind::Consumer => "Consumer",
        },
        duration: span.duration_ns(),
        status: StatusJson {
            code: match span.status {
                Status::Unset => "Unset",
                Status::Error => "Error",
            },
        },
        attributes: Attributes(span),
        resource: Resource { attributes: Keys(span), schema_url: SCHEMA_URL },
        scope: Scope { name: SCOPE_NAME, version, schema_url: SCHEMA_URL },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::export::testing::{any_spans, service, span};

    fn lines(spans: &[Span]) -> Vec<Json> {
        let text = String::from_utf8(encode(spans, "traces-generic.otel-default", "1.2.3")).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "the bulk API wants a last newline");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_span_as_it_is_written() {
        let mut get = span(7, &service("web"), SpanKind::Client, "GET");
        get.start_ns += 42;
        get.attributes = vec![("http.response.status_code", Value::Int(200))];
        let scope = json!({ "name": "tracer", "version": "1.2.3", "schema_url": SCHEMA_URL });
        let expected = [
            json!({ "create": {
                "_index": "traces-generic.otel-default",
                "_id": "0af7651916cd43dd8448eb211c80319c-0000000000000007",
            } }),
            json!({
                "@timestamp": "1790000000000.000042",
                "data_stream": { "type": "traces", "dataset": "generic.otel", "namespace": "default" },
                "trace_id": "0af7651916cd43dd8448eb211c80319c",
                "span_id": "0000000000000007",
                "name": "GET",
                "kind": "Client",
                "duration": 999_999_958,
                "status": { "code": "Unset" },
                "attributes": { "http.response.status_code": 200 },
                "resource": { "attributes": { "service.name": "web" }, "schema_url": SCHEMA_URL },
                "scope": scope,
            }),
        ];
        assert_eq!(lines(&[get]), expected);
    }

    proptest! {
        /// Two lines for each span, whatever it holds.
        #[test]
        fn every_span_is_an_action_and_a_document(spans in any_spans()) {
            let lines = lines(&spans);
            prop_assert_eq!(lines.len(), 2 * spans.len());
            for (pair, span) in lines.chunks(2).zip(&spans) {
                prop_assert!(pair[0]["create"]["_id"].as_str().unwrap().len() == 49);
                prop_assert_eq!(pair[1]["duration"].as_u64(), Some(span.duration_ns()));
            }
        }
    }
}
