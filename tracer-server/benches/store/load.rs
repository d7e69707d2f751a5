//! Sends spans by OTLP/gRPC, some requests at a time, as several agents would.

use std::net::SocketAddr;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message as _;

use crate::spans;

/// Requests that are on their way at once.
const AT_ONCE: u64 = 8;

/// Traces in one request: 512 spans.
const TRACES: u64 = 64;

/// What was sent.
pub(crate) struct Sent {
    pub(crate) spans: u64,
    pub(crate) bytes: u64,
}

/// Sends at least so many spans and waits for every acknowledgement.
pub(crate) fn send(address: SocketAddr, spans: u64) -> Sent {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let requests = spans.div_ceil(TRACES * spans::PER_TRACE);
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for first in 0..AT_ONCE {
            tasks.spawn(async move {
                let mut client =
                    TraceServiceClient::connect(format!("http://{address}")).await.expect("a connection");
                let mut sent = Sent { spans: 0, bytes: 0 };
                for number in (first..requests).step_by(AT_ONCE as usize) {
                    let request = spans::request(number * TRACES, TRACES);
                    sent.bytes += request.encoded_len() as u64;
                    sent.spans += TRACES * spans::PER_TRACE;
                    client.export(request).await.expect("acknowledged");
                }
                sent
            });
        }
        let mut total = Sent { spans: 0, bytes: 0 };
        while let Some(sent) = tasks.join_next().await {
            let sent = sent.expect("sent");
            total.spans += sent.spans;
            total.bytes += sent.bytes;
        }
        total
    })
}
