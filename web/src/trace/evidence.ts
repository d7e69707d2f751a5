// What `tracer.parent.evidence` says: docs/correlation.md has the rules.

export const EVIDENCE_KEY = "tracer.parent.evidence";

const MEANING: Record<string, string> = {
    header: "The request carries the trace context of its parent in a header.",
    "tcp-seq": "Both ends of one TCP connection on one host, matched by the sequence number of the request's first byte.",
    socket: "Both ends of one unix socket, matched by byte count; or of one TLS connection, by plaintext bytes since its start.",
    goroutine: "The goroutine that asked for the call works for the parent's request.",
    task: "The runtime's task that made the call, or one that started it, answered the parent's request and served no other one in between.",
    turn: "An event loop made the call in the parent's turn, and answered the parent's request in the turn of the call's answer.",
    thread: "The thread that made the call was handling exactly one request: the parent's.",
    process: "The program that made the call was started by a thread that was handling exactly one request: the parent's.",
};

export function meaning(evidence: unknown): string | undefined {
    return typeof evidence === "string" ? MEANING[evidence] : undefined;
}
