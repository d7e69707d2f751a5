//! Backends that record what they get and answer by a script.

mod grpc;
mod http;

pub(crate) use grpc::GrpcBackend;
pub(crate) use http::{HttpBackend, HttpReply};

use hyper::HeaderMap;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::runtime::{Builder, Runtime};

/// One request as the backend saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) names: Vec<String>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a readable header"))
    }
}

/// What a backend does with the next request; an empty script means acceptance.
pub(crate) enum Reply<T> {
    /// This answer.
    Now(T),
    /// No answer at all.
    Never,
    /// Acceptance, as soon as this many requests have been seen in all.
    After(usize),
}

/// The record and the script of one backend, shared with its service.
pub(crate) struct Desk<T> {
    seen: Mutex<Vec<Seen>>,
    script: Mutex<VecDeque<Reply<T>>>,
}

impl<T> Desk<T> {
    fn new(script: Vec<Reply<T>>) -> Arc<Desk<T>> {
        Arc::new(Desk { seen: Mutex::default(), script: Mutex::new(script.into()) })
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Records a request and carries out the script; `None` is acceptance.
    async fn handle(&self, seen: Seen) -> Option<T> {
        self.seen.lock().unwrap().push(seen);
        let reply = self.script.lock().unwrap().pop_front();
        match reply {
            None => None,
            Some(Reply::Now(answer)) => Some(answer),
            Some(Reply::Never) => std::future::pending().await,
            Some(Reply::After(count)) => {
                while self.seen.lock().unwrap().len() < count {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                None
            }
        }
    }
}

fn names(request: &ExportTraceServiceRequest) -> Vec<String> {
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| &scope.spans).map(|span| span.name.clone()).collect()
}

/// A server's event loop; dropping it closes every connection.
struct Loop(Option<Runtime>);

impl Loop {
    fn new() -> Loop {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Loop(Some(runtime.expect("a runtime")))
    }

    fn runtime(&self) -> &Runtime {
        self.0.as_ref().expect("taken only when dropped")
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_timeout(Duration::from_secs(10));
        }
    }
}
