// Traces to look at.

import type { TestSpan } from "./server";

const MS = 1_000_000n;

export const hex = (number: number, digits: number) => number.toString(16).padStart(digits, "0");

/** Now, less some milliseconds. */
export const ago = (ms: number) => BigInt(Date.now() - ms) * MS;

/** For a browser that asks nobody but the page. */
export const BROWSER_ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** What would run or load something if it became markup. */
export const HOSTILE = `<script>window.hacked=1</script><img src=x onerror="window.hacked=2">"'&<b>`;

/** web calls shop, which calls stock twice, one of them in vain: 4 spans, the path to the end through the second call. */
export function shopTrace(number: number, start: bigint, scale = 1n): TestSpan[] {
    const traceId = hex(number, 32);
    const id = (index: number) => hex(number * 16 + index, 16);
    const evidence = (name: string) => ({ "tracer.parent.evidence": name });
    return [
        {
            service: "web",
            traceId,
            spanId: id(1),
            name: "GET /cart",
            start,
            duration: 100n * MS * scale,
            attributes: { "http.route": "/cart", "user.note": HOSTILE },
            links: [{ traceId: hex(0xabc, 32), spanId: hex(0xdef, 16) }],
        },
        {
            service: "shop",
            traceId,
            spanId: id(2),
            parent: id(1),
            name: "GET /items",
            start: start + 5n * MS,
            duration: 80n * MS * scale,
            attributes: evidence("tcp-seq"),
        },
        {
            service: "stock",
            traceId,
            spanId: id(3),
            parent: id(2),
            name: "GET /first",
            start: start + 10n * MS,
            duration: 20n * MS * scale,
            attributes: evidence("thread"),
        },
        {
            service: "stock",
            traceId,
            spanId: id(4),
            parent: id(2),
            name: "GET /second",
            start: start + 12n * MS,
            duration: 60n * MS * scale,
            error: "it broke",
            attributes: { ...evidence("header"), "http.response.status_code": 503, "error.type": "timed out" },
        },
    ];
}

/** A trace whose every text is hostile. */
export function hostileTrace(number: number): TestSpan[] {
    const spanId = hex(number, 16);
    return [{ service: HOSTILE, traceId: hex(number, 32), spanId, name: HOSTILE, start: ago(2000), duration: MS, error: HOSTILE, attributes: { [HOSTILE]: HOSTILE } }];
}

/** Many spans: each of 100 calls has the rest below it. */
export function hugeTrace(number: number, count: number): TestSpan[] {
    const traceId = hex(number, 32);
    const start = ago(30_000);
    const id = (index: number) => hex(0x10000000 + index, 16);
    const spans: TestSpan[] = [{ service: "batch", traceId, spanId: id(0), name: "job", start, duration: 20_000n * MS }];
    for (let index = 1; index < count; index++) {
        const parent = index <= 100 ? 0 : 1 + (index % 100);
        const at = BigInt(index) * ((19_000n * MS) / BigInt(count));
        spans.push({
            service: `worker-${(index <= 100 ? index : parent) % 7}`,
            traceId,
            spanId: id(index),
            parent: id(parent),
            name: `step ${index % 50}`,
            start: start + (index <= 100 ? 0n : at),
            duration: index <= 100 ? 20_000n * MS : 5n * MS,
            attributes: { "job.item": index, "http.request.method": "GET", "url.path": `/items/${index}` },
        });
    }
    return spans;
}
