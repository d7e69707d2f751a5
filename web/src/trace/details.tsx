// Everything that is known of one span.

import type { ComponentChildren } from "preact";
import { dateTime, duration, hue, toMs } from "../format";
import { searchLink } from "../search/query";
import type { Attributes, Json } from "../types";
import { EVIDENCE_KEY, meaning } from "./evidence";
import { type Model, type Node, show } from "./model";

interface Props {
    model: Model;
    node: Node;
    choose: (index: number) => void;
    close: () => void;
}

export function Details({ model, node, choose, close }: Props) {
    const { span } = node;
    const parent = model.nodes[node.parent];
    const resource = model.trace.resources[span.resource] ?? {};
    return (
        <aside class="details" aria-label="Span">
            <div class="details-head">
                <h2>{span.name}</h2>
                <button type="button" onClick={close} aria-label="Close the span">
                    ✕
                </button>
            </div>
            <p>
                <span class="service" style={`--hue:${hue(span.service)}`}>
                    {span.service}
                </span>{" "}
                {span.kind}
                {span.status === "error" && <span class="error"> failed{span.status_message !== "" && `: ${span.status_message}`}</span>}
            </p>
            <dl class="facts">
                <Fact name="Duration">{duration(span.duration_ns)}</Fact>
                <Fact name="Of its own">{duration(node.self)}</Fact>
                <Fact name="Starts after">{duration(node.start)}</Fact>
                <Fact name="Starts at">{dateTime(toMs(span.start_unix_ns))}</Fact>
                {node.critical.length > 0 && (
                    <Fact name="On the critical path">{duration(node.critical.reduce((sum, part) => sum + part.end - part.start, 0))}</Fact>
                )}
                <Fact name="Span ID">
                    <code>{span.span_id}</code>
                </Fact>
                <Fact name="Parent">
                    {parent ? (
                        <button type="button" class="plain" onClick={() => choose(node.parent)}>
                            {parent.span.service}: {parent.span.name}
                        </button>
                    ) : (
                        (span.parent_span_id ?? "none")
                    )}
                    {parent === undefined && span.parent_span_id !== null && " (not stored here)"}
                </Fact>
            </dl>
            <Evidence span={node} />
            <Table title="Attributes" attributes={span.attributes} linkTags />
            {span.events?.map((event, index) => (
                <Table
                    key={`event ${index}`}
                    title={`Event ${event.name} at ${duration(Math.max(0, event.time_ns - Number(model.trace.summary.start_unix_ns)))}`}
                    attributes={event.attributes}
                />
            ))}
            {span.links?.map((link, index) => (
                <section key={`link ${index}`}>
                    <h3>
                        Link to{" "}
                        {link.trace_id === null ? "a span without a trace" : <a href={`/trace/${link.trace_id}?span=${link.span_id ?? ""}`}>{link.trace_id}</a>}
                    </h3>
                    <Table attributes={link.attributes} />
                </section>
            ))}
            <Table title="Resource" attributes={resource} linkTags prefix="resource." />
            {span.scope?.name && (
                <p>
                    Scope {span.scope.name} {span.scope.version}
                </p>
            )}
            {span.trace_state !== "" && (
                <p>
                    tracestate <code>{span.trace_state}</code>
                </p>
            )}
        </aside>
    );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
    return (
        <div>
            <dt>{name}</dt>
            <dd>{children}</dd>
        </div>
    );
}

function Evidence({ span: { span } }: { span: Node }) {
    const evidence = span.attributes[EVIDENCE_KEY];
    if (span.parent_span_id === null) return null;
    return (
        <p class="evidence">
            <strong>Why this parent: </strong>
            {evidence === undefined
                ? "the sender of the span says so (an instrumented program, or another tracer)."
                : `${show(evidence)}. ${meaning(evidence) ?? "This page knows no such evidence; see docs/correlation.md."}`}
        </p>
    );
}

interface TableProps {
    title?: string;
    attributes: Attributes;
    /** Values lead to a search for them. */
    linkTags?: boolean;
    prefix?: string;
}

function Table({ title, attributes, linkTags, prefix = "" }: TableProps) {
    const entries = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
    if (entries.length === 0) return title ? <h3 class="none">{title}: none</h3> : null;
    return (
        <section>
            {title && <h3>{title}</h3>}
            <table class="attributes">
                <tbody>
                    {entries.map(([key, value]) => (
                        <tr key={key}>
                            <th scope="row">{key}</th>
                            <td>
                                <code>{show(value)}</code>
                                {linkTags && isPlain(value) && (
                                    <a
                                        class="more"
                                        href={searchLink({ tags: [`${prefix}${key}=${show(value)}`], lookback: "24h" })}
                                        aria-label={`find traces with this ${key}`}
                                        title="Traces with this value"
                                    >
                                        find
                                    </a>
                                )}
                            </td>
                        </tr>
                    ))}
                </tbody>
            </table>
        </section>
    );
}

function isPlain(value: Json): boolean {
    return typeof value !== "object";
}
