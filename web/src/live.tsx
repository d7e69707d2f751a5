// What comes in right now?

import { useEffect, useState } from "preact/hooks";
import { Refusal, request } from "./api";
import { clock, count, duration, hue, toMs } from "./format";
import { Answered, Empty, HowToSend } from "./parts/notice";
import { go, link } from "./router";
import { readStream } from "./stream";
import type { LiveSpan } from "./types";

/** Spans that are kept in sight. */
const KEPT = 300;

/** Milliseconds until a stream that ended is opened again. */
const RETRY = 2000;

interface Tail {
    spans: LiveSpan[];
    seen: number;
    leftOut: number;
    state: "connecting" | "open" | "ended";
    error?: Refusal;
}

const NOTHING: Tail = { spans: [], seen: 0, leftOut: 0, state: "connecting" };

function useTail(path: string, isPaused: boolean): [Tail, () => void] {
    const [tail, setTail] = useState(NOTHING);
    const [turn, setTurn] = useState(0);
    useEffect(() => {
        if (isPaused) return;
        const abort = new AbortController();
        let timer: ReturnType<typeof setTimeout> | undefined;
        const open = async () => {
            try {
                const response = await request(path, abort.signal);
                setTail((old) => ({ spans: old.spans, seen: old.seen, leftOut: old.leftOut, state: "open" }));
                await readStream(response, (events) => {
                    const spans = events.filter((event) => event.event === "span").map((event) => JSON.parse(event.data) as LiveSpan);
                    const leftOut = events.filter((event) => event.event === "left_out").map((event) => JSON.parse(event.data) as { spans?: number });
                    setTail((old) => ({
                        ...old,
                        spans: [...spans.reverse(), ...old.spans].slice(0, KEPT),
                        seen: old.seen + spans.length,
                        leftOut: leftOut.reduce((sum, event) => sum + (event.spans ?? 0), old.leftOut),
                    }));
                });
            } catch (error) {
                if (abort.signal.aborted) return;
                const refusal = error instanceof Refusal ? error : new Refusal("The stream broke off.", 0);
                // A token or a parameter does not become right by waiting.
                if (refusal.status >= 400 && refusal.status < 500) {
                    setTail((old) => ({ ...old, state: "ended", error: refusal }));
                    return;
                }
            }
            if (abort.signal.aborted) return;
            setTail((old) => ({ ...old, state: "connecting" }));
            timer = setTimeout(open, RETRY);
        };
        void open();
        return () => {
            abort.abort();
            clearTimeout(timer);
        };
    }, [path, isPaused, turn]);
    return [
        tail,
        () => {
            setTail(NOTHING);
            setTurn((turn) => turn + 1);
        },
    ];
}

export function Live({ query }: { query: URLSearchParams }) {
    const [isPaused, pause] = useState(false);
    const filter = { service: query.get("service") ?? "", min_duration: query.get("min_duration") ?? "", error: query.get("error") ?? "" };
    const [tail, restart] = useTail(link("/api/v1/live", filter), isPaused);
    const state = isPaused ? "Paused" : { connecting: "Connecting…", open: "Live", ended: "Ended" }[tail.state];
    return (
        <>
            <form
                class="filters"
                aria-label="Which spans"
                onSubmit={(event) => {
                    event.preventDefault();
                    const fields = new FormData(event.currentTarget);
                    const text = (name: string) => String(fields.get(name) ?? "").trim();
                    go(link("/live", { service: text("service"), min_duration: text("min_duration"), error: text("error") }), true);
                    restart();
                }}
            >
                <label>
                    Service
                    <input name="service" value={filter.service} placeholder="any service" autocomplete="off" />
                </label>
                <label>
                    At least
                    <input name="min_duration" value={filter.min_duration} placeholder="250ms" size={8} />
                </label>
                <label class="flag">
                    <input type="checkbox" name="error" value="true" checked={filter.error === "true"} /> failed only
                </label>
                <button type="submit" class="main">
                    Filter
                </button>
                <button type="button" onClick={() => pause(!isPaused)}>
                    {isPaused ? "Continue" : "Pause"}
                </button>
                <button type="button" onClick={restart}>
                    Clear
                </button>
            </form>
            {tail.error ? (
                <Answered answer={{ error: tail.error, loading: false, again: restart }}>{() => null}</Answered>
            ) : (
                <p>
                    <span role="status">{state}</span>. {count(tail.seen)} spans
                    {tail.leftOut > 0 && <span>, and {count(tail.leftOut)} more that came too fast to be shown</span>}
                    {tail.seen > KEPT && <span>; the last {KEPT} are below</span>}
                </p>
            )}
            {tail.spans.length === 0 && !tail.error ? (
                <Empty title="Nothing came in yet">
                    <p>Spans appear here at the moment in which they are stored.</p>
                    <HowToSend />
                </Empty>
            ) : (
                <div class="scroll">
                    <table class="figures">
                        <thead>
                            <tr>
                                <th scope="col">Start</th>
                                <th scope="col">Service</th>
                                <th scope="col">Operation</th>
                                <th scope="col">Kind</th>
                                <th scope="col">Duration</th>
                                <th scope="col">Status</th>
                            </tr>
                        </thead>
                        <tbody>
                            {tail.spans.map((span) => (
                                <tr key={`${span.trace_id} ${span.span_id}`}>
                                    <td>{clock(toMs(span.start_unix_ns))}</td>
                                    <td>
                                        <span class="service" style={`--hue:${hue(span.service)}`}>
                                            {span.service}
                                        </span>
                                    </td>
                                    <td>
                                        <a href={`/trace/${span.trace_id}?span=${span.span_id}`}>{span.name}</a>
                                    </td>
                                    <td>{span.kind}</td>
                                    <td>{duration(span.duration_ns)}</td>
                                    <td class={span.status === "error" ? "error" : ""}>{span.status === "error" ? "failed" : span.status}</td>
                                </tr>
                            ))}
                        </tbody>
                    </table>
                </div>
            )}
        </>
    );
}
