//! The HTTP client under both protocols: connections, reuse, reconnection.

use crate::{
    settings::{Protocol, Settings},
    tls::{self, CredentialError},
};
use hyper::body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use std::{error::Error, time::Duration};

/// A pooled client for request bodies of type `B`.
pub(crate) type HttpClient<B> = Client<HttpsConnector<HttpConnector>, B>;

/// Bound of a connection's buffers, in bytes. Answers are tiny and payloads are sent from where they lie.
const BUFFER: usize = 64 << 10;
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(90);
/// How soon TCP asks an unused connection whether its peer still lives, so that middleboxes do not forget it.
const KEEPALIVE: Duration = Duration::from_mins(1);
/// Largest answer read, in bytes; the bound that the OTLP specification recommends to clients.
pub(crate) const LARGEST_ANSWER: usize = 4 << 20;

pub(crate) fn build<B>(settings: &Settings) -> Result<HttpClient<B>, CredentialError>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.set_connect_timeout(Some(settings.timeout));
    // Without this, a peer that vanished without a word would keep its connection in the pool until TCP itself gives
    // up, a quarter of an hour later, and every attempt until then would time out on it.
    tcp.set_tcp_user_timeout(Some(settings.timeout));
    let tls = HttpsConnectorBuilder::new().with_tls_config(tls::client_config(settings)?).https_or_http();
    let connector = match settings.protocol {
        Protocol::Grpc => tls.enable_http2().wrap_connector(tcp),
        Protocol::HttpProtobuf | Protocol::Post(_) => tls.enable_http1().wrap_connector(tcp),
    };
    Ok(Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(settings.concurrency)
        .http1_max_buf_size(BUFFER)
        .http2_only(settings.protocol == Protocol::Grpc)
        .http2_max_send_buf_size(BUFFER)
        .build(connector))
}
