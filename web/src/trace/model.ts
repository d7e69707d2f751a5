// A trace as a tree, its spans in the order in which they are shown.

import type { Span, Trace } from "../types";

export interface Node {
    span: Span;
    /** Nanoseconds since the trace's start. */
    start: number;
    end: number;
    /** 0 for roots. */
    depth: number;
    /** Index into the nodes; -1 for roots. */
    parent: number;
    /** Nodes below this one, which follow it. */
    below: number;
    children: number;
    /** Failed spans below this one. */
    errorsBelow: number;
    /** Nanoseconds in which no child ran. */
    self: number;
    /** What the end of the root waited for in this span: its parts of the critical path. */
    critical: Part[];
}

export interface Part {
    start: number;
    end: number;
}

export interface Model {
    trace: Trace;
    /** Each span before those below it. */
    nodes: Node[];
    /** Nanoseconds. */
    duration: number;
    indexOf: Map<string, number>;
}

export function build(trace: Trace): Model {
    const base = BigInt(trace.summary.start_unix_ns);
    const offset = (ns: string) => Number(BigInt(ns) - base);
    const { spans } = trace;
    const byId = new Map<string, number>();
    spans.forEach((span, index) => {
        if (!byId.has(span.span_id)) byId.set(span.span_id, index);
    });
    const children: number[][] = spans.map(() => []);
    const roots: number[] = [];
    spans.forEach((span, index) => {
        const parent = span.parent_span_id === null ? undefined : byId.get(span.parent_span_id);
        if (parent === undefined || parent === index) roots.push(index);
        else children[parent]?.push(index);
    });

    const nodes: Node[] = [];
    const seen = new Uint8Array(spans.length);
    const walk = (root: number) => {
        const waiting: { index: number; depth: number; parent: number }[] = [{ index: root, depth: 0, parent: -1 }];
        for (let next = waiting.pop(); next; next = waiting.pop()) {
            const span = spans[next.index];
            if (!span || seen[next.index]) continue;
            seen[next.index] = 1;
            const start = offset(span.start_unix_ns);
            const own = children[next.index] ?? [];
            const at = nodes.length;
            nodes.push({
                span,
                start,
                end: start + span.duration_ns,
                depth: next.depth,
                parent: next.parent,
                below: 0,
                children: own.length,
                errorsBelow: 0,
                self: span.duration_ns,
                critical: [],
            });
            for (let i = own.length - 1; i >= 0; i--) {
                waiting.push({ index: own[i] ?? 0, depth: next.depth + 1, parent: at });
            }
        }
    };
    roots.forEach(walk);
    // Parents in a circle: nobody's end, so each such circle begins somewhere.
    spans.forEach((_, index) => {
        if (!seen[index]) walk(index);
    });

    const indexOf = new Map<string, number>();
    nodes.forEach((node, index) => {
        if (!indexOf.has(node.span.span_id)) indexOf.set(node.span.span_id, index);
    });
    sumUp(nodes);
    for (const step of trace.critical_path) {
        const start = offset(step.start_unix_ns);
        nodes[indexOf.get(step.span_id) ?? -1]?.critical.push({ start, end: start + step.duration_ns });
    }
    for (const node of nodes) node.critical.sort((a, b) => a.start - b.start);
    return { trace, nodes, duration: Math.max(trace.summary.duration_ns, 1), indexOf };
}

function sumUp(nodes: Node[]): void {
    // How far the children seen so far reach, for each span; they come in order of their start.
    const reached = nodes.map((node) => node.start);
    for (const node of nodes) {
        const parent = nodes[node.parent];
        if (!parent) continue;
        const from = Math.max(node.start, reached[node.parent] ?? 0);
        const to = Math.min(node.end, parent.end);
        if (to > from) {
            parent.self -= to - from;
            reached[node.parent] = to;
        }
    }
    for (let index = nodes.length - 1; index >= 0; index--) {
        const node = nodes[index];
        const parent = node && nodes[node.parent];
        if (!node || !parent) continue;
        parent.below += node.below + 1;
        parent.errorsBelow += node.errorsBelow + (node.span.status === "error" ? 1 : 0);
    }
}

/** The nodes that are shown, by index: none below a collapsed one, and only those in `kept` if there is one. */
export function visible(nodes: Node[], collapsed: ReadonlySet<number>, kept?: Uint8Array): number[] {
    const shown: number[] = [];
    for (let index = 0; index < nodes.length; index++) {
        if (kept && !kept[index]) continue;
        shown.push(index);
        if (collapsed.has(index)) index += nodes[index]?.below ?? 0;
    }
    return shown;
}

export interface Filter {
    /** In the service, name, id, message or an attribute; any case. */
    text: string;
    errors: boolean;
    critical: boolean;
}

/** The nodes that a filter is about; nothing if it is about all. */
export function matching(model: Model, filter: Filter): Uint8Array | undefined {
    const text = filter.text.trim().toLowerCase();
    if (text === "" && !filter.errors && !filter.critical) return undefined;
    const matches = new Uint8Array(model.nodes.length);
    model.nodes.forEach((node, index) => {
        const is =
            (!filter.errors || node.span.status === "error") && (!filter.critical || node.critical.length > 0) && (text === "" || mentions(node.span, text));
        matches[index] = is ? 1 : 0;
    });
    return matches;
}

function mentions(span: Span, text: string): boolean {
    const has = (value: string) => value.toLowerCase().includes(text);
    if (has(span.name) || has(span.service) || has(span.kind) || span.span_id.startsWith(text) || has(span.status_message)) return true;
    return Object.entries(span.attributes).some(([key, value]) => has(key) || has(show(value)) || has(`${key}=${show(value)}`));
}

/** With the nodes above those that match, so that each can be placed. */
export function withAncestors(nodes: Node[], matches: Uint8Array): Uint8Array {
    const kept = Uint8Array.from(matches);
    for (let index = nodes.length - 1; index >= 0; index--) {
        const parent = nodes[index]?.parent ?? -1;
        if (kept[index] && parent >= 0) kept[parent] = 1;
    }
    return kept;
}

/** An attribute's value as text. */
export function show(value: unknown): string {
    return typeof value === "string" ? value : JSON.stringify(value);
}

/** Parts that are closer than can be told apart are one: a span with thousands of children has thousands. */
export function coarsen(parts: Part[], from: number, to: number, steps: number): Part[] {
    const step = (to - from) / steps;
    const coarse: Part[] = [];
    for (const part of parts) {
        if (part.end < from || part.start > to) continue;
        const last = coarse.at(-1);
        if (last && part.start - last.end <= step) last.end = Math.max(last.end, part.end);
        else coarse.push({ ...part });
    }
    return coarse;
}
