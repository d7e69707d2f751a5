//! What both transports do with a request once they have its bytes.

use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::{
    metrics::v1::{ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse},
    trace::v1::{ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse},
};
use prost::Message as _;

use crate::{
    agents::Agents,
    api::now_ns,
    counters::{Counters, Loss},
    store::{AppendError, Store},
};

/// What OTLP's requests are.
const OTLP: &str = "ExportTraceServiceRequest";
const OTLP_METRICS: &str = "ExportMetricsServiceRequest";

/// The way in.
#[derive(Clone)]
pub(crate) struct Intake {
    store: Arc<Store>,
    counters: Arc<Counters>,
    agents: Arc<Agents>,
    token: Option<Arc<str>>,
}

/// Why a request is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// No or another token.
    #[error("This server asks for a token: send the header `authorization: Bearer <token>`.")]
    Unauthorized,
    /// Another type than those that are read, which come second.
    #[error("The content type {0:?} is not read here; send {1}.")]
    ContentType(String, &'static str),
    /// Neither gzip nor zstd.
    #[error("The content encoding {0:?} is not read here; send gzip, zstd or none.")]
    ContentEncoding(String),
    /// Beyond [`super::LARGEST_REQUEST`].
    #[error("The request holds more than {} MiB; send smaller batches.", super::LARGEST_REQUEST >> 20)]
    TooLarge,
    /// Not what it should be, and why not.
    #[error("The request is no {0}: {1}.")]
    Malformed(&'static str, String),
    /// Cut off, or not decompressed.
    #[error("The body of the request cannot be read: {0}.")]
    Body(String),
    /// Not now.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl Intake {
    pub(crate) fn new(
        store: Arc<Store>,
        counters: Arc<Counters>,
        agents: Arc<Agents>,
        token: Option<Arc<str>>,
    ) -> Self {
        Self { store, counters, agents, token }
    }

    /// Whether the `authorization` header of a request is good enough.
    pub(crate) fn authorize(&self, header: Option<&[u8]>) -> Result<(), Refusal> {
        if crate::token::is_good(self.token.as_deref(), header) { Ok(()) } else { Err(Refusal::Unauthorized) }
    }

    /// Takes a protobuf request; returns when it is durable.
    pub(crate) async fn take_protobuf(&self, body: Bytes) -> Result<ExportTraceServiceResponse, Refusal> {
        let request = ExportTraceServiceRequest::decode(body.clone())
            .map_err(|error| Refusal::Malformed(OTLP, error.to_string()))?;
        self.take(body, request).await
    }

    /// Takes a JSON request; returns when it is durable.
    pub(crate) async fn take_json(&self, body: &[u8]) -> Result<ExportTraceServiceResponse, Refusal> {
        let request: ExportTraceServiceRequest =
            serde_json::from_slice(body).map_err(|error| Refusal::Malformed(OTLP, error.to_string()))?;
        // The log holds protobuf alone.
        self.take(Bytes::from(request.encode_to_vec()), request).await
    }

    /// Takes what tracers say of themselves, in protobuf; refuses other metrics.
    pub(crate) fn take_metrics(&self, body: Bytes) -> Result<ExportMetricsServiceResponse, Refusal> {
        let request = ExportMetricsServiceRequest::decode(body)
            .map_err(|error| Refusal::Malformed(OTLP_METRICS, error.to_string()))?;
        Ok(self.metrics(request))
    }

    /// As [`Self::take_metrics`], in JSON.
    pub(crate) fn take_metrics_json(&self, body: &[u8]) -> Result<ExportMetricsServiceResponse, Refusal> {
        let request: ExportMetricsServiceRequest = serde_json::from_slice(body)
            .map_err(|error| Refusal::Malformed(OTLP_METRICS, error.to_string()))?;
        Ok(self.metrics(request))
    }

    fn metrics(&self, request: ExportMetricsServiceRequest) -> ExportMetricsServiceResponse {
        let refused = self.agents.take(request, now_ns());
        self.counters.lose(Loss::Metrics, refused);
        let partial_success = (refused > 0).then(|| ExportMetricsPartialSuccess {
            rejected_data_points: i64::try_from(refused).unwrap_or(i64::MAX),
            error_message: "This backend keeps traces, and of metrics only what tracers say of themselves."
                .to_owned(),
        });
        ExportMetricsServiceResponse { partial_success }
    }

    /// Takes spans that came in another format; returns when they are durable.
    pub(crate) async fn take_converted(
        &self,
        request: ExportTraceServiceRequest,
    ) -> Result<ExportTraceServiceResponse, Refusal> {
        self.take(Bytes::from(request.encode_to_vec()), request).await
    }

    async fn take(
        &self,
        body: Bytes,
        request: ExportTraceServiceRequest,
    ) -> Result<ExportTraceServiceResponse, Refusal> {
        let refused = self.store.append(body, request).await?.invalid_ids;
        let partial_success = (refused > 0).then(|| ExportTracePartialSuccess {
            rejected_spans: i64::try_from(refused).unwrap_or(i64::MAX),
            error_message: format!(
                "{refused} spans have no valid trace id (16 bytes) or span id (8 bytes), or one that is all zero."
            ),
        });
        Ok(ExportTraceServiceResponse { partial_success })
    }

    /// Counts a refusal. Spans that the store did not take are counted there.
    pub(crate) fn count(&self, refusal: &Refusal) {
        let loss = match refusal {
            Refusal::Unauthorized => Loss::Unauthorized,
            Refusal::ContentType(..) | Refusal::ContentEncoding(_) => Loss::Unsupported,
            Refusal::TooLarge => Loss::TooLarge,
            Refusal::Malformed(..) | Refusal::Body(_) => Loss::Malformed,
            Refusal::Append(_) => return,
        };
        self.counters.lose(loss, 1);
    }
}
