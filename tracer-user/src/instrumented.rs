//! Processes that report their own spans by OTLP, as those with an OpenTelemetry SDK do.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use tracer_protocols::http1::{Method, Target};

use crate::spans::{exchange::Exchange, exchange::Request, span::SpanKind};

/// Where OTLP/HTTP delivers spans, behind whatever path the endpoint has (OTLP 1.x, "OTLP/HTTP Request").
const HTTP_PATH: &str = "/v1/traces";
/// The gRPC method that delivers spans (opentelemetry-proto 1.x, `trace_service.proto`).
const GRPC_PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// What a process does with spans of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// It sends them.
    Reports,
    /// It receives those of others, as a collector does: what it sends is theirs.
    Collects,
}

/// The processes that were seen sending or receiving spans.
#[derive(Debug, Default)]
pub(crate) struct Instrumented {
    roles: HashMap<u32, Role, RandomState>,
}

impl Instrumented {
    /// A request was seen. At most `limit` processes are remembered.
    pub(crate) fn notice(&mut self, exchange: &Exchange, limit: usize) {
        if !delivers_spans(&exchange.request) {
            return;
        }
        let pid = exchange.by.tgid;
        match exchange.kind {
            _ if self.roles.len() >= limit && !self.roles.contains_key(&pid) => {}
            SpanKind::Server => {
                self.roles.insert(pid, Role::Collects);
            }
            _ => {
                self.roles.entry(pid).or_insert(Role::Reports);
            }
        }
    }

    /// Whether a process reports spans of its own.
    pub(crate) fn reports(&self, pid: u32) -> bool {
        self.roles.get(&pid) == Some(&Role::Reports)
    }

    /// A process ended, or runs another program.
    pub(crate) fn forget(&mut self, pid: u32) {
        self.roles.remove(&pid);
    }
}

fn delivers_spans(request: &Request) -> bool {
    if request.method != Method::Post {
        return false;
    }
    let path = Target::parse(&request.target).path;
    if request.grpc { path == GRPC_PATH } else { path.ends_with(HTTP_PATH) }
}
