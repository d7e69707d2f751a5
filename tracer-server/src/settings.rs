//! What a server is started with.

use std::{fmt, net::SocketAddr, path::PathBuf};

use crate::{alerts::Rules, store::Limits};

/// The settings of a [`crate::Server`].
#[derive(Clone)]
pub struct Settings {
    /// OTLP/gRPC.
    pub otlp_grpc: SocketAddr,
    /// OTLP/HTTP.
    pub otlp_http: SocketAddr,
    /// The query API.
    pub query: SocketAddr,
    /// What clients have to send as `authorization: Bearer <token>`; needed beyond loopback.
    pub token: Option<String>,
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
            token: None,
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
            .field("token", &self.token.as_ref().map(|_| "(secret)"))
            .field("data", &self.data)
            .field("limits", &self.limits)
            .field("rules", &self.rules)
            .finish()
    }
}
