//! Where finished traces go: the exporters, standard output, and whoever watches live.

use std::{
    io::{self, Write},
    sync::mpsc::{SyncSender, TrySendError},
    time::Duration,
};

use super::{batches::Batches, json, tree};
use crate::spans::span::{Span, Status};

/// How the scope of exported spans is versioned: as the daemon is.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How traces are shown to a person or a pipe.
#[derive(Clone, Debug)]
pub enum Show {
    /// As trees.
    Trees(tree::Style),
    /// One OTLP/JSON line for each span.
    JsonLines,
}

impl Show {
    /// Writes one trace.
    pub fn write(&self, out: &mut impl Write, trace: &[Span]) -> io::Result<()> {
        match self {
            Self::Trees(style) => writeln!(out, "{}", tree::render(trace, style)),
            Self::JsonLines => trace.iter().try_for_each(|span| json::write_line(out, span, VERSION)),
        }
    }
}

/// Which traces a watcher wants to see.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only traces with a span of this service.
    pub service: Option<String>,
    /// Only traces with an error, or a response status of this value.
    pub status: Option<StatusFilter>,
    /// Only traces that took at least this long, nanoseconds.
    pub min_duration_ns: u64,
}

/// What a status filter asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusFilter {
    /// Some span failed.
    Error,
    /// No span failed.
    Ok,
    /// Some span has this HTTP status.
    Code(i64),
}

impl Filter {
    /// Whether the trace passes.
    pub fn passes(&self, trace: &[Span]) -> bool {
        let start = trace.iter().map(|span| span.start_ns).min().unwrap_or(0);
        let end = trace.iter().map(|span| span.end_ns).max().unwrap_or(0);
        let failed = || trace.iter().any(|span| span.status == Status::Error);
        end - start >= self.min_duration_ns
            && self
                .service
                .as_ref()
                .is_none_or(|wanted| trace.iter().any(|span| *span.resource.service_name == **wanted))
            && match self.status {
                None => true,
                Some(StatusFilter::Error) => failed(),
                Some(StatusFilter::Ok) => !failed(),
                Some(StatusFilter::Code(code)) => trace.iter().any(|span| {
                    span.attribute("http.response.status_code") == Some(&crate::spans::span::Value::Int(code))
                }),
            }
    }
}

/// Somebody who watches live.
pub struct Watcher {
    /// What to show.
    pub filter: Filter,
    /// How to show it.
    pub show: Show,
    /// Where it goes: bounded, so that a slow watcher loses traces instead of holding the daemon up.
    pub sender: SyncSender<Vec<u8>>,
}

/// Stage 8.
#[derive(Default)]
pub struct Output {
    batches: Option<Batches>,
    print: Option<(Box<dyn Write>, Show)>,
    watchers: Vec<Watcher>,
    watcher_drops: u64,
}

impl Output {
    /// Nowhere.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also to backends.
    pub fn export(&mut self, batches: Batches) {
        self.batches = Some(batches);
    }

    /// Also to a stream, such as standard output.
    pub fn print(&mut self, stream: Box<dyn Write>, show: Show) {
        self.print = Some((stream, show));
    }

    /// Also to a watcher, until it goes away.
    pub fn watch(&mut self, watcher: Watcher) {
        self.watchers.push(watcher);
    }

    /// Takes a finished trace.
    pub fn trace(&mut self, trace: Vec<Span>, now_ns: u64) {
        if let Some((stream, show)) = &mut self.print
            && let Err(error) = show.write(stream, &trace).and_then(|()| stream.flush())
        {
            tracing::warn!(%error, "traces are no longer printed: the output is closed");
            self.print = None;
        }
        if !self.watchers.is_empty() {
            let dropped = &mut self.watcher_drops;
            self.watchers.retain(|watcher| {
                if !watcher.filter.passes(&trace) {
                    return true;
                }
                let mut text = Vec::new();
                // Writing to memory does not fail.
                let _ = watcher.show.write(&mut text, &trace);
                match watcher.sender.try_send(text) {
                    Ok(()) => true,
                    Err(TrySendError::Full(_)) => {
                        *dropped += trace.len() as u64;
                        true
                    }
                    Err(TrySendError::Disconnected(_)) => false,
                }
            });
        }
        if let Some(batches) = &mut self.batches {
            batches.take(trace, now_ns);
        }
    }

    /// Sends batches that waited for long enough.
    pub fn tick(&mut self, now_ns: u64) {
        if let Some(batches) = &mut self.batches {
            batches.tick(now_ns);
        }
    }

    /// Whether a batch is waiting for its delay.
    pub fn pending(&self) -> bool {
        self.batches.as_ref().is_some_and(Batches::pending)
    }

    /// What goes to backends, if anything.
    pub fn batches(&mut self) -> Option<&mut Batches> {
        self.batches.as_mut()
    }

    /// The names of the backends and their counters.
    pub fn export_stats(&self) -> Vec<(&str, tracer_otlp::Snapshot)> {
        let targets = self.batches.as_ref().map(Batches::targets).unwrap_or_default();
        targets.iter().map(|target| (target.name(), target.stats())).collect()
    }

    /// Spans that slow watchers did not get to see.
    pub fn watcher_drops(&self) -> u64 {
        self.watcher_drops
    }

    /// Sends what is left, for at most `deadline`. Returns the names of the backends and their last counters.
    pub fn finish(mut self, deadline: Duration) -> Vec<(String, tracer_otlp::Snapshot)> {
        self.batches.take().map(|batches| batches.finish(deadline)).unwrap_or_default()
    }
}
