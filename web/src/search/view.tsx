// Which traces are there?

import { useAnswer } from "../api";
import { count } from "../format";
import { Answered, Empty, HowToSend, Partial } from "../parts/notice";
import { go, goWith } from "../router";
import type { Found, Services } from "../types";
import { SearchForm } from "./form";
import { lookbackName, readQuery, searchLink, searchPath } from "./query";
import { Results } from "./results";
import { isWithin, readZoom, Scatter, writeZoom, type Zoom } from "./scatter";

export function Search({ query }: { query: URLSearchParams }) {
    const search = readQuery(query);
    const services = useAnswer<Services>("/api/v1/services");
    const found = useAnswer<Found>(searchPath(search));
    return (
        <>
            <SearchForm query={query} services={services.data?.services ?? {}} again={found.again} />
            <Answered answer={found}>{(found) => <Findings found={found} query={query} />}</Answered>
        </>
    );
}

function Findings({ found, query }: { found: Found; query: URLSearchParams }) {
    const search = readQuery(query);
    if (found.traces.length === 0) {
        const range = search.start === "" && search.end === "" ? `in the last ${lookbackName(search.lookback)}` : "in this range of time";
        return (
            <Empty title={`No such traces ${range}`}>
                <Partial when={found.partial} />
                <p>
                    Look further back or ask for less, or <a href={searchLink({ lookback: "30d" })}>show all traces of the last 30 days</a>. If there are none at all:
                </p>
                <HowToSend />
            </Empty>
        );
    }
    const zoom = readZoom(query.get("zoom"));
    const traces = zoom ? found.traces.filter((trace) => isWithin(trace, zoom)) : found.traces;
    return (
        <section aria-label="Results">
            <p class="found" role="status">
                {total(found, traces.length)}
                {zoom && (
                    <>
                        {" "}
                        <button type="button" onClick={() => go(searchLink({ ...search, ...rangeOf(zoom) }))}>
                            Search for more in this part
                        </button>
                    </>
                )}
            </p>
            <Partial when={found.partial} />
            <Scatter traces={found.traces} zoom={zoom} onZoom={(zoom) => goWith({ zoom: zoom && writeZoom(zoom) })} />
            <Results traces={traces} order={query.get("order") ?? "newest"} />
        </section>
    );
}

function total(found: Found, shown: number): string {
    const all = `${found.total_is_exact ? "" : "at least "}${count(found.total)}`;
    return found.total === shown ? `${count(shown)} ${shown === 1 ? "trace" : "traces"}` : `${count(shown)} of ${all} traces, the newest`;
}

/** The spans of a trace begin within it, so the duration of the plot is no condition here: it is the trace's, not a span's. */
function rangeOf(zoom: Zoom): { start: string; end: string } {
    const ns = (ms: number) => String(BigInt(Math.round(ms)) * 1_000_000n);
    return { start: ns(zoom.from), end: ns(zoom.to) };
}
