//! Delivers OTLP batches of traces or metrics, by gRPC or HTTP/protobuf, without ever waiting for a backend; and batches in
//! the formats of some backends that speak no OTLP ([`Body`]).
//!
//! Input is an already encoded `ExportTraceServiceRequest` with its span count ([`Batch`]). [`Exporter::offer`] puts it
//! into a bounded queue, in memory or on disk ([`Storage`]); one thread of its own, with one current-thread runtime, sends it, retries it and counts what
//! became of every span in [`Stats`].
//!
//! Protocol, retries and throttling follow the OTLP specification 1.x
//! (<https://opentelemetry.io/docs/specs/otlp/>), the environment variables its exporter page
//! (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>).
#![forbid(unsafe_code)]

mod answer;
mod backlog;
mod backoff;
mod batch;
mod body;
mod client;
mod codec;
mod delivery;
mod endpoint;
mod environment;
mod exporter;
mod gate;
mod grpc;
mod headers;
mod http;
mod outcome;
mod probe;
mod queue;
mod sender;
mod settings;
mod signal;
mod stats;
mod text;
mod tls;

pub use backlog::StorageError;
pub use batch::{Batch, Leftover, Rejected};
pub use body::Body;
pub use codec::{Messages, Protobuf, Received, Sent};
pub use endpoint::{Endpoint, EndpointError};
pub use environment::SettingsError;
pub use exporter::{Exporter, StartError};
pub use headers::{Headers, HeadersError};
pub use settings::{Compression, Protocol, QueueBounds, RetryBounds, Settings, Storage};
pub use signal::Signal;
pub use stats::{DropReason, LastError, Snapshot, Stats};
pub use tls::CredentialError;
