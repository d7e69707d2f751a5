//! One received span with the resource that it came with.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{
        ResourceSpans, Span, TracesData,
        span::{Link, SpanKind},
        status::StatusCode,
    },
};

/// Attributes by key, values as text (`200`, `true`, `GET`).
pub type Attributes = BTreeMap<String, String>;

/// What the name of an attribute ends in when its key arrived twice in one span or resource.
pub const REPEATED: &str = " (again)";

/// A span as the receiver keeps it. Ids are lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedSpan {
    /// 32 hex digits.
    pub trace_id: String,
    /// 16 hex digits.
    pub span_id: String,
    /// 16 hex digits, empty for a root.
    pub parent_id: String,
    /// W3C `tracestate` as sent.
    pub trace_state: String,
    /// `SERVER`, `CLIENT` or the OTLP name of another kind.
    pub kind: &'static str,
    /// Span name.
    pub name: String,
    /// Nanoseconds since the Unix epoch.
    pub start_ns: u64,
    /// Nanoseconds since the Unix epoch.
    pub end_ns: u64,
    /// True for `STATUS_CODE_ERROR`.
    pub error: bool,
    /// Trace id, span id and evidence of each link.
    pub links: Vec<(String, String, String)>,
    /// Span attributes.
    pub attributes: Attributes,
    /// Resource attributes.
    pub resource: Attributes,
}

impl ReceivedSpan {
    /// Every span of one export request.
    pub fn from_request(request: ExportTraceServiceRequest) -> Vec<Self> {
        Self::from_groups(request.resource_spans)
    }

    /// Every span of one line of OTLP's JSON encoding (the "OTLP File Exporter" of the `OTel` specification).
    pub fn from_json_line(line: &str) -> Result<Vec<Self>, serde_json::Error> {
        let data: TracesData = serde_json::from_str(line)?;
        Ok(Self::from_groups(data.resource_spans))
    }

    fn from_groups(groups: Vec<ResourceSpans>) -> Vec<Self> {
        let mut spans = Vec::new();
        for group in groups {
            let resource = attributes(group.resource.map(|resource| resource.attributes).unwrap_or_default());
            for scope in group.scope_spans {
                spans.extend(scope.spans.into_iter().map(|span| Self::new(span, resource.clone())));
            }
        }
        spans
    }

    fn new(span: Span, resource: Attributes) -> Self {
        Self {
            kind: match span.kind() {
                SpanKind::Server => "SERVER",
                SpanKind::Client => "CLIENT",
                SpanKind::Producer => "PRODUCER",
                SpanKind::Consumer => "CONSUMER",
                SpanKind::Internal => "INTERNAL",
                SpanKind::Unspecified => "UNSPECIFIED",
            },
            trace_id: hex(&span.trace_id),
            span_id: hex(&span.span_id),
            parent_id: hex(&span.parent_span_id),
            error: span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error),
            trace_state: span.trace_state,
            name: span.name,
            start_ns: span.start_time_unix_nano,
            end_ns: span.end_time_unix_nano,
            links: span.links.into_iter().map(link).collect(),
            attributes: attributes(span.attributes),
            resource,
        }
    }

    /// A span attribute as text, empty where it is absent.
    pub fn attribute(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }

    /// `service.name`.
    pub fn service(&self) -> &str {
        self.resource.get("service.name").map_or("", String::as_str)
    }

    /// `process.pid`, 0 where it is absent.
    pub fn pid(&self) -> u32 {
        self.resource.get("process.pid").and_then(|pid| pid.parse().ok()).unwrap_or(0)
    }

    /// The path of the request: `url.path` of a server span, the path within `url.full` of a client span. Of a gRPC call
    /// its method.
    pub fn path(&self) -> &str {
        if let Some(method) = self.attributes.get("rpc.method") {
            return method;
        }
        if let Some(path) = self.attributes.get("url.path") {
            return path;
        }
        let full = self.attribute("url.full");
        let after_scheme = full.split_once("://").map_or(full, |(_, rest)| rest);
        let path = after_scheme.find('/').map_or("", |start| &after_scheme[start..]);
        path.split(['?', '#']).next().unwrap_or_default()
    }
}

fn link(link: Link) -> (String, String, String) {
    let evidence = attributes(link.attributes).remove("tracer.parent.evidence");
    (hex(&link.trace_id), hex(&link.span_id), evidence.unwrap_or_default())
}

fn attributes(list: Vec<KeyValue>) -> Attributes {
    let mut attributes = Attributes::new();
    for KeyValue { key, value, .. } in list {
        let value = text(value.and_then(|value| value.value));
        // OTLP forbids a key twice. Kept under another name, so that the scenario's checks see it and say so.
        let key = if attributes.contains_key(&key) { format!("{key}{REPEATED}") } else { key };
        attributes.insert(key, value);
    }
    attributes
}

fn text(value: Option<Value>) -> String {
    match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::BoolValue(value)) => value.to_string(),
        Some(Value::IntValue(value)) => value.to_string(),
        Some(Value::DoubleValue(value)) => value.to_string(),
        Some(Value::BytesValue(bytes)) => hex(&bytes),
        Some(Value::ArrayValue(list)) => {
            let items: Vec<_> = list.values.into_iter().map(|AnyValue { value, .. }| text(value)).collect();
            format!("[{}]", items.join(","))
        }
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
