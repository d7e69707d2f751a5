// What was found.

import { useState } from "preact/hooks";
import { counted, dateTime, duration, hue, toMs } from "../format";
import { go, goWith, link } from "../router";
import type { Summary } from "../types";

const ORDERS: Record<string, [string, (a: Summary, b: Summary) => number]> = {
    newest: ["newest first", (a, b) => toMs(b.start_unix_ns) - toMs(a.start_unix_ns)],
    longest: ["longest first", (a, b) => b.duration_ns - a.duration_ns],
    shortest: ["shortest first", (a, b) => a.duration_ns - b.duration_ns],
    spans: ["most spans first", (a, b) => b.spans - a.spans],
    errors: ["most errors first", (a, b) => b.errors - a.errors],
};

export function Results({ traces, order }: { traces: Summary[]; order: string }) {
    const [chosen, setChosen] = useState<string[]>([]);
    const longest = Math.max(1, ...traces.map((trace) => trace.duration_ns));
    const compare = ORDERS[order]?.[1];
    const sorted = compare ? [...traces].sort(compare) : traces;
    // The last two that were chosen.
    const choose = (id: string) => setChosen(chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id].slice(-2));
    return (
        <>
            <div class="bar">
                <label>
                    Order{" "}
                    <select value={ORDERS[order] ? order : "newest"} onChange={(event) => goWith({ order: event.currentTarget.value })}>
                        {Object.entries(ORDERS).map(([value, [text]]) => (
                            <option key={value} value={value}>
                                {text}
                            </option>
                        ))}
                    </select>
                </label>
                <button type="button" disabled={chosen.length < 2} onClick={() => go(link("/compare", { a: chosen[0], b: chosen[1] }))}>
                    Compare two traces ({chosen.length} of 2 chosen)
                </button>
            </div>
            <ol class="results">
                {sorted.map((trace) => (
                    <li key={trace.trace_id}>
                        <Result trace={trace} share={trace.duration_ns / longest} isChosen={chosen.includes(trace.trace_id)} choose={choose} />
                    </li>
                ))}
            </ol>
        </>
    );
}

interface ResultProps {
    trace: Summary;
    share: number;
    isChosen: boolean;
    choose: (id: string) => void;
}

function Result({ trace, share, isChosen, choose }: ResultProps) {
    const title = rootTitle(trace);
    return (
        <div class="result">
            <div class="result-bar" style={`width:${share * 100}%`} />
            <input type="checkbox" checked={isChosen} aria-label={`Choose ${title} for comparison`} onChange={() => choose(trace.trace_id)} />
            <a class="result-name" href={`/trace/${trace.trace_id}`}>
                {title}
            </a>
            <span class="result-duration">{duration(trace.duration_ns)}</span>
            <span class="result-facts">
                <time>{dateTime(toMs(trace.start_unix_ns))}</time>
                <span>{counted(trace.spans, "span")}</span>
                {trace.errors > 0 && <span class="error">{counted(trace.errors, "error")}</span>}
                {trace.rootless && <span title="No span is without a parent: the root is elsewhere, or not there yet">no root</span>}
                <span class="services">
                    {trace.services.slice(0, 8).map((part) => (
                        <span key={part.service} class="service" style={`--hue:${hue(part.service)}`}>
                            {part.service} ({part.spans})
                        </span>
                    ))}
                    {trace.services.length > 8 && <span>and {trace.services.length - 8} more</span>}
                </span>
            </span>
        </div>
    );
}

export function rootTitle(trace: Summary): string {
    return trace.root_service === "" && trace.root_name === "" ? trace.trace_id : `${trace.root_service}: ${trace.root_name}`;
}
