//! A hyper server for HTTP/1.1 and, for answers that no gRPC library would give, HTTP/2.

use super::{Desk, Loop, Reply, Seen, names};
use crate::support::free_address;
use bytes::Bytes;
use flate2::read::GzDecoder;
use http_body_util::{BodyExt, Collected, Full};
use hyper::{HeaderMap, Request, Response, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use rustls::ServerConfig;
use std::{convert::Infallible, io::Read, net::SocketAddr, sync::Arc, time::Instant};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// One answer: status, headers, body.
pub(crate) struct HttpReply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl HttpReply {
    pub(crate) fn status(status: u16) -> HttpReply {
        HttpReply { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> HttpReply {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn protobuf(self, message: &impl Message) -> HttpReply {
        let mut reply = self.header("content-type", "application/x-protobuf");
        reply.body = message.encode_to_vec();
        reply
    }
}

pub(crate) struct HttpBackend {
    pub(crate) address: SocketAddr,
    pub(crate) desk: Arc<Desk<HttpReply>>,
    _loop: Loop,
}

impl HttpBackend {
    pub(crate) fn start(script: Vec<Reply<HttpReply>>) -> HttpBackend {
        HttpBackend::start_at(free_address(), script, None)
    }

    pub(crate) fn start_at(
        address: SocketAddr,
        script: Vec<Reply<HttpReply>>,
        tls: Option<ServerConfig>,
    ) -> HttpBackend {
        let desk = Desk::new(script);
        let event_loop = Loop::new();
        let listener = event_loop.runtime().block_on(TcpListener::bind(address)).expect("a listener");
        let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        event_loop.runtime().spawn(accept(listener, acceptor, Arc::clone(&desk)));
        HttpBackend { address, desk, _loop: event_loop }
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, desk: Arc<Desk<HttpReply>>) {
    while let Ok((socket, _)) = listener.accept().await {
        let (tls, desk) = (tls.clone(), Arc::clone(&desk));
        tokio::spawn(async move {
            match tls {
                None => serve(socket, desk).await,
                Some(tls) => {
                    if let Ok(socket) = tls.accept(socket).await {
                        serve(socket, desk).await;
                    }
                }
            }
        });
    }
}

async fn serve(socket: impl AsyncRead + AsyncWrite + Unpin + 'static, desk: Arc<Desk<HttpReply>>) {
    let service = service_fn(|request| answer(request, Arc::clone(&desk)));
    // A client that goes away in the middle is part of some tests.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await;
}

async fn answer(
    request: Request<Incoming>,
    desk: Arc<Desk<HttpReply>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    let seen = Seen {
        at: Instant::now(),
        path: format!("{} {}", head.method, head.uri),
        names: decode(&head.headers, &body).map(|request| names(&request)).unwrap_or_default(),
        headers: head.headers,
    };
    let reply = desk.handle(seen).await.unwrap_or_else(|| HttpReply::status(200));
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::from(reply.body)).expect("a response"))
}

fn decode(headers: &HeaderMap, body: &[u8]) -> Option<ExportTraceServiceRequest> {
    if headers.get("content-encoding").is_none_or(|encoding| encoding != "gzip") {
        return ExportTraceServiceRequest::decode(body).ok();
    }
    let mut plain = Vec::new();
    GzDecoder::new(body).read_to_end(&mut plain).ok()?;
    ExportTraceServiceRequest::decode(plain.as_slice()).ok()
}
