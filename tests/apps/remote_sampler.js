// remote_sampler.js PORT ENDPOINT SERVICE: asks ENDPOINT what to keep of SERVICE by OpenTelemetry's sampler for Jaeger's remote sampling, and tells on
// PORT, for a span name (`/share?name=GET%20%2F`), how many of 256 traces it keeps. Their ids are spread evenly, so that a share is exact.
"use strict";

const http = require("node:http");
const { ROOT_CONTEXT, SpanKind } = require("@opentelemetry/api");
const { SamplingDecision, AlwaysOffSampler } = require("@opentelemetry/sdk-trace");
const { JaegerRemoteSampler } = require("@opentelemetry/sampler-jaeger-remote");

const [port, endpoint, serviceName] = process.argv.slice(2);
const sampler = new JaegerRemoteSampler({ endpoint, serviceName, poolingInterval: 100, initialSampler: new AlwaysOffSampler() });

http.createServer((request, response) => {
    const name = new URL(request.url, "http://localhost").searchParams.get("name") ?? "";
    let kept = 0;
    for (let at = 0; at < 256; at++) {
        const traceId = `${at.toString(16).padStart(2, "0")}7fffff${"0".repeat(23)}1`;
        const result = sampler.shouldSample(ROOT_CONTEXT, traceId, name, SpanKind.SERVER, {}, []);
        if (result.decision === SamplingDecision.RECORD_AND_SAMPLED) kept += 1;
    }
    response.end(String(kept));
}).listen(Number(port), "127.0.0.1");
