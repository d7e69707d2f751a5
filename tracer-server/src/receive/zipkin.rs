//! Zipkin in: `POST /api/v2/spans` with JSON (zipkin-api, zipkin2-api.yaml, version 2).

use std::{collections::BTreeMap, time::SystemTime};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::any_value::Value as Any,
    trace::v1::{Span, span::Event},
};
use serde::Deserialize;

use super::{
    Intake, Refusal, foreign,
    plain::{self, is_type},
};
use crate::spans::{Kind, SpanId, TraceId};

/// The one path that takes spans.
pub(crate) fn router(intake: Intake) -> Router {
    Router::new().route("/api/v2/spans", post(take)).with_state(intake)
}

/// A span as Zipkin has it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ZipkinSpan {
    trace_id: String,
    id: String,
    parent_id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    kind: Option<ZipkinKind>,
    /// Microseconds since 1970.
    timestamp: Option<u64>,
    /// Microseconds.
    duration: Option<u64>,
    local_endpoint: Option<Endpoint>,
    remote_endpoint: Option<Endpoint>,
    #[serde(default)]
    annotations: Vec<Annotation>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum ZipkinKind {
    Client,
    Server,
    Producer,
    Consumer,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    service_name: Option<String>,
    ipv4: Option<String>,
    ipv6: Option<String>,
    port: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Annotation {
    timestamp: u64,
    value: String,
}

async fn take(State(intake): State<Intake>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let result = async {
        plain::authorize(&intake, &head.headers)?;
        expect_json(&head.headers)?;
        let bytes = super::body::read(&head.headers, body).await?;
        intake.take_converted(convert(&bytes)?).await
    };
    plain::answer(&intake, result.await, || StatusCode::ACCEPTED.into_response())
}

fn expect_json(headers: &HeaderMap) -> Result<(), Refusal> {
    // Scripts often send none.
    if is_type(headers, &["", "application/json"]) {
        Ok(())
    } else {
        Err(plain::other_type(headers, "application/json"))
    }
}

/// Zipkin's spans as OTLP, by service.
pub(super) fn convert(json: &[u8]) -> Result<ExportTraceServiceRequest, Refusal> {
    let malformed = |reason: String| Refusal::Malformed("list of Zipkin's spans (JSON, version 2)", reason);
    let spans: Vec<ZipkinSpan> =
        serde_json::from_slice(json).map_err(|error| malformed(error.to_string()))?;
    let mut by_service: BTreeMap<String, Vec<Span>> = BTreeMap::new();
    for (index, zipkin) in spans.into_iter().enumerate() {
        let service = zipkin.local_endpoint.as_ref().and_then(|endpoint| endpoint.service_name.clone());
        let span =
            zipkin.into_span().map_err(|what| malformed(format!("span {index} has no valid {what}")))?;
        by_service.entry(service.unwrap_or_default()).or_default().push(span);
    }
    let groups = by_service.into_iter().map(|(service, spans)| foreign::group(&service, Vec::new(), spans));
    Ok(foreign::request(groups.collect()))
}

impl ZipkinSpan {
    /// The span, or the name of the field that cannot be read.
    fn into_span(self) -> Result<Span, &'static str> {
        let span_id = |text: &str| {
            let is_id = text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            u64::from_str_radix(text, 16).ok().map(SpanId).filter(|id| is_id && id.is_some())
        };
        let trace_id = TraceId::parse(&self.trace_id).ok_or("traceId")?;
        let id = span_id(&self.id).ok_or("id")?;
        let parent = match self.parent_id.as_deref() {
            None | Some("") => None,
            Some(text) => Some(span_id(text).ok_or("parentId")?),
        };
        let first_event = self.annotations.iter().map(|annotation| annotation.timestamp).min();
        let start = self.timestamp.or(first_event).map_or_else(now, |micros| micros.saturating_mul(1000));
        let mut span = Span {
            trace_id: trace_id.0.to_vec(),
            span_id: id.to_bytes().to_vec(),
            parent_span_id: parent.map(|id| id.to_bytes().to_vec()).unwrap_or_default(),
            name: self.name.unwrap_or_default(),
            kind: self.kind.map_or(Kind::Internal, ZipkinKind::kind) as i32,
            start_time_unix_nano: start,
            end_time_unix_nano: start.saturating_add(self.duration.unwrap_or(0).saturating_mul(1000)),
            events: self.annotations.into_iter().map(Annotation::into_event).collect(),
            ..Span::default()
        };
        if let Some(endpoint) = &self.local_endpoint {
            endpoint.set(&mut span, "network.local");
        }
        if let Some(endpoint) = &self.remote_endpoint {
            endpoint.set(&mut span, "network.peer");
            if let Some(service) = &endpoint.service_name {
                span.attributes.push(foreign::text(PEER_SERVICE, service));
            }
        }
        for (key, value) in self.tags {
            foreign::set_tag(&mut span, &key, Any::StringValue(value));
        }
        Ok(span)
    }
}

/// Whom a call went to, by name (semantic conventions, `peer.service`).
pub(crate) const PEER_SERVICE: &str = "peer.service";

/// A span that does not say when it started is taken to have started when it came.
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_nanos() as u64)
}

impl ZipkinKind {
    fn kind(self) -> Kind {
        match self {
            Self::Client => Kind::Client,
            Self::Server => Kind::Server,
            Self::Producer => Kind::Producer,
            Self::Consumer => Kind::Consumer,
        }
    }
}

impl Endpoint {
    /// Sets the address and the port (semantic conventions, `network.peer.address` and its like).
    fn set(&self, span: &mut Span, prefix: &str) {
        if let Some(address) = self.ipv4.as_ref().or(self.ipv6.as_ref()) {
            span.attributes.push(foreign::text(&format!("{prefix}.address"), address));
        }
        if let Some(port) = self.port.filter(|port| *port > 0) {
            span.attributes.push(foreign::key_value(&format!("{prefix}.port"), Any::IntValue(port)));
        }
    }
}

impl Annotation {
    fn into_event(self) -> Event {
        Event { time_unix_nano: self.timestamp.saturating_mul(1000), name: self.value, ..Event::default() }
    }
}
