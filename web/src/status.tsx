// Do the server and its agents work, and was anything lost?

import { useEffect } from "preact/hooks";
import { AgentsView } from "./agents";
import { useAnswer } from "./api";
import { bytes, count } from "./format";
import { Answered, Figure } from "./parts/notice";
import type { Status } from "./types";

/** Milliseconds between two looks. */
const EVERY = 5000;

/** Why something was lost, and what to do. */
const REASONS: Record<string, string> = {
    malformed: "The body was no OTLP. Look at the sender: is it something else, or was it cut?",
    too_large: "Larger than 16 MiB, as sent or decompressed. Let the sender make smaller batches.",
    unsupported: "In an encoding or of a type that is not read. Let the sender use protobuf or JSON, plain, gzip or zstd.",
    unauthorized: "Without the token of this server. Give it to the sender.",
    invalid_ids: "Without a valid trace or span ID. Look at the sender.",
    overloaded: "Came while too much waited to be written. Senders try again; if it goes on, the disk is too slow for them.",
    not_written: "Could not be written. Is the disk full? The server's log says more.",
    unnotified: "Nobody could be told of these alerts: is the receiver that the rules name there, and does it take them? The server's log says what it answered.",
    metrics: "Values of metrics other than those that tracers have of themselves: this backend keeps none. Let the sender send its metrics elsewhere, or none.",
    unreadable: "Found damaged when the server started; what was in them is lost. The server's log names them.",
};

export function StatusView() {
    const answer = useAnswer<Status>("/api/v1/status");
    useEffect(() => {
        const timer = setInterval(answer.again, EVERY);
        return () => clearInterval(timer);
    });
    return (
        <>
            <Answered answer={answer}>{(status) => <Known status={status} />}</Answered>
            <AgentsView />
        </>
    );
}

function Known({ status }: { status: Status }) {
    const { spans, store } = status;
    const lost = spans.losses.filter((loss) => loss.count > 0);
    return (
        <>
            <section aria-labelledby="server">
                <h2 id="server">This server</h2>
                <dl class="facts">
                    <Figure name="Version" value={status.version} />
                    <Figure name="Spans taken since its start" value={count(spans.accepted)} />
                    <Figure name="Spans in memory" value={count(store.spans_in_memory)} />
                    <Figure name="Spans in blocks" value={count(store.spans_in_blocks)} />
                    <Figure name="Blocks" value={count(store.blocks)} />
                    <Figure name="Size of the blocks" value={bytes(store.bytes_of_blocks)} />
                </dl>
            </section>
            <section aria-labelledby="losses">
                <h2 id="losses">Losses</h2>
                {lost.length === 0 ? (
                    <p>Nothing was lost or refused since the server's start.</p>
                ) : (
                    <table class="figures">
                        <thead>
                            <tr>
                                <th scope="col">Reason</th>
                                <th scope="col">Count</th>
                                <th scope="col">What to do</th>
                            </tr>
                        </thead>
                        <tbody>
                            {lost.map((loss) => (
                                <tr key={loss.reason}>
                                    <td>{loss.reason}</td>
                                    <td class="error">
                                        {count(loss.count)} {loss.unit}
                                    </td>
                                    <td>{REASONS[loss.reason] ?? "The server's log says more."}</td>
                                </tr>
                            ))}
                        </tbody>
                    </table>
                )}
            </section>
        </>
    );
}
