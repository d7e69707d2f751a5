// How often is each operation called, how often does it fail, and how long does it take?

import { useAnswer } from "./api";
import { count, duration, hue, percent, perSecond, toMs } from "./format";
import { Answered, Empty, HowToSend, Partial } from "./parts/notice";
import { Lookback, lookbackOf, lookbackSeconds } from "./parts/range";
import { goWith, link } from "./router";
import { searchLink } from "./search/query";
import type { Operation, Operations } from "./types";

/** Steps of the small charts. */
const STEPS = 60;

/** Rows; more are found by choosing a service. */
const MOST = 500;

type Value = (operation: Operation) => number | string;
const COLUMNS: [string, string, Value][] = [
    ["service", "Service", (row) => row.service],
    ["name", "Operation", (row) => row.name],
    ["kind", "Kind", (row) => row.kind],
    ["rate", "Rate", (row) => row.calls_per_second],
    ["errors", "Errors", (row) => row.calls.error_rate],
    ["p50", "p50", (row) => row.calls.p50_ns],
    ["p95", "p95", (row) => row.calls.p95_ns],
    ["p99", "p99", (row) => row.calls.p99_ns],
    ["max", "Longest", (row) => row.calls.max_ns],
];

export function OperationsView({ query }: { query: URLSearchParams }) {
    const lookback = lookbackOf(query);
    const service = query.get("service") ?? "";
    const step = Math.ceil(lookbackSeconds(lookback) / STEPS);
    const answer = useAnswer<Operations>(link("/api/v1/analytics/operations", { lookback, service, step: `${step}s` }));
    return (
        <>
            <div class="bar">
                <Lookback value={lookback} />
                {service !== "" && (
                    <span>
                        Only <strong>{service}</strong>{" "}
                        <button type="button" onClick={() => goWith({ service: undefined })}>
                            Show all services
                        </button>
                    </span>
                )}
                <button type="button" onClick={answer.again}>
                    Refresh
                </button>
            </div>
            <Answered answer={answer}>
                {(found) =>
                    found.operations.length === 0 ? (
                        <Empty title="No operations in this time">
                            <p>Look further back. If there are none at all:</p>
                            <HowToSend />
                        </Empty>
                    ) : (
                        <>
                            <Partial when={found.partial} />
                            <Table operations={found.operations} query={query} lookback={lookback} />
                        </>
                    )
                }
            </Answered>
        </>
    );
}

function Table({ operations, query, lookback }: { operations: Operation[]; query: URLSearchParams; lookback: string }) {
    const [by, ascending] = [query.get("by") ?? "rate", query.get("up") === "true"];
    const column = COLUMNS.find(([name]) => name === by);
    const value: Value = column ? column[2] : (row) => row.calls_per_second;
    const sorted = [...operations].sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        const order = x < y ? -1 : x > y ? 1 : 0;
        return ascending ? order : -order;
    });
    return (
        <div class="scroll">
            <table class="figures">
                <thead>
                    <tr>
                        {COLUMNS.map(([name, title]) => (
                            <th key={name} scope="col" aria-sort={by === name ? (ascending ? "ascending" : "descending") : undefined}>
                                <button type="button" class="plain" onClick={() => goWith({ by: name, up: by === name && !ascending ? "true" : undefined })}>
                                    {title}
                                    {by === name && (ascending ? " ▴" : " ▾")}
                                </button>
                            </th>
                        ))}
                        <th scope="col">Calls over time</th>
                        <th scope="col">Traces</th>
                    </tr>
                </thead>
                <tbody>
                    {sorted.slice(0, MOST).map((row) => (
                        <Row key={`${row.service}\n${row.name}\n${row.kind}`} row={row} lookback={lookback} />
                    ))}
                </tbody>
            </table>
            {sorted.length > MOST && <p>And {count(sorted.length - MOST)} more; choose a service, or another order.</p>}
        </div>
    );
}

function Row({ row, lookback }: { row: Operation; lookback: string }) {
    return (
        <tr>
            <td>
                <a class="service" style={`--hue:${hue(row.service)}`} href={link("/operations", { service: row.service, lookback })}>
                    {row.service}
                </a>
            </td>
            <td>{row.name}</td>
            <td>{row.kind}</td>
            <td title={`${count(row.calls.calls)} calls`}>{perSecond(row.calls_per_second)}</td>
            <td class={row.calls.errors > 0 ? "error" : ""} title={`${count(row.calls.errors)} failed`}>
                {percent(row.calls.error_rate)}
            </td>
            <td>{duration(row.calls.p50_ns)}</td>
            <td>{duration(row.calls.p95_ns)}</td>
            <td>{duration(row.calls.p99_ns)}</td>
            <td>{duration(row.calls.max_ns)}</td>
            <td>
                <Course row={row} lookback={lookback} />
            </td>
            <td class="links">
                <a href={searchLink({ service: row.service, operation: row.name, kind: row.kind, lookback })} aria-label={`all traces with ${row.name}`}>
                    all
                </a>{" "}
                {row.calls.errors > 0 && (
                    <a
                        href={searchLink({ service: row.service, operation: row.name, kind: row.kind, error: "true", lookback })}
                        aria-label={`failed traces of ${row.name}`}
                    >
                        failed
                    </a>
                )}{" "}
                {row.example_trace_id !== null && (
                    <a href={`/trace/${row.example_trace_id}`} aria-label={`slowest trace of ${row.name}`}>
                        slowest
                    </a>
                )}
            </td>
        </tr>
    );
}

const WIDTH = 120;
const HEIGHT = 22;

/** Calls in each step, failed ones at the bottom. The table has the figures. */
function Course({ row, lookback }: { row: Operation; lookback: string }) {
    const length = lookbackSeconds(lookback) * 1000;
    const from = Date.now() - length;
    const most = row.steps.reduce((most, step) => Math.max(most, step.calls.calls), 1);
    const width = WIDTH / STEPS;
    return (
        <svg class="course" width={WIDTH} height={HEIGHT} role="img" aria-label={`At most ${most} calls in a step`}>
            {row.steps.map((step) => {
                const x = ((toMs(step.start_unix_ns) - from) / length) * WIDTH;
                const [all, failed] = [(step.calls.calls / most) * HEIGHT, (step.calls.errors / most) * HEIGHT];
                return (
                    <g key={step.start_unix_ns}>
                        <rect class="course-calls" x={x} y={HEIGHT - all} width={width} height={all} />
                        <rect class="course-errors" x={x} y={HEIGHT - failed} width={width} height={failed} />
                    </g>
                );
            })}
        </svg>
    );
}
