// What did one trace do that the other did not?

import { useMemo, useRef } from "preact/hooks";
import { useAnswer } from "./api";
import { counted, dateTime, duration, hue, toMs } from "./format";
import { Answered, Empty, Partial } from "./parts/notice";
import { Rows } from "./parts/rows";
import { go, link } from "./router";
import { rootTitle } from "./search/results";
import type { Comparison, Place, Side, Summary } from "./types";

export function Compare({ query }: { query: URLSearchParams }) {
    const [a, b] = [query.get("a") ?? "", query.get("b") ?? ""];
    const answer = useAnswer<Comparison>(a !== "" && b !== "" ? link("/api/v1/compare", { a, b }) : null);
    return (
        <>
            <form
                key={`${a} ${b}`}
                class="filters"
                aria-label="Traces to compare"
                onSubmit={(event) => {
                    event.preventDefault();
                    const fields = new FormData(event.currentTarget);
                    go(link("/compare", { a: String(fields.get("a")).trim(), b: String(fields.get("b")).trim() }));
                }}
            >
                <label>
                    Trace A
                    <input name="a" size={36} value={a} spellcheck={false} autocomplete="off" required />
                </label>
                <label>
                    Trace B
                    <input name="b" size={36} value={b} spellcheck={false} autocomplete="off" required />
                </label>
                <button type="submit" class="main">
                    Compare
                </button>
                <button type="button" disabled={a === "" || b === ""} onClick={() => go(link("/compare", { a: b, b: a }))}>
                    Swap
                </button>
            </form>
            {a === "" || b === "" ? (
                <Empty title="Choose two traces">
                    <p>
                        Tick two results of a <a href="/search">search</a> and choose "Compare two traces", or put two trace IDs above.
                    </p>
                </Empty>
            ) : (
                <Answered answer={answer}>{(comparison) => <Places comparison={comparison} />}</Answered>
            )}
        </>
    );
}

/** The places in the order of a tree, with their depths. */
export function inOrder(places: Place[]): { place: Place; depth: number }[] {
    const below: Place[][] = places.map(() => []);
    const roots: Place[] = [];
    const indexOf = new Map(places.map((place, index) => [place, index]));
    for (const place of places) (place.parent === null ? roots : (below[place.parent] ?? roots)).push(place);
    const ordered: { place: Place; depth: number }[] = [];
    const waiting = roots.reverse().map((place) => ({ place, depth: 0 }));
    for (let next = waiting.pop(); next; next = waiting.pop()) {
        ordered.push(next);
        const children = below[indexOf.get(next.place) ?? -1] ?? [];
        for (const place of children.reverse()) waiting.push({ place, depth: next.depth + 1 });
    }
    return ordered;
}

function Places({ comparison }: { comparison: Comparison }) {
    const rows = useMemo(() => inOrder(comparison.places), [comparison]);
    const scroller = useRef<HTMLDivElement>(null);
    const largest = rows.reduce((most, { place }) => Math.max(most, Math.abs(place.b.total_ns - place.a.total_ns)), 1);
    return (
        <>
            <Partial when={comparison.partial} />
            <div class="sides">
                <SideHead name="A" trace={comparison.a} />
                <SideHead name="B" trace={comparison.b} />
            </div>
            <p>
                Spans of one operation in one place are one row: their number, and their time together. <strong>Only A</strong> and <strong>only B</strong> mark places
                that the other trace lacks.
            </p>
            <div class="compare-row compare-head" aria-hidden="true">
                <span>Service and operation</span>
                <span>A</span>
                <span>B</span>
                <span>B − A</span>
            </div>
            <Rows
                scroller={scroller}
                count={rows.length}
                class="compare-rows"
                role="list"
                aria-label="Places in both traces"
                tabIndex={0}
                row={(index) => {
                    const row = rows[index];
                    return row && <PlaceRow key={index} {...row} largest={largest} />;
                }}
            />
        </>
    );
}

function SideHead({ name, trace }: { name: string; trace: Summary }) {
    return (
        <div>
            <h2>
                {name}: <a href={`/trace/${trace.trace_id}`}>{rootTitle(trace)}</a>
            </h2>
            <p class="result-facts">
                <strong>{duration(trace.duration_ns)}</strong>
                <span>{counted(trace.spans, "span")}</span>
                <span class={trace.errors > 0 ? "error" : ""}>{counted(trace.errors, "error")}</span>
                <time>{dateTime(toMs(trace.start_unix_ns))}</time>
            </p>
        </div>
    );
}

function PlaceRow({ place, depth, largest }: { place: Place; depth: number; largest: number }) {
    const change = place.b.total_ns - place.a.total_ns;
    const only = place.b.spans === 0 ? "only A" : place.a.spans === 0 ? "only B" : "";
    const sign = change > 0 ? "+" : change < 0 ? "−" : "";
    return (
        <div class="compare-row" role="listitem" style={`--hue:${hue(place.service)}`}>
            <span class="row-name" style={`padding-left:${Math.min(depth, 24) * 12}px`}>
                <span class="row-service">{place.service}</span> {place.name} {only !== "" && <strong>{only}</strong>}
            </span>
            <SideCell side={place.a} name="A" />
            <SideCell side={place.b} name="B" />
            <span class="change">
                <span class={`change-bar ${change > 0 ? "slower" : "faster"}`} style={`width:${(Math.abs(change) / largest) * 100}%`} />
                <span class="change-text">
                    {sign}
                    {duration(Math.abs(change))}
                </span>
            </span>
        </div>
    );
}

function SideCell({ side, name }: { side: Side; name: string }) {
    if (side.spans === 0) return <span aria-label={`not in ${name}`}>–</span>;
    return (
        <span>
            {duration(side.total_ns)}
            {side.spans > 1 && ` (${side.spans}×)`}
            {side.errors > 0 && <span class="error"> {counted(side.errors, "error")}</span>}
        </span>
    );
}
