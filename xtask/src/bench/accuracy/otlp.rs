//! The few fields of OTLP's `ExportTraceServiceRequest` that the benchmark reads (opentelemetry-proto 1.x, trace.proto).

use anyhow::{Context as _, Result};
use prost::Message;

/// A span, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    /// Span id.
    pub(super) id: Vec<u8>,
    /// Span id of the parent; empty for a root.
    pub(super) parent: Vec<u8>,
    /// Trace id.
    pub(super) trace: Vec<u8>,
    /// A SERVER span.
    pub(super) server: bool,
    /// `url.path` of a SERVER span, `url.full` of a CLIENT span; of a database's, what it tells of it.
    pub(super) path: String,
}

#[derive(Message)]
struct Request {
    #[prost(message, repeated, tag = "1")]
    resources: Vec<ResourceSpans>,
}

#[derive(Message)]
struct ResourceSpans {
    #[prost(message, repeated, tag = "2")]
    scopes: Vec<ScopeSpans>,
}

#[derive(Message)]
struct ScopeSpans {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<ProtoSpan>,
}

#[derive(Message)]
struct ProtoSpan {
    #[prost(bytes = "vec", tag = "1")]
    trace: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent: Vec<u8>,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
}

#[derive(Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Message)]
struct AnyValue {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
}

/// `SPAN_KIND_SERVER`.
const SERVER: i32 = 2;

/// The spans of the bodies that a receiver took.
pub(super) fn spans(bodies: &[Vec<u8>]) -> Result<Vec<Span>> {
    let mut spans = Vec::new();
    for body in bodies {
        let request =
            Request::decode(&body[..]).context("What the daemon exported is not OTLP's protobuf.")?;
        let scopes = request.resources.into_iter().flat_map(|resource| resource.scopes);
        spans.extend(scopes.flat_map(|scope| scope.spans).map(Span::from));
    }
    Ok(spans)
}

impl From<ProtoSpan> for Span {
    fn from(span: ProtoSpan) -> Self {
        let text = |key: &str| {
            let attribute = span.attributes.iter().find(|attribute| attribute.key == key)?;
            attribute.value.as_ref()?.text.as_deref()
        };
        let path = text("url.path").or_else(|| text("url.full")).map(str::to_owned);
        let path = path.or_else(|| {
            named(text("db.query.text")?).filter(|_| text("db.operation.name") != Some("PREPARE"))
        });
        let path = path.or_else(|| coded(text("db.response.status_code")?));
        Self {
            id: span.id,
            parent: span.parent,
            trace: span.trace,
            server: span.kind == SERVER,
            path: path.unwrap_or_default(),
        }
    }
}

/// The path of a call that a statement has as the name of its result.
fn named(statement: &str) -> Option<String> {
    let name = statement.split('"').nth(1)?;
    name.starts_with("/back/").then(|| name.to_owned())
}

/// The path of a call whose hash is the code of an error, `A` to `P` for its digits.
fn coded(code: &str) -> Option<String> {
    let digits = code.bytes().map(|letter| char::from_digit(u32::from(letter).checked_sub(65)?, 16));
    let hash: String = digits.collect::<Option<_>>()?;
    (hash.len() == 16).then(|| format!("/back/{hash}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_with_its_path() {
        let attribute = |key: &str, text: Option<&str>| KeyValue {
            key: key.into(),
            value: Some(AnyValue { text: text.map(Into::into) }),
        };
        let span = ProtoSpan {
            trace: vec![1; 16],
            id: vec![2; 8],
            parent: vec![3; 8],
            kind: SERVER,
            attributes: vec![attribute("http.response.status_code", None), attribute("url.path", Some("/x"))],
        };
        let resources = vec![ResourceSpans { scopes: vec![ScopeSpans { spans: vec![span] }] }];
        let read = spans(&[Request { resources }.encode_to_vec()]).expect("valid");
        let expected =
            Span { id: vec![2; 8], parent: vec![3; 8], trace: vec![1; 16], server: true, path: "/x".into() };
        assert_eq!(read, [expected]);
        assert!(spans(&[vec![0xff; 3]]).is_err());
    }

    #[test]
    fn calls_of_databases_tell_their_path() {
        assert_eq!(named(r#"SELECT ? AS "/back/01""#).as_deref(), Some("/back/01"));
        assert_eq!(named("SELECT ?"), None);
        assert_eq!(coded("ABCDEFGHIJKLMNOP").as_deref(), Some("/back/0123456789abcdef"));
        assert_eq!(coded("WRONGTYPE"), None);
        assert_eq!(coded("42P01"), None);
    }
}
