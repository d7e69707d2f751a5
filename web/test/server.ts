// A server of its own for the tests: free ports, a directory that goes away, and spans sent as any OpenTelemetry SDK would.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export type AttributeValue = string | number | boolean;

export interface TestSpan {
    service: string;
    traceId: string;
    spanId: string;
    parent?: string;
    name: string;
    /** OTLP's number: 1 internal, 2 server, 3 client. */
    kind?: number;
    /** Nanoseconds since 1970. */
    start: bigint;
    /** Nanoseconds. */
    duration: bigint;
    error?: string;
    attributes?: Record<string, AttributeValue>;
    links?: { traceId: string; spanId: string }[];
}

export class Server {
    private constructor(
        private readonly process: ChildProcess,
        private readonly directory: string,
        readonly page: string,
        private readonly otlp: string,
    ) {}

    static async start(extra: string[] = []): Promise<Server> {
        const binary = process.env.TRACER_BIN;
        if (!binary) throw new Error("TRACER_BIN does not name the tracer; start these tests as `cargo xtask test web`.");
        const directory = mkdtempSync(join(tmpdir(), "tracer-web-"));
        const any = "127.0.0.1:0";
        const args = ["server", "--data", directory, "--otlp-grpc", any, "--otlp-http", any, "--query", any, ...extra];
        const child = spawn(binary, args, { stdio: ["ignore", "pipe", "inherit"] });
        const addresses = new Map<string, string>();
        for await (const line of createInterface({ input: child.stdout })) {
            const [name, address] = line.split(": ");
            if (name && address) addresses.set(name, address.replace(/\/$/, ""));
            if (addresses.size === 3) break;
        }
        const page = addresses.get("Page and query API");
        const otlp = addresses.get("OTLP/HTTP");
        if (!page || !otlp) throw new Error("The server did not say where it listens.");
        return new Server(child, directory, page, otlp);
    }

    async stop(): Promise<void> {
        const ended = new Promise((resolve) => this.process.once("exit", resolve));
        this.process.kill("SIGTERM");
        await ended;
        rmSync(this.directory, { recursive: true, force: true });
    }

    /** Sends and waits until the spans are acknowledged. */
    async send(spans: TestSpan[], headers: Record<string, string> = {}): Promise<void> {
        await this.post("traces", { resourceSpans: byService(spans) }, headers);
    }

    /** Sends what a tracer on `host` says of itself. */
    async sendAgent(host: string, values: [name: string, labels: Record<string, AttributeValue>, value: number][]): Promise<void> {
        const resource = { attributes: attributes({ "service.name": "tracer", "service.instance.id": host, "service.version": "1.2.3", "host.name": host }) };
        const metrics = values.map(([name, labels, value]) => ({ name, gauge: { dataPoints: [{ asDouble: value, attributes: attributes(labels) }] } }));
        await this.post("metrics", { resourceMetrics: [{ resource, scopeMetrics: [{ scope: { name: "tracer" }, metrics }] }] }, {});
    }

    private async post(signal: string, body: unknown, headers: Record<string, string>): Promise<void> {
        const response = await fetch(`${this.otlp}/v1/${signal}`, {
            method: "POST",
            headers: { "content-type": "application/json", ...headers },
            body: JSON.stringify(body),
        });
        if (response.status !== 200) throw new Error(`OTLP was refused: ${response.status} ${await response.text()}`);
    }
}

function byService(spans: TestSpan[]): unknown[] {
    const services = [...new Set(spans.map((span) => span.service))];
    return services.map((service) => ({
        resource: { attributes: attributes({ "service.name": service }) },
        scopeSpans: [{ scope: { name: "test" }, spans: spans.filter((span) => span.service === service).map(toOtlp) }],
    }));
}

function toOtlp(span: TestSpan): unknown {
    return {
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parent ?? "",
        name: span.name,
        kind: span.kind ?? 2,
        startTimeUnixNano: String(span.start),
        endTimeUnixNano: String(span.start + span.duration),
        attributes: attributes(span.attributes ?? {}),
        links: span.links ?? [],
        status: span.error === undefined ? {} : { code: 2, message: span.error },
    };
}

function attributes(map: Record<string, AttributeValue>): unknown[] {
    return Object.entries(map).map(([key, value]) => {
        if (typeof value === "string") return { key, value: { stringValue: value } };
        return { key, value: typeof value === "boolean" ? { boolValue: value } : { intValue: String(value) } };
    });
}
