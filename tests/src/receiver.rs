//! The OTLP receiver: an own server on an own port, which keeps every span.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use axum::{Router, body::Bytes, http::StatusCode, routing::post};
use opentelemetry_proto::tonic::{
    collector::{
        metrics::v1::ExportMetricsServiceRequest,
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    metrics::v1::ResourceMetrics,
};
use prost::Message as _;
use tokio::{net::TcpListener, sync::oneshot};
use tonic::{Request, Response, Status, codec::CompressionEncoding, transport::server::TcpIncoming};

use crate::{
    ports::free_port,
    span::ReceivedSpan,
    wait::{DEADLINE, wait_for},
};

/// How the receiver speaks OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP with binary protobuf, over HTTP/1.1.
    Http,
}

impl Transport {
    /// The value of `OTEL_EXPORTER_OTLP_PROTOCOL` that selects it.
    pub const fn protocol(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http/protobuf",
        }
    }
}

/// A running receiver. Stops when dropped.
pub struct Receiver {
    port: u16,
    transport: Transport,
    spans: Kept,
    metrics: KeptMetrics,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// A gRPC receiver on a free port.
    pub fn start() -> Self {
        Self::start_on(Transport::Grpc, free_port())
    }

    /// A receiver on a port chosen earlier: a backend that comes up late.
    pub fn start_on(transport: Transport, port: u16) -> Self {
        let (spans, metrics) = (Kept::default(), KeptMetrics::default());
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (kept, kept_metrics) = (spans.clone(), metrics.clone());
        let thread = thread::Builder::new()
            .name("otlp-receiver".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await.unwrap();
                    ready.send(()).unwrap();
                    let stopped = async { drop(stopped.await) };
                    match transport {
                        Transport::Grpc => serve_grpc(listener, kept, stopped).await,
                        Transport::Http => serve_http(listener, kept, kept_metrics, stopped).await,
                    }
                });
                // Connections that the daemon keeps open must not hold the thread.
                runtime.shutdown_background();
            })
            .unwrap();
        is_ready.recv().expect("The OTLP receiver could not listen on its port.");
        Self { port, transport, spans, metrics, stop: Some(stop), thread: Some(thread) }
    }

    /// The value for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How it speaks OTLP.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Every span received so far.
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        self.spans.lock().clone()
    }

    /// Every metric received so far, each time that it came; over HTTP only.
    pub fn metrics(&self) -> Vec<ResourceMetrics> {
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The spans whose path starts with `prefix`.
    pub fn spans_under(&self, prefix: &str) -> Vec<ReceivedSpan> {
        self.spans.lock().iter().filter(|span| span.path().starts_with(prefix)).cloned().collect()
    }

    /// Waits until at least `count` spans under `prefix` are here. Says nothing when they are not: the comparison that
    /// follows shows better what is missing.
    pub fn wait_for(&self, prefix: &str, count: usize) -> Vec<ReceivedSpan> {
        wait_for(DEADLINE, || {
            let enough =
                self.spans.lock().iter().filter(|span| span.path().starts_with(prefix)).count() >= count;
            enough.then_some(())
        });
        self.spans_under(prefix)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

type KeptMetrics = Arc<Mutex<Vec<ResourceMetrics>>>;

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<ReceivedSpan>>>);

impl Kept {
    fn lock(&self) -> MutexGuard<'_, Vec<ReceivedSpan>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, request: ExportTraceServiceRequest) {
        let spans = ReceivedSpan::from_request(request);
        self.lock().extend(spans);
    }
}

#[tonic::async_trait]
impl TraceService for Kept {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.keep(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

async fn serve_grpc(listener: TcpListener, kept: Kept, stopped: impl Future<Output = ()>) {
    let service = TraceServiceServer::new(kept)
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(64 << 20);
    let server = tonic::transport::Server::builder()
        .add_service(service)
        .serve_with_incoming(TcpIncoming::from(listener));
    tokio::select! {
        result = server => result.expect("The OTLP receiver failed."),
        () = stopped => {}
    }
}

async fn serve_http(
    listener: TcpListener,
    kept: Kept,
    kept_metrics: KeptMetrics,
    stopped: impl Future<Output = ()>,
) {
    let export = move |body: Bytes| async move {
        match ExportTraceServiceRequest::decode(body) {
            Ok(request) => {
                kept.keep(request);
                let answer = ExportTraceServiceResponse::default().encode_to_vec();
                (StatusCode::OK, [("content-type", "application/x-protobuf")], answer)
            }
            Err(error) => {
                (StatusCode::BAD_REQUEST, [("content-type", "text/plain")], error.to_string().into_bytes())
            }
        }
    };
    let metrics = move |body: Bytes| async move {
        let Ok(request) = ExportMetricsServiceRequest::decode(body) else { return StatusCode::BAD_REQUEST };
        kept_metrics.lock().unwrap_or_else(PoisonError::into_inner).extend(request.resource_metrics);
        StatusCode::OK
    };
    let app = Router::new().route("/v1/traces", post(export)).route("/v1/metrics", post(metrics));
    tokio::select! {
        result = async { axum::serve(listener, app).await } => result.expect("The OTLP receiver failed."),
        () = stopped => {}
    }
}
