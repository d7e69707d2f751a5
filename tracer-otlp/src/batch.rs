//! What is handed in, and the two ways in which it can come back.

use bytes::Bytes;
use thiserror::Error;

/// One request to the backend: an encoded `opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest`.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The protobuf bytes, not compressed.
    pub payload: Bytes,
    /// How many spans `payload` holds; only used for counting.
    pub spans: u32,
}

/// Why [`crate::Exporter::offer`] did not take a batch. The spans are already counted in [`crate::Stats`].
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Rejected {
    /// Taking the batch would exceed the bound in batches or bytes of the queue in memory, or of what waits to be written to that on disk.
    #[error("the queue of the exporter is full")]
    QueueFull,
    /// The delivery thread is gone.
    #[error("the OTLP exporter has stopped")]
    Stopped,
}

/// What [`crate::Exporter::shutdown`] could not deliver before its deadline; counted as
/// [`crate::DropReason::Shutdown`]. Batches on disk are none of it: the next exporter with that directory delivers them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leftover {
    /// Batches given up.
    pub batches: u64,
    /// Spans in those batches.
    pub spans: u64,
}
