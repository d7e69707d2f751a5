//! A tonic trace service.

use super::{Desk, Loop, Reply, Seen, names};
use crate::support::free_address;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
    trace_service_server::{TraceService, TraceServiceServer},
};
use std::{net::SocketAddr, sync::Arc, time::Instant};
use tonic::{
    Request, Response, Status,
    codec::CompressionEncoding,
    transport::{Server, ServerTlsConfig, server::TcpIncoming},
};

/// What the service returns.
pub(crate) type Answer = Result<ExportTraceServiceResponse, Status>;

pub(crate) struct GrpcBackend {
    pub(crate) address: SocketAddr,
    pub(crate) desk: Arc<Desk<Answer>>,
    _loop: Loop,
}

impl GrpcBackend {
    pub(crate) fn start(script: Vec<Reply<Answer>>) -> GrpcBackend {
        GrpcBackend::start_at(free_address(), script, None)
    }

    pub(crate) fn start_at(
        address: SocketAddr,
        script: Vec<Reply<Answer>>,
        tls: Option<ServerTlsConfig>,
    ) -> GrpcBackend {
        let desk = Desk::new(script);
        let event_loop = Loop::new();
        let service = TraceServiceServer::new(Service { desk: Arc::clone(&desk) })
            .accept_compressed(CompressionEncoding::Gzip);
        let mut server = Server::builder();
        if let Some(tls) = tls {
            server = server.tls_config(tls).expect("a TLS set-up");
        }
        let incoming =
            event_loop.runtime().block_on(async { TcpIncoming::bind(address) }).expect("a listener");
        event_loop.runtime().spawn(server.add_service(service).serve_with_incoming(incoming));
        GrpcBackend { address, desk, _loop: event_loop }
    }
}

struct Service {
    desk: Arc<Desk<Answer>>,
}

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let seen = Seen {
            at: Instant::now(),
            path: String::new(),
            headers: metadata.into_headers(),
            names: names(&message),
        };
        let answer = self.desk.handle(seen).await;
        answer.unwrap_or_else(|| Ok(ExportTraceServiceResponse::default())).map(Response::new)
    }
}
