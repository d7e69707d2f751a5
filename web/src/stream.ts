// Server-sent events (WHATWG HTML, section 9.2) by fetch: an EventSource cannot send a token.

export interface StreamEvent {
    event: string;
    data: string;
}

/** Takes text as it comes and gives the events that are complete. */
export class EventReader {
    #rest = "";

    push(text: string): StreamEvent[] {
        const blocks = (this.#rest + text).split(/\r?\n\r?\n/);
        this.#rest = blocks.pop() ?? "";
        return blocks.map(readBlock).filter((event) => event.data !== "");
    }
}

function readBlock(block: string): StreamEvent {
    let event = "message";
    const data: string[] = [];
    for (const line of block.split(/\r?\n/)) {
        const [, field, value] = /^([^:]+): ?(.*)$/.exec(line) ?? [];
        if (field === "event") event = value ?? "";
        else if (field === "data") data.push(value ?? "");
    }
    return { event, data: data.join("\n") };
}

/** Calls back for each event until the server ends the stream. */
export async function readStream(response: Response, each: (events: StreamEvent[]) => void): Promise<void> {
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    const events = new EventReader();
    for (;;) {
        const read = await reader?.read();
        if (read === undefined || read.done) return;
        each(events.push(read.value));
    }
}
