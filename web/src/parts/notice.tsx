// What stands in place of an answer: it is on its way, there is none, or it is incomplete.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { type Answer, setToken } from "../api";

export function Empty({ title, children }: { title: string; children: ComponentChildren }) {
    return (
        <div class="empty">
            <h2>{title}</h2>
            {children}
        </div>
    );
}

/** How spans get here, for views that have none. */
export function HowToSend() {
    return (
        <ul>
            <li>
                On this host: start <code>tracer run</code> as root, then make a request to any service.
            </li>
            <li>
                From elsewhere: send OTLP to port 4317 (gRPC) or 4318 (HTTP) of this server, for instance with <code>OTEL_EXPORTER_OTLP_ENDPOINT</code>.
            </li>
        </ul>
    );
}

/** A figure and what it is, within a `dl`. */
export function Figure({ name, value }: { name: string; value: string }) {
    return (
        <div>
            <dt>{name}</dt>
            <dd>{value}</dd>
        </div>
    );
}

export function Partial({ when }: { when: boolean | undefined }) {
    return when ? <p class="warning">This answer is incomplete: time ran out, or something could not be read. Ask for less.</p> : null;
}

/** The answer, or what stands in its place. */
export function Answered<T>({ answer, children }: { answer: Answer<T>; children: (data: T) => ComponentChildren }) {
    if (answer.error?.status === 401) return <AskForToken again={answer.again} />;
    if (answer.error) {
        return (
            <div class="failure" role="alert">
                <p>{answer.error.message}</p>
                <button type="button" onClick={answer.again}>
                    Try again
                </button>
            </div>
        );
    }
    if (answer.data === undefined) return answer.loading ? <p role="status">Loading…</p> : null;
    return <div aria-busy={answer.loading}>{children(answer.data)}</div>;
}

function AskForToken({ again }: { again: () => void }) {
    const [token, set] = useState("");
    return (
        <form
            class="empty"
            onSubmit={(event) => {
                event.preventDefault();
                setToken(token.trim());
                again();
            }}
        >
            <h2>This server asks for a token</h2>
            <p>It is in the file that the server was started with (--token-file). It is kept until this tab is closed.</p>
            <label>
                Token <input type="password" autocomplete="off" value={token} onInput={(event) => set(event.currentTarget.value)} />
            </label>{" "}
            <button type="submit">Continue</button>
        </form>
    );
}
