//! What a server is started with.

use std::{fmt, net::SocketAddr, path::PathBuf};

use crate::{alerts::Rules, listen::TlsFiles, store::Limits};

/// The settings of a [`crate::Server`].
#[derive(Clone)]
pub struct Settings {
    /// OTLP/gRPC.
    pub otlp_grpc: SocketAddr,
    /// OTLP/HTTP.
    pub otlp_http: SocketAddr,
    /// The query API.
    pub query: SocketAddr,
    /// Zipkin's API, to send and to ask; none to leave it out.
    pub zipkin: Option<SocketAddr>,
    /// Jaeger's Thrift over HTTP.
    pub jaeger_http: Option<SocketAddr>,
    /// Jaeger's gRPC.
    pub jaeger_grpc: Option<SocketAddr>,
    /// TLS for all of them; none for connections in clear.
    pub tls: Option<TlsFiles>,
    /// What clients have to send as `authorization: Bearer <token>`; needed beyond loopback.
    pub token: Option<String>,
    /// Names that the query API goes by beside `localhost` and addresses, where there is no token.
    pub hosts: Vec<String>,
    /// Where spans are kept.
    pub data: PathBuf,
    /// How much is kept.
    pub limits: Limits,
    /// When to raise alerts, and whom to tell.
    pub rules: Rules,
}

impl Settings {
    /// The ports of the OTLP specification and of Jaeger's query service, on loopback.
    pub fn new(data: PathBuf) -> Self {
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            otlp_grpc: loopback(4317),
            otlp_http: loopback(4318),
            query: loopback(16686),
            zipkin: None,
            jaeger_http: None,
            jaeger_grpc: None,
            tls: None,
            token: None,
            hosts: Vec::new(),
            data,
            limits: Limits::default(),
            rules: Rules::default(),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("otlp_grpc", &self.otlp_grpc)
            .field("otlp_http", &self.otlp_http)
            .field("query", &self.query)
            .field("zipkin", &self.zipkin)
            .field("jaeger_http", &self.jaeger_http)
            .field("jaeger_grpc", &self.jaeger_grpc)
            .field("tls", &self.tls)
            .field("token", &self.token.as_ref().map(|_| "(secret)"))
            .field("hosts", &self.hosts)
            .field("data", &self.data)
            .field("limits", &self.limits)
            .field("rules", &self.rules)
            .finish()
    }
}
