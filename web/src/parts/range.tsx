// How far back a view looks.

import { goWith } from "../router";

export const LOOKBACKS: [string, string][] = [
    ["5m", "5 minutes"],
    ["15m", "15 minutes"],
    ["1h", "1 hour"],
    ["6h", "6 hours"],
    ["24h", "1 day"],
    ["7d", "7 days"],
    ["30d", "30 days"],
];

/** Seconds of each. */
export function lookbackSeconds(text: string): number {
    const unit = { m: 60, h: 3600, d: 86400 }[text.slice(-1)] ?? 0;
    return Number.parseInt(text, 10) * unit;
}

export function LookbackOptions() {
    return (
        <>
            {LOOKBACKS.map(([value, text]) => (
                <option key={value} value={value}>
                    {text}
                </option>
            ))}
        </>
    );
}

/** The choice in the address; an hour if there is none that is known. */
export function lookbackOf(query: URLSearchParams): string {
    const value = query.get("lookback");
    return LOOKBACKS.some(([known]) => known === value) && value !== null ? value : "1h";
}

export function Lookback({ value }: { value: string }) {
    return (
        <label>
            Last{" "}
            <select value={value} onChange={(event) => goWith({ lookback: event.currentTarget.value })}>
                <LookbackOptions />
            </select>
        </label>
    );
}
