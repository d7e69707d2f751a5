//! What `tracer status` shows: one serialisable snapshot.

use serde::{Deserialize, Serialize};

/// The daemon at one moment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// Version of the daemon.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Milliseconds since its start.
    pub uptime_ms: u64,
    /// How bytes through sockets are seen: a word for it.
    #[serde(default)]
    pub plan: String,
    /// Every kernel program.
    pub programs: Vec<Program>,
    /// Maps of the kernel programs that may be full some day.
    #[serde(default)]
    pub maps: Vec<MapFill>,
    /// TLS libraries that were found, and programs that move TLS records by none that is known.
    pub libraries: Vec<Library>,
    /// Every way to lose something, with how often.
    pub drops: Vec<DropCount>,
    /// Spans by what became of them.
    pub spans: Spans,
    /// What sampling does.
    pub sampling: Sampling,
    /// Every backend that spans go to; that of `[export.otlp]` first, where there is one.
    #[serde(default)]
    pub exports: Vec<Export>,
    /// Trace context that is written into requests.
    #[serde(default)]
    pub propagation: Propagation,
    /// Records taken from the kernel side.
    pub records: u64,
    /// Connections at hand.
    pub connections: usize,
    /// Processes at hand.
    pub processes: usize,
    /// Requests in flight.
    pub open_requests: usize,
    /// Resident memory of the daemon, bytes.
    pub rss_bytes: u64,
    /// CPU time that the daemon used, user and system, milliseconds.
    pub cpu_ms: u64,
}

/// A kernel program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// The tracepoint or function that it attaches to.
    pub tracepoint: String,
    /// Whether it runs.
    pub attached: bool,
    /// Why it does not.
    pub reason: Option<String>,
    /// How often it ran; 0 unless `kernel.bpf_stats_enabled` is set.
    pub run_count: u64,
    /// Nanoseconds in all runs; 0 unless `kernel.bpf_stats_enabled` is set.
    pub run_time_ns: u64,
}

/// A map of the kernel programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapFill {
    /// Its name.
    pub name: String,
    /// Entries, counted about once a minute; none before the first time, and on kernels before 5.6.
    pub entries: Option<u64>,
    /// Most entries.
    pub max_entries: u64,
}

impl MapFill {
    /// From here on a map is said to be nearly full. Those that forget the oldest entry for a new one work on, and know less.
    fn is_nearly_full(&self) -> bool {
        self.entries.is_some_and(|entries| entries * 10 >= self.max_entries * 9)
    }
}

/// A TLS library, or a program that uses TLS.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Library {
    /// The file, as the process that it was found in names it.
    pub file: String,
    /// Why its connections are not read, `None` where they are.
    pub reason: Option<String>,
}

/// Trace context that is written into requests.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Propagation {
    /// `off`, `on`, or `stood down: ` and why.
    pub state: String,
    /// What became of the first messages on new connections, with how often.
    pub outcomes: Vec<(String, u64)>,
}

/// A reason to lose something.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DropCount {
    /// The stage.
    pub stage: String,
    /// The reason.
    pub reason: String,
    /// How often.
    pub count: u64,
    /// By design, not a loss.
    pub intentional: bool,
}

/// Spans by what became of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Spans {
    /// Made.
    pub finished: u64,
    /// Waiting for their trace.
    pub waiting: usize,
    /// Accepted by the first backend.
    pub exported: u64,
}

/// What sampling does.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sampling {
    /// What it kept and dropped, by reason.
    pub decisions: Vec<Sampled>,
    /// Traces that were decided on before all of their parts had the time to come, for want of room.
    pub decided_early: u64,
    /// Traces that wait for the policies.
    pub waiting_traces: usize,
    /// Memory that these take, bytes.
    pub waiting_bytes: usize,
}

/// What sampling did for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sampled {
    /// The reason; for a policy its name.
    pub reason: String,
    /// Whether a policy of the configuration is the reason.
    pub policy: bool,
    /// Whether these were kept.
    pub kept: bool,
    /// Traces that were decided on.
    pub traces: u64,
    /// Spans in them.
    pub spans: u64,
}

/// A backend that spans go to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Export {
    /// Its name in the configuration.
    pub name: String,
    /// Spans that it has accepted.
    pub exported: u64,
    /// Batches held.
    pub queued_batches: u64,
    /// Bytes held.
    pub queued_bytes: u64,
    /// Repeated attempts.
    pub retries: u64,
    /// Whether the backend is unavailable.
    pub failing: bool,
    /// The most recent failure.
    pub last_error: Option<String>,
}

impl Snapshot {
    /// Losses that are not by design.
    pub fn losses(&self) -> impl Iterator<Item = &DropCount> {
        self.drops.iter().filter(|drop| drop.count > 0 && !drop.intentional)
    }

    /// The snapshot for people.
    pub fn to_text(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::new();
        // Writing to memory does not fail.
        let _ = writeln!(
            text,
            "tracer {} (pid {}) has run for {} s, uses {} MiB and has used {} ms of CPU.",
            self.version,
            self.pid,
            self.uptime_ms / 1000,
            self.rss_bytes >> 20,
            self.cpu_ms
        );
        let _ = writeln!(
            text,
            "{} processes, {} connections, {} requests in flight; {} records taken, {} spans made, {} exported.",
            self.processes,
            self.connections,
            self.open_requests,
            self.records,
            self.spans.finished,
            self.spans.exported
        );
        for export in &self.exports {
            let state = if export.failing { "not available" } else { "takes what it gets" };
            let _ = writeln!(
                text,
                "Export to {}: {state}; {} spans taken, {} batches ({} KiB) wait, {} attempts were repeated.",
                export.name,
                export.exported,
                export.queued_batches,
                export.queued_bytes >> 10,
                export.retries
            );
            if let Some(error) = &export.last_error {
                let _ = writeln!(text, "  last error: {error}");
            }
        }
        let Sampling { decisions, decided_early, waiting_traces, waiting_bytes } = &self.sampling;
        if decisions.iter().any(|sampled| sampled.reason != "always_on") {
            let _ = writeln!(text, "\nSampling:");
            for Sampled { reason, policy, kept, traces, spans } in decisions {
                let verb = if *kept { "kept" } else { "dropped" };
                let kind = if *policy { "policy " } else { "" };
                let _ = writeln!(text, "  {verb:<8} {traces:>10} traces, {spans:>10} spans  {kind}{reason}");
            }
            if *waiting_traces > 0 {
                let _ = writeln!(
                    text,
                    "  {waiting_traces} traces ({} KiB) wait for their policies.",
                    waiting_bytes >> 10
                );
            }
            if *decided_early > 0 {
                let _ = writeln!(
                    text,
                    "  {decided_early} traces were decided on early: raise sampling.tail.max_bytes or lower \
                     sampling.tail.decision_wait."
                );
            }
        }
        let _ = writeln!(text, "\nKernel programs (plan {}):", self.plan);
        for program in &self.programs {
            match &program.reason {
                None if program.run_count > 0 => {
                    let _ = writeln!(
                        text,
                        "  {:<14} attached to {}, {} runs, {} ns each",
                        program.name,
                        program.tracepoint,
                        program.run_count,
                        program.run_time_ns / program.run_count
                    );
                }
                None => {
                    let _ = writeln!(text, "  {:<14} attached to {}", program.name, program.tracepoint);
                }
                Some(reason) => {
                    let _ = writeln!(text, "  {:<14} not attached: {reason}", program.name);
                }
            }
        }
        for map in self.maps.iter().filter(|map| map.is_nearly_full()) {
            let _ = writeln!(
                text,
                "  The map {} is nearly full: {} of {} entries. What it forgets is missing in traces.",
                map.name,
                map.entries.unwrap_or_default(),
                map.max_entries
            );
        }
        if !self.libraries.is_empty() {
            let _ = writeln!(text, "\nTLS:");
        }
        for library in &self.libraries {
            let state = library.reason.as_ref().map_or_else(
                || "its connections are read".to_owned(),
                |reason| format!("not read: {reason}"),
            );
            let _ = writeln!(text, "  {}: {state}", library.file);
        }
        if self.propagation.state != "off" {
            let _ = writeln!(text, "\nTrace context in requests: {}", self.propagation.state);
            for (outcome, count) in self.propagation.outcomes.iter().filter(|(_, count)| *count > 0) {
                let _ = writeln!(text, "  {outcome:<39} {count:>10}");
            }
        }
        let mut shown = self.drops.iter().filter(|drop| drop.count > 0).peekable();
        if shown.peek().is_none() {
            let _ = writeln!(text, "\nNothing was lost.");
        } else {
            let _ = writeln!(text, "\nNot turned into spans:");
        }
        for drop in shown {
            let why = if drop.intentional { "by design" } else { "LOST" };
            let _ = writeln!(text, "  {:<12} {:<26} {:>10}  {why}", drop.stage, drop.reason, drop.count);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampling_is_shown_where_there_is_any() {
        let sampled =
            |reason: &str, kept| Sampled { reason: reason.into(), policy: false, kept, traces: 3, spans: 5 };
        let mut snapshot = Snapshot::default();
        snapshot.sampling.decisions = vec![sampled("always_on", true)];
        assert!(!snapshot.to_text().contains("Sampling"));
        snapshot.sampling.decisions = vec![sampled("ratio", true), sampled("ratio", false)];
        let text = snapshot.to_text();
        assert!(
            text.contains("kept") && text.contains("dropped") && text.contains("5 spans  ratio"),
            "{text}"
        );
    }

    #[test]
    fn a_map_is_shown_when_it_is_nearly_full() {
        let map = |entries| MapFill { name: "THREADS".into(), entries, max_entries: 100 };
        let text = |entries| Snapshot { maps: vec![map(entries)], ..Snapshot::default() }.to_text();
        assert!(!text(None).contains("THREADS") && !text(Some(89)).contains("THREADS"));
        assert!(text(Some(90)).contains("90 of 100 entries"));
    }

    #[test]
    fn losses_are_shown_and_design_is_not_called_loss() {
        let drop = |reason: &str, count, intentional| DropCount {
            stage: "spans".into(),
            reason: reason.into(),
            count,
            intentional,
        };
        let snapshot = Snapshot {
            drops: vec![drop("own_export", 3, true), drop("never", 0, false), drop("ring_full", 2, false)],
            ..Snapshot::default()
        };
        assert_eq!(snapshot.losses().map(|drop| drop.reason.as_str()).collect::<Vec<_>>(), ["ring_full"]);
        let text = snapshot.to_text();
        assert!(text.contains("own_export") && text.contains("by design"), "{text}");
        assert!(text.contains("LOST") && !text.contains("never"), "{text}");
    }
}
