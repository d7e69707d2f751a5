// What the query API answers, as tracer-server/openapi.json describes it; only what the page reads.

export interface ServiceCount {
    service: string;
    spans: number;
    errors: number;
}

export interface Summary {
    trace_id: string;
    root_service: string;
    root_name: string;
    /** Nanoseconds since 1970: text, because JSON numbers are not that precise. */
    start_unix_ns: string;
    duration_ns: number;
    spans: number;
    errors: number;
    rootless: boolean;
    services: ServiceCount[];
}

export interface Found {
    traces: Summary[];
    total: number;
    total_is_exact: boolean;
    partial: boolean;
}

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type Attributes = { [key: string]: Json };

export interface SpanEvent {
    time_ns: number;
    name: string;
    attributes: Attributes;
}

export interface SpanLink {
    trace_id: string | null;
    span_id: string | null;
    attributes: Attributes;
}

/** A span as the live stream has it, and the head of a whole one. */
export interface SpanHead {
    span_id: string;
    parent_span_id: string | null;
    service: string;
    name: string;
    kind: string;
    status: string;
    start_unix_ns: string;
    duration_ns: number;
}

export interface LiveSpan extends SpanHead {
    trace_id: string;
}

export interface Span extends SpanHead {
    status_message: string;
    attributes: Attributes;
    /** Index into the trace's resources. */
    resource: number;
    scope: { name?: string; version?: string } | null;
    events: SpanEvent[] | null;
    links: SpanLink[] | null;
    trace_state: string;
}

export interface Step {
    span_id: string;
    start_unix_ns: string;
    duration_ns: number;
}

export interface Statistics {
    service: string;
    name: string;
    spans: number;
    errors: number;
    total_ns: number;
    self_ns: number;
}

export interface Trace {
    summary: Summary;
    spans: Span[];
    resources: Attributes[];
    critical_path: Step[];
    statistics: Statistics[];
    partial: boolean;
}

export interface Side {
    spans: number;
    errors: number;
    total_ns: number;
}

export interface Place {
    parent: number | null;
    service: string;
    name: string;
    a: Side;
    b: Side;
}

export interface Comparison {
    a: Summary;
    b: Summary;
    places: Place[];
    partial: boolean;
}

export interface Figures {
    calls: number;
    errors: number;
    error_rate: number;
    average_ns: number;
    p50_ns: number;
    p95_ns: number;
    p99_ns: number;
    max_ns: number;
}

export interface Edge {
    parent: string;
    child: string;
    calls: Figures;
    example_trace_id: string;
}

export interface Dependencies {
    dependencies: Edge[];
    unplaced_calls: number;
    partial: boolean;
}

export interface Operation {
    service: string;
    name: string;
    kind: string;
    calls: Figures;
    calls_per_second: number;
    example_trace_id: string | null;
    steps: { start_unix_ns: string; calls: Figures }[];
}

export interface Operations {
    operations: Operation[];
    partial: boolean;
}

export interface Services {
    services: { [service: string]: { name: string; kind: string }[] };
}

export interface Sample {
    name: string;
    labels: { [name: string]: string | number | boolean };
    value: number;
}

export interface Agent {
    instance: string;
    host: string;
    version: string;
    seen_unix_ns: string;
    metrics: Sample[];
}

export interface Agents {
    agents: Agent[];
}

export interface Alert {
    rule: string;
    state: "pending" | "firing" | "resolved";
    service: string;
    operation: string | null;
    labels: { [name: string]: string };
    annotations: { [name: string]: string };
    summary: string;
    since_unix_ns: string;
    fired_unix_ns: string | null;
    resolved_unix_ns: string | null;
    example_trace_ids: string[];
    silenced_by: number | null;
}

export interface Silence {
    id: number;
    matchers: { [name: string]: string };
    until_unix_ns: string;
    comment: string;
}

export interface Alerts {
    alerts: Alert[];
    silences: Silence[];
    rules: string[];
    uncounted_calls: number;
}

export interface Status {
    version: string;
    spans: { accepted: number; losses: { reason: string; unit: string; count: number }[] };
    store: { spans_in_memory: number; blocks: number; spans_in_blocks: number; bytes_of_blocks: number };
}
