// The tree of a trace, and what is shown of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inOrder } from "../src/compare";
import { frames } from "../src/trace/flame";
import { build, coarsen, matching, visible, withAncestors } from "../src/trace/model";
import type { Place, Span, Step, Trace } from "../src/types";

const BASE = 1_700_000_000_000_000_000n;

function span(id: string, parent: string | null, start: number, duration: number, more: Partial<Span> = {}): Span {
    return {
        span_id: id,
        parent_span_id: parent,
        service: "s",
        name: id,
        kind: "server",
        status: "unset",
        status_message: "",
        start_unix_ns: String(BASE + BigInt(start)),
        duration_ns: duration,
        attributes: {},
        resource: 0,
        scope: null,
        events: null,
        links: null,
        trace_state: "",
        ...more,
    };
}

function trace(spans: Span[], path: [string, number, number][] = []): Trace {
    const end = Math.max(...spans.map((span) => Number(BigInt(span.start_unix_ns) - BASE) + span.duration_ns));
    const critical_path: Step[] = path.map(([span_id, start, duration_ns]) => ({ span_id, start_unix_ns: String(BASE + BigInt(start)), duration_ns }));
    const summary = { trace_id: "1", root_service: "s", root_name: "a", start_unix_ns: String(BASE), duration_ns: end, spans: spans.length, errors: 0, rootless: false, services: [] };
    return { summary, spans, resources: [], critical_path, statistics: [], partial: false };
}

/** a calls b and c, which overlap; b calls d, which fails. */
const SHOP = trace(
    [
        span("a", null, 0, 100),
        span("b", "a", 10, 40, { attributes: { "db.system.name": "redis", n: 7 } }),
        span("d", "b", 20, 10, { status: "error", status_message: "It broke" }),
        span("c", "a", 30, 60),
    ],
    [
        ["a", 0, 30],
        ["c", 30, 60],
        ["a", 90, 10],
    ],
);

test("spans follow those above them, with exact times", () => {
    const { nodes, indexOf } = build(SHOP);
    assert.deepEqual(
        nodes.map((node) => [node.span.span_id, node.depth, node.parent, node.below, node.start, node.end, node.self, node.errorsBelow]),
        [
            ["a", 0, -1, 3, 0, 100, 20, 1],
            ["b", 1, 0, 1, 10, 50, 30, 1],
            ["d", 2, 1, 0, 20, 30, 10, 0],
            ["c", 1, 0, 0, 30, 90, 60, 0],
        ],
    );
    assert.equal(indexOf.get("c"), 3);
    assert.deepEqual(nodes[0]?.critical, [
        { start: 0, end: 30 },
        { start: 90, end: 100 },
    ]);
});

test("a missing parent, a circle of parents and an id twice lose no span", () => {
    const { nodes } = build(trace([span("a", "gone", 0, 9), span("b", "c", 1, 1), span("c", "b", 2, 1), span("a", null, 3, 1), span("e", "e", 4, 1)]));
    assert.equal(nodes.length, 5);
    assert.ok(nodes.every((node, index) => node.parent < index));
});

test("a chain of 50,000 is no deeper than the stack allows", () => {
    const spans = Array.from({ length: 50_000 }, (_, index) => span(`${index}`, index === 0 ? null : `${index - 1}`, index, 100_000 - index));
    const model = build(trace(spans));
    assert.equal(model.nodes.at(-1)?.depth, 49_999);
    assert.equal(model.nodes[0]?.below, 49_999);
    assert.equal(frames(model).length, 50_001);
});

test("what is collapsed or filtered out is not shown", () => {
    const model = build(SHOP);
    assert.deepEqual(visible(model.nodes, new Set()), [0, 1, 2, 3]);
    assert.deepEqual(visible(model.nodes, new Set([1])), [0, 1, 3]);
    const found = (text: string) => Array.from(matching(model, { text, errors: false, critical: false }) ?? []);
    assert.deepEqual(found("REDIS"), [0, 1, 0, 0]);
    assert.deepEqual(found("n=7"), [0, 1, 0, 0]);
    assert.deepEqual(found("it broke"), [0, 0, 1, 0]);
    assert.equal(matching(model, { text: " ", errors: false, critical: false }), undefined);
    const failed = matching(model, { text: "", errors: true, critical: false });
    assert.ok(failed);
    assert.deepEqual(visible(model.nodes, new Set(), withAncestors(model.nodes, failed)), [0, 1, 2]);
    assert.deepEqual(Array.from(matching(model, { text: "", errors: false, critical: true }) ?? []), [1, 0, 0, 1]);
});

test("a flame's frames hold those below them", () => {
    const all = frames(build(SHOP));
    assert.deepEqual(
        all.map((frame) => [frame.name, frame.self, frame.total, frame.left]),
        [
            ["all", 0, 120, 0],
            ["a", 20, 120, 0],
            ["b", 30, 40, 60],
            ["d", 10, 10, 60],
            ["c", 60, 60, 0],
        ],
    );
});

test("parts too close to be told apart are one", () => {
    const parts = [0, 10, 20, 500].map((start) => ({ start, end: start + 5 }));
    assert.deepEqual(coarsen(parts, 0, 1000, 100), [
        { start: 0, end: 25 },
        { start: 500, end: 505 },
    ]);
    assert.deepEqual(coarsen(parts, 100, 400, 100), []);
});

test("places of a comparison are a tree", () => {
    const side = { spans: 1, errors: 0, total_ns: 1 };
    const place = (name: string, parent: number | null): Place => ({ parent, service: "s", name, a: side, b: side });
    // As the server has them: the second trace's places are behind the first one's.
    const ordered = inOrder([place("a", null), place("b", 0), place("c", 1), place("x", null), place("d", 0)]);
    assert.deepEqual(
        ordered.map(({ place, depth }) => `${depth}${place.name}`),
        ["0a", "1b", "2c", "1d", "0x"],
    );
});
