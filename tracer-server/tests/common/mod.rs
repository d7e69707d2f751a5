//! What must hold for any bytes that strangers send: run by the fuzz targets (`../../fuzz`), and over their seeds on stable.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use tracer_server::{
    analysis::traces,
    query::Condition,
    receive::{from_jaeger_thrift, from_zipkin},
    spans::{self, Spans},
    traceql::{evaluate, needs, parse},
};

/// Whether the bytes were taken for what they are meant to be.
pub(crate) type Taken = bool;

/// A query, asked of a trace that has some of everything.
pub(crate) fn traceql(input: &[u8]) -> Taken {
    let text = String::from_utf8_lossy(input);
    let query = match parse(&text) {
        Ok(query) => query,
        Err(error) => {
            assert!(error.position <= text.chars().count() + 1, "{text}: {error}");
            return false;
        }
    };
    let spans = sample();
    let has = |conditions: &Vec<Condition>| {
        spans.iter().any(|span| conditions.iter().all(|condition| condition.holds(condition.field.of(span))))
    };
    for trace in traces(&spans) {
        // What a trace needs is there in every trace that is found.
        assert!(evaluate(&query, &trace).is_empty() || needs(&query).iter().any(has), "{text}");
    }
    let _ = query.shown();
    true
}

/// A trace of three spans by way of Zipkin, which is the shortest to write.
fn sample() -> Spans {
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let span = |id: u8, parent: &str, service: &str, kind: &str, tags: &str| {
        format!(
            r#"{{"traceId":"{trace}","id":"000000000000000{id}","parentId":"{parent}","name":"GET /{id}","kind":"{kind}","timestamp":{id},
            "duration":{id}0,"localEndpoint":{{"serviceName":"{service}"}},"tags":{tags},"annotations":[{{"timestamp":2,"value":"began"}}]}}"#
        )
    };
    let json = [
        span(1, "", "shop", "SERVER", r#"{"http.status_code":"500","error":"true"}"#),
        span(2, "0000000000000001", "shop", "CLIENT", r#"{"peer.service":"stock"}"#),
        span(3, "0000000000000002", "stock", "SERVER", "{}"),
    ]
    .join(",");
    let request = from_zipkin(format!("[{json}]").as_bytes()).expect("the sample is right");
    let mut all = Spans::default();
    assert_eq!(spans::append(&mut all, &request).invalid_ids, 0);
    all
}

/// A batch of Jaeger's in Thrift.
pub(crate) fn jaeger_thrift(input: &[u8]) -> Taken {
    let Ok(request) = from_jaeger_thrift(input) else { return false };
    // A span takes three bytes at least, and what ends early is none.
    assert!(count(&request) <= input.len());
    check(&request);
    true
}

/// A list of Zipkin's spans.
pub(crate) fn zipkin(input: &[u8]) -> Taken {
    let Ok(request) = from_zipkin(input) else { return false };
    assert!(count(&request) <= input.len());
    assert_eq!(check(&request), 0, "ids were looked at");
    true
}

fn count(request: &ExportTraceServiceRequest) -> usize {
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.map(|scope| scope.spans.len()).sum()
}

/// What was made of it survives the log, and can be stored; returns how many spans have no valid ids.
fn check(request: &ExportTraceServiceRequest) -> u64 {
    let logged = ExportTraceServiceRequest::decode(request.encode_to_vec().as_slice()).expect("protobuf");
    let mut all = Spans::default();
    let refused = spans::append(&mut all, &logged).invalid_ids;
    assert_eq!(all.len() + refused as usize, count(request));
    for trace in traces(&all) {
        assert!(!trace.spans.is_empty());
    }
    refused
}
