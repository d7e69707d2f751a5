// What happened in this trace, and what took the time?

import { useEffect, useMemo, useState } from "preact/hooks";
import { useAnswer } from "../api";
import { count, counted, dateTime, duration, hue, toMs } from "../format";
import { Answered, Empty, Partial } from "../parts/notice";
import { goWith, link } from "../router";
import { rootTitle } from "../search/results";
import type { Trace } from "../types";
import { Details } from "./details";
import { Flame } from "./flame";
import { Minimap } from "./minimap";
import { build, type Filter, matching, type Model, type Part, visible, withAncestors } from "./model";
import { StatisticsTable } from "./statistics";
import { Timeline } from "./timeline";

const SHOWS: [string, string][] = [
    ["timeline", "Timeline"],
    ["flame", "Flame graph"],
    ["statistics", "Statistics"],
];

export function TraceView({ id, query }: { id: string; query: URLSearchParams }) {
    // Whatever the address says becomes one part of the path.
    const answer = useAnswer<Trace>(`/api/v1/traces/${encodeURIComponent(decode(id))}`);
    if (answer.error?.status === 404) {
        return (
            <Empty title="There is no such trace here">
                <p>
                    It may not have come yet, have been deleted with age, or be on another server. <a href="/search">Search for traces</a>.
                </p>
                <button type="button" onClick={answer.again}>
                    Look again
                </button>
            </Empty>
        );
    }
    return <Answered answer={answer}>{(trace) => <Loaded trace={trace} query={query} />}</Answered>;
}

function decode(text: string): string {
    try {
        return decodeURIComponent(text);
    } catch {
        return text;
    }
}

function Loaded({ trace, query }: { trace: Trace; query: URLSearchParams }) {
    const model = useMemo(() => build(trace), [trace]);
    const { summary } = trace;
    const found = SHOWS.find(([name]) => name === query.get("show"));
    const show = found?.[0] ?? "timeline";
    return (
        <>
            <div class="trace-head">
                <h2>{rootTitle(summary)}</h2>
                <p class="result-facts">
                    <time>{dateTime(toMs(summary.start_unix_ns))}</time>
                    <strong>{duration(summary.duration_ns)}</strong>
                    <span>{counted(summary.spans, "span")}</span>
                    <span>{counted(summary.services.length, "service")}</span>
                    {summary.errors > 0 && <span class="error">{counted(summary.errors, "error")}</span>}
                    {summary.rootless && <span>no root here</span>}
                    <code>{summary.trace_id}</code>
                </p>
                <p class="services">
                    {summary.services.slice(0, 20).map((part) => (
                        <span key={part.service} class="service" style={`--hue:${hue(part.service)}`}>
                            {part.service} ({count(part.spans)})
                        </span>
                    ))}
                </p>
                <Partial when={trace.partial} />
            </div>
            <div class="bar">
                <div class="tabs" role="group" aria-label="How the trace is shown">
                    {SHOWS.map(([name, text]) => (
                        <button key={name} type="button" aria-pressed={show === name} onClick={() => goWith({ show: name })}>
                            {text}
                        </button>
                    ))}
                </div>
                <a href={link("/compare", { a: summary.trace_id })}>Compare with another trace</a>
                <a href={`/api/v1/traces/${summary.trace_id}`}>JSON</a>
            </div>
            {show === "timeline" && <TimelinePart model={model} query={query} />}
            {show === "flame" && <Flame model={model} />}
            {show === "statistics" && <StatisticsTable statistics={trace.statistics} />}
        </>
    );
}

function TimelinePart({ model, query }: { model: Model; query: URLSearchParams }) {
    const { nodes } = model;
    const [range, setRange] = useState<Part>({ start: 0, end: model.duration });
    const [collapsed, setCollapsed] = useState<ReadonlySet<number>>(new Set());
    const filter: Filter = { text: query.get("find") ?? "", errors: query.get("errors") === "true", critical: query.get("critical") === "true" };
    const matches = useMemo(() => matching(model, filter), [model, filter.text, filter.errors, filter.critical]);
    const rows = useMemo(() => visible(nodes, collapsed, matches && withAncestors(nodes, matches)), [nodes, collapsed, matches]);
    const chosen = model.indexOf.get(query.get("span") ?? "") ?? -1;
    const node = nodes[chosen];

    const fold = (index: number, isFolded: boolean) => {
        const next = new Set(collapsed);
        if (isFolded) next.add(index);
        else next.delete(index);
        setCollapsed(next);
    };
    const choose = (index: number) => {
        // What is chosen is shown, so nothing above it stays collapsed.
        const next = new Set(collapsed);
        for (let above = nodes[index]?.parent ?? -1; above >= 0; above = nodes[above]?.parent ?? -1) next.delete(above);
        if (next.size !== collapsed.size) setCollapsed(next);
        goWith({ span: nodes[index]?.span.span_id });
    };
    const step = (direction: number) => {
        if (!matches) return;
        const { length } = nodes;
        for (let n = 1; n <= length; n++) {
            const index = (Math.max(chosen, direction > 0 ? -1 : 0) + direction * n + length * 2) % length;
            if (matches[index]) return choose(index);
        }
    };
    const foldAll = () => setCollapsed(new Set(nodes.flatMap((node, index) => (node.children > 0 && node.depth > 0 ? [index] : []))));
    return (
        <>
            <Minimap model={model} range={range} onRange={setRange} />
            <div class="bar">
                <FilterFields filter={filter} />
                {matches && (
                    <>
                        <span role="status">
                            {count(matches.reduce((sum, one) => sum + one, 0))} of {counted(nodes.length, "span")}
                        </span>
                        <button type="button" onClick={() => step(-1)} aria-label="Previous match">
                            ↑
                        </button>
                        <button type="button" onClick={() => step(1)} aria-label="Next match">
                            ↓
                        </button>
                    </>
                )}
                <button type="button" onClick={foldAll}>
                    Collapse all
                </button>
                <button type="button" onClick={() => setCollapsed(new Set())}>
                    Expand all
                </button>
                <span class="legend">
                    <span class="critical-sample" /> critical path
                </span>
            </div>
            <div class={node ? "with-details" : ""}>
                <Timeline
                    model={model}
                    rows={rows}
                    matches={matches}
                    collapsed={collapsed}
                    range={range}
                    chosen={chosen}
                    choose={choose}
                    fold={fold}
                />
                {node && <Details model={model} node={node} choose={choose} close={() => goWith({ span: undefined })} />}
            </div>
        </>
    );
}

/** Milliseconds without a key before the filter is applied: it looks at every attribute of every span. */
const PAUSE = 150;

function FilterFields({ filter }: { filter: Filter }) {
    const [text, setText] = useState(filter.text);
    useEffect(() => {
        if (text === filter.text) return;
        const timer = setTimeout(() => goWith({ find: text }), PAUSE);
        return () => clearTimeout(timer);
    }, [text]);
    const flag = (name: string, isOn: boolean) => goWith({ [name]: isOn ? "true" : undefined });
    return (
        <>
            <input
                type="search"
                aria-label="Find in this trace"
                placeholder="Find: service, name, attribute"
                value={text}
                onInput={(event) => setText(event.currentTarget.value)}
            />
            <label>
                <input type="checkbox" checked={filter.errors} onChange={(event) => flag("errors", event.currentTarget.checked)} /> errors
            </label>
            <label>
                <input type="checkbox" checked={filter.critical} onChange={(event) => flag("critical", event.currentTarget.checked)} /> critical path only
            </label>
        </>
    );
}
