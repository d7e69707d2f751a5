//! Everything that the exporter can be told.

use crate::{body::Body, endpoint::Endpoint, headers::Headers, signal::Signal};
use std::{path::PathBuf, time::Duration};

/// How a batch travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Unary gRPC calls of the signal's `Export` over HTTP/2.
    Grpc,
    /// `POST` of `application/x-protobuf` over HTTP/1.1.
    HttpProtobuf,
    /// `POST` of something else than OTLP over HTTP/1.1.
    Post(Body),
}

/// How a payload is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Sent as it is.
    #[default]
    None,
    /// gzip (RFC 1952).
    Gzip,
}

/// How much may wait. Batches in flight count too, since their memory is still held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueBounds {
    /// Largest number of batches.
    pub batches: usize,
    /// Largest sum of payload bytes.
    pub bytes: usize,
}

impl Default for QueueBounds {
    /// 2048 batches, 64 MiB.
    fn default() -> Self {
        QueueBounds { batches: 2048, bytes: 64 << 20 }
    }
}

/// Where batches wait on disk instead of in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// A directory for this exporter alone; made if it does not exist.
    pub directory: PathBuf,
    /// Most bytes that its files may take.
    pub bytes: u64,
}

/// How failures that may pass are retried: delays grow by half each time, from `first` to `longest`, each shortened by
/// a random part so that many exporters do not return at the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryBounds {
    /// Delay after the first failure.
    pub first: Duration,
    /// No delay of our own choice is longer. A longer one asked for by the backend is honoured, up to `total`.
    pub longest: Duration,
    /// A batch is given up when its next attempt would start later than this after its first one.
    pub total: Duration,
}

/// Bounds beyond this are cut to it, so that no sum of times can overflow.
const LONGEST_RETRY: Duration = Duration::from_hours(24);

impl RetryBounds {
    pub(crate) fn cut(self) -> RetryBounds {
        RetryBounds {
            first: self.first.min(LONGEST_RETRY),
            longest: self.longest.min(LONGEST_RETRY),
            total: self.total.min(LONGEST_RETRY),
        }
    }
}

impl Default for RetryBounds {
    /// 1 s growing to 5 s (as the OpenTelemetry SDKs do), for at most 5 minutes (as the collector does).
    fn default() -> Self {
        RetryBounds {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(5),
            total: Duration::from_mins(5),
        }
    }
}

/// Where to, how, and within which bounds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is delivered.
    pub signal: Signal,
    /// Where batches go.
    pub endpoint: Endpoint,
    /// How they travel.
    pub protocol: Protocol,
    /// Sent with every request; values never appear in `Debug` output or messages.
    pub headers: Headers,
    /// Compression of the payload.
    pub compression: Compression,
    /// How long one attempt may take, connecting included.
    pub timeout: Duration,
    /// PEM file of the certificate authorities to trust instead of the host's.
    pub certificate: Option<PathBuf>,
    /// PEM file of the client's certificate chain, for mutual TLS; needs `client_key`.
    pub client_certificate: Option<PathBuf>,
    /// PEM file of the client's private key; needs `client_certificate`.
    pub client_key: Option<PathBuf>,
    /// Bounds of the queue in memory, or of what waits to be written to that on disk.
    pub queue: QueueBounds,
    /// A queue on disk in its place. Its batches are retried until the backend has them, whatever `retry.total` says.
    pub storage: Option<Storage>,
    /// Bounds of the retries.
    pub retry: RetryBounds,
    /// Requests in flight at once: streams of one connection with gRPC, connections with HTTP. At least 1.
    pub concurrency: usize,
    /// Value of the `User-Agent` header.
    pub user_agent: String,
}

impl Settings {
    /// Settings for traces with the defaults of the OTLP exporter specification: no compression, 10 s per attempt.
    pub fn new(protocol: Protocol, endpoint: Endpoint) -> Settings {
        Settings {
            signal: Signal::Traces,
            endpoint,
            protocol,
            headers: Headers::default(),
            compression: Compression::None,
            timeout: Duration::from_secs(10),
            certificate: None,
            client_certificate: None,
            client_key: None,
            queue: QueueBounds::default(),
            storage: None,
            retry: RetryBounds::default(),
            concurrency: match protocol {
                Protocol::Grpc => 4,
                Protocol::HttpProtobuf | Protocol::Post(_) => 2,
            },
            user_agent: default_user_agent(),
        }
    }
}

/// The product in front of the exporter's own name, as the exporter specification ("User Agent") asks.
fn default_user_agent() -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!("tracer/{version} OTel-OTLP-Exporter-Rust/{version}")
}
