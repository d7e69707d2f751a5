//! `[metrics]`: metrics for Prometheus and OTLP backends.

use std::{net::SocketAddr, time::Duration};

use serde::{Deserialize, Deserializer, de};

use super::sections::duration;

/// `[metrics]`: metrics for Prometheus and OTLP backends.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Where Prometheus pulls them; none for no metrics.
    #[serde(deserialize_with = "address")]
    pub listen: Option<SocketAddr>,
    /// Between two pushes of `http` metrics to the OTLP backend; zero for none.
    #[serde(deserialize_with = "duration")]
    pub push_interval: Duration,
    /// Which metrics of the traced services there are.
    pub families: Vec<Family>,
    /// Most series of one metric, that of the overflow included.
    pub max_series: u32,
    /// Whether buckets name a span that fell into them.
    pub exemplars: bool,
}

/// Metrics of the traced services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// `http_server_request_duration_seconds` and `http_client_request_duration_seconds`.
    Http,
    /// `traces_service_graph_*`
    ServiceGraph,
    /// `traces_spanmetrics_*`
    SpanMetrics,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            listen: None,
            push_interval: Duration::ZERO,
            families: vec![Family::Http, Family::ServiceGraph],
            max_series: 2000,
            exemplars: true,
        }
    }
}

/// `127.0.0.1:9464`, `[::1]:9464`, or nothing.
pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| de::Error::custom(""))
}
