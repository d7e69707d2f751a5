//! A backend that spans go to, with its own queue and counters.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tracer_otlp::{Batch, DropReason, Exporter, Settings, StartError, Stats};

use super::{elasticsearch, file::JsonFile, otlp::Encoder, output::VERSION, zipkin};
use crate::spans::span::Span;

/// What the backend of `[export.otlp]` is called.
pub const MAIN: &str = "otlp";

/// The form of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `ExportTraceServiceRequest` in protobuf.
    Otlp,
    /// Zipkin v2 JSON.
    Zipkin,
    /// Bulk requests for this data stream.
    Elasticsearch(String),
}

/// A backend, or a file.
pub struct Target {
    name: String,
    sink: Sink,
}

enum Sink {
    Backend { encoding: Encoding, exporter: Exporter, stats: Arc<Stats> },
    File { file: JsonFile, counters: tracer_otlp::Snapshot },
}

/// Encodes a batch once for each form that is wanted.
pub struct Encoders {
    otlp: Encoder,
    made: Vec<(Encoding, Bytes)>,
}

impl Target {
    /// Begins to deliver to a backend.
    pub fn backend(name: String, encoding: Encoding, settings: Settings) -> Result<Self, StartError> {
        let stats = Arc::new(Stats::default());
        let exporter = Exporter::start(settings, stats.clone())?;
        Ok(Self { name, sink: Sink::Backend { encoding, exporter, stats } })
    }

    /// Writes to a file.
    pub fn file(name: String, file: JsonFile) -> Self {
        Self { name, sink: Sink::File { file, counters: tracer_otlp::Snapshot::default() } }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What became of its spans.
    pub fn stats(&self) -> tracer_otlp::Snapshot {
        match &self.sink {
            Sink::Backend { stats, .. } => stats.snapshot(),
            Sink::File { counters, .. } => counters.clone(),
        }
    }

    /// Takes a batch.
    pub(super) fn take(&mut self, spans: &[Span], encoders: &mut Encoders) {
        let count = spans.len() as u64;
        match &mut self.sink {
            Sink::Backend { encoding, exporter, .. } => {
                let payload = encoders.encode(spans, encoding);
                // What it does not take, the exporter has counted.
                let _ = exporter.offer(Batch { payload, spans: count as u32 });
            }
            Sink::File { file, counters } => match file.write(spans) {
                Ok(()) => {
                    counters.exported_spans += count;
                    counters.exported_batches += 1;
                    counters.failing = false;
                }
                Err(error) => {
                    counters.dropped_spans[DropReason::StorageFailed as usize] += count;
                    if !std::mem::replace(&mut counters.failing, true) {
                        tracing::warn!(%error, name = self.name, "spans cannot be written to the file");
                    }
                    counters.last_error = Some(tracer_otlp::LastError {
                        text: error.to_string(),
                        at: std::time::SystemTime::now(),
                    });
                }
            },
        }
    }

    /// Sends what is left, for at most `deadline`. Returns the name and the last counters.
    pub(super) fn finish(self, deadline: Duration) -> (String, tracer_otlp::Snapshot) {
        let counters = match self.sink {
            Sink::Backend { exporter, stats, .. } => {
                exporter.shutdown(deadline);
                stats.snapshot()
            }
            Sink::File { counters, .. } => counters,
        };
        (self.name, counters)
    }
}

impl Encoders {
    pub(super) fn new() -> Self {
        Self { otlp: Encoder::new(VERSION), made: Vec::new() }
    }

    /// The next batch is another one.
    pub(super) fn begin(&mut self) {
        self.made.clear();
    }

    fn encode(&mut self, spans: &[Span], encoding: &Encoding) -> Bytes {
        if let Some((_, payload)) = self.made.iter().find(|(made, _)| made == encoding) {
            return payload.clone();
        }
        let payload: Bytes = match encoding {
            Encoding::Otlp => self.otlp.encode(spans),
            Encoding::Zipkin => zipkin::encode(spans, VERSION),
            Encoding::Elasticsearch(index) => elasticsearch::encode(spans, index, VERSION),
        }
        .into();
        self.made.push((encoding.clone(), payload.clone()));
        payload
    }
}
