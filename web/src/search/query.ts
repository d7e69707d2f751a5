// A search: the address, the form and the question to the server are three forms of it.

import { LOOKBACKS, lookbackOf } from "../parts/range";
import { link } from "../router";

export interface SearchQuery {
    service: string;
    operation: string;
    kind: string;
    tags: string[];
    minDuration: string;
    maxDuration: string;
    /** `true`, `false` or nothing. */
    error: string;
    lookback: string;
    /** Nanoseconds since 1970; they come before `lookback`. */
    start: string;
    end: string;
    limit: string;
}

export const LIMITS = ["20", "100", "500", "1000"];

export function readQuery(query: URLSearchParams): SearchQuery {
    const get = (name: string) => query.get(name) ?? "";
    const limit = get("limit");
    return {
        service: get("service"),
        operation: get("operation"),
        kind: get("kind"),
        tags: query.getAll("tag"),
        minDuration: get("min_duration"),
        maxDuration: get("max_duration"),
        error: get("error"),
        lookback: lookbackOf(query),
        start: get("start"),
        end: get("end"),
        limit: LIMITS.includes(limit) ? limit : "100",
    };
}

function parameters(search: SearchQuery): Record<string, string | string[]> {
    const custom = search.start !== "" || search.end !== "";
    return {
        service: search.service,
        operation: search.operation,
        kind: search.kind,
        tag: search.tags,
        min_duration: search.minDuration,
        max_duration: search.maxDuration,
        error: search.error,
        lookback: custom ? "" : search.lookback,
        start: search.start,
        end: search.end,
        limit: search.limit,
    };
}

/** The address of this search. */
export function searchLink(search: Partial<SearchQuery>): string {
    return link("/search", parameters({ ...readQuery(new URLSearchParams()), ...search }));
}

/** The question to the server. */
export function searchPath(search: SearchQuery): string {
    return link("/api/v1/traces", { ...parameters(search), count: "true" });
}

/** What was chosen, in words. */
export function lookbackName(value: string): string {
    return LOOKBACKS.find(([known]) => known === value)?.[1] ?? value;
}

/** What `datetime-local` fields speak, from nanoseconds since 1970 and back; local time. */
export function toField(ns: string): string {
    if (!/^\d{1,20}$/.test(ns)) return "";
    const ms = Number(BigInt(ns) / 1_000_000n);
    const local = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
    return Number.isNaN(local.getTime()) ? "" : local.toISOString().slice(0, 23);
}

export function fromField(text: string): string {
    const ms = new Date(text).getTime();
    return Number.isNaN(ms) || ms < 0 ? "" : String(BigInt(ms) * 1_000_000n);
}
