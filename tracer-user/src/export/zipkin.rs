//! Spans as Zipkin v2 JSON.
//!
//! The fields are those of <https://zipkin.io/zipkin-api/zipkin2-api.yaml>; what becomes of a span's parts is said by the OpenTelemetry
//! specification, "OpenTelemetry to Zipkin Transformation". Attributes of the resource become tags too, where the span has
//! none of that name, as the collector's `zipkinexporter` does.

use std::{borrow::Cow, collections::BTreeMap, net::IpAddr};

use serde::Serialize;

use super::{
    hex::Hex,
    otlp::{SCOPE_NAME, fields::added_attributes},
    value::text,
};
use crate::spans::span::{Span, SpanKind, Status, Value};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpanJson<'a> {
    trace_id: String,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<String>,
    name: &'a str,
    kind: &'static str,
    /// Microseconds since the Unix epoch.
    timestamp: u64,
    /// Microseconds, at least one.
    duration: u64,
    local_endpoint: Endpoint<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_endpoint: Option<Endpoint<'a>>,
    tags: BTreeMap<&'a str, Cow<'a, str>>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    service_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv4: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

/// A list of spans, as `POST /api/v2/spans` takes it. `scope_version` is the version of the daemon.
pub fn encode(spans: &[Span], scope_version: &str) -> Vec<u8> {
    let list: Vec<_> = spans.iter().map(|span| SpanJson::of(span, scope_version)).collect();
    // Writing text, numbers and maps of text to memory does not fail.
    serde_json::to_vec(&list).unwrap_or_default()
}

impl<'a> SpanJson<'a> {
    fn of(span: &'a Span, scope_version: &'a str) -> Self {
        let mut tags = BTreeMap::new();
        for (key, value) in &span.resource.attributes {
            if key != "service.name" {
                tags.insert(key.as_ref(), text(value));
            }
        }
        tags.extend(span.attributes.iter().map(|(key, value)| (*key, text(value))));
        for (key, value) in added_attributes(span) {
            tags.insert(key, text(&value).into_owned().into());
        }
        tags.insert("otel.scope.name", SCOPE_NAME.into());
        tags.insert("otel.scope.version", scope_version.into());
        if span.status == Status::Error {
            tags.insert("otel.status_code", "ERROR".into());
            // The description of the status, which there is none of; its presence says that the span failed.
            tags.insert("error", span.attribute("error.type").map(text).unwrap_or_default());
        }
        Self {
            trace_id: Hex(&span.trace_id).to_string(),
            id: Hex(&span.span_id).to_string(),
            parent_id: span.parent.as_ref().map(|parent| Hex(&parent.span_id).to_string()),
            name: &span.name,
            kind: match span.kind {
                SpanKind::Server => "SERVER",
                SpanKind::Client => "CLIENT",
                SpanKind::Producer => "PRODUCER",
                SpanKind::Consumer => "CONSUMER",
            },
            timestamp: span.start_ns / 1000,
            duration: (span.duration_ns() / 1000).max(1),
            local_endpoint: Endpoint {
                service_name: Some(&*span.resource.service_name),
                ..Endpoint::default()
            },
            remote_endpoint: remote(span),
            tags,
        }
    }
}

/// The other end, where its address is known.
fn remote(span: &Span) -> Option<Endpoint<'_>> {
    let address = span.attribute("network.peer.address").and_then(Value::as_str)?;
    let port = match span.attribute("network.peer.port") {
        Some(Value::Int(port)) => u16::try_from(*port).ok(),
        _ => None,
    };
    let (ipv4, ipv6) = match address.parse().ok()? {
        IpAddr::V4(address) => (Some(address.to_string()), None),
        IpAddr::V6(address) => (None, Some(address.to_string())),
    };
    Some(Endpoint { service_name: None, ipv4, ipv6, port })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::{
        export::testing::{any_spans, service, span},
        spans::span::{Evidence, Parent},
    };

    #[test]
    fn a_span_as_it_is_written() {
        let mut get = span(7, &service("web"), SpanKind::Server, "GET /users/:id");
        get.parent = Some(Parent { span_id: [0xb7; 8], evidence: Evidence::Header });
        get.status = Status::Error;
        get.attributes = vec![
            ("http.response.status_code", Value::Int(500)),
            ("error.type", Value::Static("500")),
            ("network.peer.address", Value::Static("10.0.0.7")),
            ("network.peer.port", Value::Int(40000)),
        ];
        let written: Json = serde_json::from_slice(&encode(&[get], "1.2.3")).unwrap();
        let expected = json!([{
            "traceId": "0af7651916cd43dd8448eb211c80319c",
            "id": "0000000000000007",
            "parentId": "b7b7b7b7b7b7b7b7",
            "name": "GET /users/:id",
            "kind": "SERVER",
            "timestamp": 1_790_000_000_000_000_u64,
            "duration": 1_000_000,
            "localEndpoint": { "serviceName": "web" },
            "remoteEndpoint": { "ipv4": "10.0.0.7", "port": 40000 },
            "tags": {
                "http.response.status_code": "500",
                "error.type": "500",
                "error": "500",
                "network.peer.address": "10.0.0.7",
                "network.peer.port": "40000",
                "otel.scope.name": "tracer",
                "otel.scope.version": "1.2.3",
                "otel.status_code": "ERROR",
                "tracer.parent.evidence": "header",
            },
        }]);
        assert_eq!(written, expected);
    }

    proptest! {
        /// Whatever a span holds, it is JSON that Zipkin's rules for ids and tags allow.
        #[test]
        fn every_span_is_one_of_zipkin(spans in any_spans()) {
            let written: Vec<Json> = serde_json::from_slice(&encode(&spans, "1")).unwrap();
            prop_assert_eq!(written.len(), spans.len());
            for (json, span) in written.iter().zip(&spans) {
                prop_assert_eq!(json["traceId"].as_str().unwrap().len(), 32);
                prop_assert_eq!(json["id"].as_str().unwrap().len(), 16);
                prop_assert!(json["duration"].as_u64().unwrap() >= 1);
                prop_assert!(json["tags"].as_object().unwrap().values().all(Json::is_string));
                prop_assert_eq!(json["tags"].get("error").is_some(), span.status == Status::Error);
            }
        }
    }
}
