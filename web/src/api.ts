// Questions to the server that the page came from; to nobody else.

import { useEffect, useState } from "preact/hooks";

const TOKEN = "tracer.token";

/** A question without an answer. */
export class Refusal extends Error {
    constructor(
        message: string,
        /** HTTP status; 0 if nobody answered. */
        readonly status: number,
    ) {
        super(message);
    }
}

/** Kept until the tab is closed. */
export function setToken(token: string): void {
    sessionStorage.setItem(TOKEN, token);
}

/** The open response to a question; throws a {@link Refusal}. */
export function request(path: string, signal: AbortSignal): Promise<Response> {
    return ask(path, { signal });
}

/** Has the server do something; throws a {@link Refusal}. */
export async function send(method: "POST" | "DELETE", path: string, body?: unknown): Promise<void> {
    const json: RequestInit = body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    await ask(path, { method, ...json });
}

async function ask(path: string, init: RequestInit): Promise<Response> {
    const token = sessionStorage.getItem(TOKEN);
    const headers = new Headers(init.headers);
    if (token !== null) headers.set("authorization", `Bearer ${token}`);
    let response: Response;
    try {
        response = await fetch(path, { ...init, headers });
    } catch (error) {
        if (init.signal?.aborted) throw error;
        throw new Refusal("The server does not answer. Is it still running? Start `tracer run` or `tracer server` and try again.", 0);
    }
    if (!response.ok) {
        const body: unknown = await response.json().catch(() => null);
        throw new Refusal(reason(body) ?? `The server answered with status ${response.status}.`, response.status);
    }
    return response;
}

function reason(body: unknown): string | undefined {
    const message = (body as { error?: { message?: unknown } } | null)?.error?.message;
    return typeof message === "string" ? message : undefined;
}

export interface Answer<T> {
    data?: T;
    error?: Refusal;
    loading: boolean;
    /** Asks again. */
    again: () => void;
}

/** Asks whenever the path changes; not at all without one. While a new answer is on its way, the old one stays. */
export function useAnswer<T>(path: string | null): Answer<T> {
    const [state, setState] = useState<Omit<Answer<T>, "again">>({ loading: path !== null });
    const [turn, setTurn] = useState(0);
    useEffect(() => {
        if (path === null) {
            setState({ loading: false });
            return;
        }
        const abort = new AbortController();
        setState((old) => ({ ...old, loading: true }));
        request(path, abort.signal)
            .then((response) => response.json())
            .then((data: T) => setState({ data, loading: false }))
            .catch((error: unknown) => {
                if (abort.signal.aborted) return;
                setState({ error: error instanceof Refusal ? error : new Refusal(String(error), 0), loading: false });
            });
        return () => abort.abort();
    }, [path, turn]);
    return { ...state, again: () => setTurn(turn + 1) };
}
