//! What the tracer says of itself, from the same snapshot as `tracer status`.

use super::{
    exposition::{Kind, Label},
    sink::Sink,
};
use crate::telemetry::status::{Export, Program, Sampled, Snapshot};

/// A metric with a single value.
type Single = (&'static str, Kind, &'static str, f64);

/// A metric of each kernel program.
type PerProgram = (&'static str, Kind, &'static str, fn(&Program) -> f64);
/// A metric of each backend.
type PerExport = (&'static str, Kind, &'static str, fn(&Export) -> f64);
/// A counter of each reason of sampling.
type PerDecision = (&'static str, &'static str, fn(&Sampled) -> u64);

/// Writes the state of the daemon. `now_ns` is nanoseconds since the Unix epoch.
pub fn write_own(snapshot: &Snapshot, now_ns: u64, out: &mut dyn Sink) {
    out.metric("tracer_build_info", Kind::Gauge, "The version of the tracer.");
    out.sample(&["version"], &[Label::Text(&snapshot.version)], 1.0);
    for (name, kind, help, value) in singles(snapshot, now_ns) {
        out.metric(name, kind, help);
        out.sample(&[], &[], value);
    }
    exports(snapshot, out);
    drops(snapshot, out);
    programs(snapshot, out);
    maps(snapshot, out);
    sampling(snapshot, out);
}

fn singles(snapshot: &Snapshot, now_ns: u64) -> Vec<Single> {
    let start_s = now_ns as f64 / 1e9 - snapshot.uptime_ms as f64 / 1e3;
    let (spans, sampling) = (&snapshot.spans, &snapshot.sampling);
    vec![
        // These three are named as Prometheus' own libraries name them.
        (
            "process_start_time_seconds",
            Kind::Gauge,
            "When the tracer was started, since the Unix epoch.",
            start_s,
        ),
        (
            "process_cpu_seconds_total",
            Kind::Counter,
            "CPU time of the tracer, user and system.",
            snapshot.cpu_ms as f64 / 1e3,
        ),
        (
            "process_resident_memory_bytes",
            Kind::Gauge,
            "Resident memory of the tracer.",
            snapshot.rss_bytes as f64,
        ),
        (
            "tracer_records_total",
            Kind::Counter,
            "Records taken from the kernel side.",
            snapshot.records as f64,
        ),
        ("tracer_spans_total", Kind::Counter, "Spans made, before sampling.", spans.finished as f64),
        (
            "tracer_spans_waiting",
            Kind::Gauge,
            "Spans that wait for the rest of their trace.",
            spans.waiting as f64,
        ),
        (
            "tracer_spans_exported_total",
            Kind::Counter,
            "Spans that the backend has accepted.",
            spans.exported as f64,
        ),
        ("tracer_connections", Kind::Gauge, "Connections at hand.", snapshot.connections as f64),
        ("tracer_processes", Kind::Gauge, "Processes at hand.", snapshot.processes as f64),
        ("tracer_open_requests", Kind::Gauge, "Requests in flight.", snapshot.open_requests as f64),
        (
            "tracer_sampling_waiting_traces",
            Kind::Gauge,
            "Traces that wait for the policies of sampling.",
            sampling.waiting_traces as f64,
        ),
        (
            "tracer_sampling_waiting_bytes",
            Kind::Gauge,
            "Memory of these traces.",
            sampling.waiting_bytes as f64,
        ),
        (
            "tracer_sampling_decided_early_total",
            Kind::Counter,
            "Traces that were decided on early for want of memory.",
            sampling.decided_early as f64,
        ),
    ]
}

fn exports(snapshot: &Snapshot, out: &mut dyn Sink) {
    if snapshot.exports.is_empty() {
        return;
    }
    let per_export: [PerExport; 5] = [
        ("tracer_export_spans_total", Kind::Counter, "Spans that a backend has accepted.", |export| {
            export.exported as f64
        }),
        ("tracer_export_queued_batches", Kind::Gauge, "Batches that wait for a backend.", |export| {
            export.queued_batches as f64
        }),
        ("tracer_export_queued_bytes", Kind::Gauge, "Bytes that wait for a backend.", |export| {
            export.queued_bytes as f64
        }),
        ("tracer_export_retries_total", Kind::Counter, "Repeated attempts to deliver.", |export| {
            export.retries as f64
        }),
        ("tracer_export_failing", Kind::Gauge, "Whether a backend is unavailable.", |export| {
            f64::from(u8::from(export.failing))
        }),
    ];
    for (name, kind, help, value) in per_export {
        out.metric(name, kind, help);
        for export in &snapshot.exports {
            out.sample(&["exporter"], &[Label::Text(&export.name)], value(export));
        }
    }
}

fn drops(snapshot: &Snapshot, out: &mut dyn Sink) {
    out.metric(
        "tracer_drops_total",
        Kind::Counter,
        "What was not turned into exported spans, by stage and reason; by design or lost.",
    );
    for drop in &snapshot.drops {
        let why = if drop.intentional { "design" } else { "loss" };
        let values = [&drop.stage, &drop.reason, why].map(Label::Text);
        out.sample(&["stage", "reason", "kind"], &values, drop.count as f64);
    }
}

fn programs(snapshot: &Snapshot, out: &mut dyn Sink) {
    let per_program: [PerProgram; 3] = [
        ("tracer_program_attached", Kind::Gauge, "Whether a kernel program is attached.", |program| {
            f64::from(u8::from(program.attached))
        }),
        (
            "tracer_program_runs_total",
            Kind::Counter,
            "Runs of a kernel program; counted while kernel.bpf_stats_enabled is set.",
            |program| program.run_count as f64,
        ),
        (
            "tracer_program_run_seconds_total",
            Kind::Counter,
            "Time in a kernel program; counted while kernel.bpf_stats_enabled is set.",
            |program| program.run_time_ns as f64 / 1e9,
        ),
    ];
    for (name, kind, help, value) in per_program {
        out.metric(name, kind, help);
        for program in &snapshot.programs {
            out.sample(&["program"], &[Label::Text(&program.name)], value(program));
        }
    }
}

fn maps(snapshot: &Snapshot, out: &mut dyn Sink) {
    let names = ["map"];
    out.metric(
        "tracer_map_entries",
        Kind::Gauge,
        "Entries of a map of the kernel programs, counted about once a minute.",
    );
    for map in &snapshot.maps {
        if let Some(entries) = map.entries {
            out.sample(&names, &[Label::Text(&map.name)], entries as f64);
        }
    }
    out.metric("tracer_map_max_entries", Kind::Gauge, "Most entries of a map of the kernel programs.");
    for map in &snapshot.maps {
        out.sample(&names, &[Label::Text(&map.name)], map.max_entries as f64);
    }
}

fn sampling(snapshot: &Snapshot, out: &mut dyn Sink) {
    let per_decision: [PerDecision; 2] = [
        ("tracer_sampling_traces_total", "Traces by what became of them and why.", |sampled| sampled.traces),
        ("tracer_sampling_spans_total", "Spans by what became of them and why.", |sampled| sampled.spans),
    ];
    for (name, help, count) in per_decision {
        out.metric(name, Kind::Counter, help);
        for sampled in &snapshot.sampling.decisions {
            let decision = if sampled.kept { "kept" } else { "dropped" };
            let kind = if sampled.policy { "policy" } else { "builtin" };
            let values = [decision, &sampled.reason, kind].map(Label::Text);
            out.sample(&["decision", "reason", "kind"], &values, count(sampled) as f64);
        }
    }
}
