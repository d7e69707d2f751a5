// Who calls whom, how often, how well and how fast?

import { Graph, layout } from "@dagrejs/dagre";
import { useMemo } from "preact/hooks";
import { useAnswer } from "./api";
import { count, duration, hue, percent, perSecond } from "./format";
import { Answered, Empty, HowToSend, Partial } from "./parts/notice";
import { Lookback, lookbackOf, lookbackSeconds } from "./parts/range";
import { link } from "./router";
import { searchLink } from "./search/query";
import type { Dependencies, Edge } from "./types";

/** Services that are drawn; beyond these a picture says nothing, and the table still has them all. */
const MOST = 150;

const NODE = { width: 170, height: 46 };

export function ServiceMap({ query }: { query: URLSearchParams }) {
    const lookback = lookbackOf(query);
    const answer = useAnswer<Dependencies>(link("/api/v1/analytics/service-dependencies", { lookback }));
    return (
        <>
            <div class="bar">
                <Lookback value={lookback} />
                <button type="button" onClick={answer.again}>
                    Refresh
                </button>
            </div>
            <Answered answer={answer}>
                {(found) =>
                    found.dependencies.length === 0 ? (
                        <Empty title="No service called another in this time">
                            <p>A call is drawn when both of its sides are traced. Look further back. If there are no traces at all:</p>
                            <HowToSend />
                        </Empty>
                    ) : (
                        <Found found={found} query={query} lookback={lookback} />
                    )
                }
            </Answered>
        </>
    );
}

function Found({ found, query, lookback }: { found: Dependencies; query: URLSearchParams; lookback: string }) {
    const edges = [...found.dependencies].sort((a, b) => b.calls.calls - a.calls.calls);
    const service = query.get("service") ?? "";
    const chosen = service === "" ? edges : edges.filter((edge) => edge.parent === service || edge.child === service);
    return (
        <>
            <Partial when={found.partial} />
            <Picture edges={edges} service={service} lookback={lookback} />
            {service !== "" && (
                <p>
                    Calls of <strong>{service}</strong>: <a href={link("/map", { lookback })}>show all</a>,{" "}
                    <a href={link("/operations", { service, lookback })}>its operations</a>, <a href={searchLink({ service, lookback })}>its traces</a>
                </p>
            )}
            <Table edges={chosen} lookback={lookback} />
            {found.unplaced_calls > 0 && <p>{count(found.unplaced_calls)} more calls came from callers that are not stored here.</p>}
        </>
    );
}

interface Placed {
    width: number;
    height: number;
    nodes: { service: string; x: number; y: number }[];
    edges: { edge: Edge; points: { x: number; y: number }[] }[];
}

function place(edges: Edge[]): Placed {
    const graph = new Graph({ directed: true });
    graph.setGraph({ rankdir: "LR", nodesep: 24, ranksep: 110, marginx: 12, marginy: 12 });
    graph.setDefaultEdgeLabel(() => ({}));
    const services = new Set<string>();
    for (const edge of edges) {
        for (const service of [edge.parent, edge.child]) {
            if (services.size < MOST || services.has(service)) services.add(service);
        }
    }
    for (const service of services) graph.setNode(service, { ...NODE });
    const drawn = edges.filter((edge) => services.has(edge.parent) && services.has(edge.child));
    for (const edge of drawn) graph.setEdge(edge.parent, edge.child, { width: 96, height: 30, labelpos: "c" });
    layout(graph);
    const size = graph.graph();
    return {
        width: size.width ?? 0,
        height: size.height ?? 0,
        nodes: [...services].map((service) => {
            const { x, y } = graph.node(service);
            return { service, x: x ?? 0, y: y ?? 0 };
        }),
        edges: drawn.map((edge) => ({ edge, points: graph.edge(edge.parent, edge.child).points ?? [] })),
    };
}

function Picture({ edges, service, lookback }: { edges: Edge[]; service: string; lookback: string }) {
    const placed = useMemo(() => place(edges), [edges.map((edge) => `${edge.parent}\n${edge.child}`).join("\n\n")]);
    const seconds = lookbackSeconds(lookback);
    const now = new Map(edges.map((edge) => [`${edge.parent}\n${edge.child}`, edge]));
    const most = edges.reduce((most, edge) => Math.max(most, edge.calls.calls), 1);
    return (
        <div class="map scroll" tabIndex={0} role="group" aria-label="Graph of services">
            <svg viewBox={`0 0 ${placed.width} ${placed.height}`} width={placed.width} height={placed.height}>
                <defs>
                    <marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto">
                        <path class="map-tip" d="M0 0L10 5L0 10z" />
                    </marker>
                </defs>
                {placed.edges.map(({ edge: old, points }) => {
                    const edge = now.get(`${old.parent}\n${old.child}`) ?? old;
                    const middle = points[Math.floor(points.length / 2)] ?? { x: 0, y: 0 };
                    const rate = perSecond(edge.calls.calls / seconds);
                    const isBeside = service !== "" && edge.parent !== service && edge.child !== service;
                    const often = edge.calls.errors > 0 ? `${rate}, ${percent(edge.calls.error_rate)} failed` : rate;
                    const long = `p99 ${duration(edge.calls.p99_ns)}`;
                    const facts = `${edge.parent} calls ${edge.child}: ${often} ${long}`;
                    return (
                        <a
                            key={`${edge.parent}\n${edge.child}`}
                            class={`map-edge ${edge.calls.errors > 0 ? "failed" : ""} ${isBeside ? "beside" : ""}`}
                            href={`/trace/${edge.example_trace_id}`}
                        >
                            <title>{`${facts}; opens the slowest trace`}</title>
                            <path d={path(points)} marker-end="url(#tip)" stroke-width={1.5 + (edge.calls.calls / most) * 3} />
                            <text x={middle.x} y={middle.y - 6}>
                                {often}
                            </text>
                            <text x={middle.x} y={middle.y + 14}>
                                {long}
                            </text>
                        </a>
                    );
                })}
                {placed.nodes.map((node) => {
                    const incoming = edges.filter((edge) => edge.child === node.service && edge.parent !== node.service);
                    const calls = incoming.reduce((sum, edge) => sum + edge.calls.calls, 0);
                    const errors = incoming.reduce((sum, edge) => sum + edge.calls.errors, 0);
                    const facts = calls === 0 ? "calls others" : `${perSecond(calls / seconds)}, ${percent(errors / calls)} failed`;
                    return (
                        <a
                            key={node.service}
                            class={`map-node ${errors > 0 ? "failed" : ""} ${node.service === service ? "chosen" : ""}`}
                            style={`--hue:${hue(node.service)}`}
                            href={link("/map", { service: node.service, lookback })}
                        >
                            <title>{`${node.service}: ${facts}`}</title>
                            <rect x={node.x - NODE.width / 2} y={node.y - NODE.height / 2} width={NODE.width} height={NODE.height} rx={8} />
                            <text class="map-name" x={node.x} y={node.y - 3}>
                                {shorten(node.service)}
                            </text>
                            <text x={node.x} y={node.y + 14}>
                                {facts}
                            </text>
                        </a>
                    );
                })}
            </svg>
        </div>
    );
}

/** A curve that bends at the points' middles. */
function path(points: { x: number; y: number }[]): string {
    const text = (point: { x: number; y: number }) => `${point.x.toFixed(1)} ${point.y.toFixed(1)}`;
    const [first, ...rest] = points;
    const last = rest.pop();
    if (!first || !last) return "";
    const curves = rest.map((point, index) => {
        const next = rest[index + 1];
        const to = next ? { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 } : last;
        return `Q${text(point)} ${text(to)}`;
    });
    return `M${text(first)}${curves.join("") || `L${text(last)}`}`;
}

function shorten(text: string): string {
    return text.length > 22 ? `${text.slice(0, 21)}…` : text;
}

function Table({ edges, lookback }: { edges: Edge[]; lookback: string }) {
    const seconds = lookbackSeconds(lookback);
    return (
        <div class="scroll">
            <table class="figures">
                <thead>
                    <tr>
                        <th scope="col">Caller</th>
                        <th scope="col">Called</th>
                        <th scope="col">Rate</th>
                        <th scope="col">Calls</th>
                        <th scope="col">Errors</th>
                        <th scope="col">Average</th>
                        <th scope="col">p99</th>
                        <th scope="col">Traces</th>
                    </tr>
                </thead>
                <tbody>
                    {edges.map((edge) => (
                        <tr key={`${edge.parent}\n${edge.child}`}>
                            <td>{edge.parent}</td>
                            <td>{edge.child}</td>
                            <td>{perSecond(edge.calls.calls / seconds)}</td>
                            <td>{count(edge.calls.calls)}</td>
                            <td class={edge.calls.errors > 0 ? "error" : ""}>{percent(edge.calls.error_rate)}</td>
                            <td>{duration(edge.calls.average_ns)}</td>
                            <td>{duration(edge.calls.p99_ns)}</td>
                            <td class="links">
                                <a href={`/trace/${edge.example_trace_id}`} aria-label={`slowest trace from ${edge.parent} to ${edge.child}`}>
                                    slowest
                                </a>{" "}
                                {edge.calls.errors > 0 && (
                                    <a href={searchLink({ service: edge.child, error: "true", lookback })} aria-label={`failed traces of ${edge.child}`}>
                                        failed
                                    </a>
                                )}
                            </td>
                        </tr>
                    ))}
                </tbody>
            </table>
        </div>
    );
}
