// Numbers as people read them.

const UNITS: [string, number][] = [
    ["h", 3600e9],
    ["min", 60e9],
    ["s", 1e9],
    ["ms", 1e6],
    ["µs", 1e3],
];

/** Nanoseconds, three digits. */
export function duration(ns: number): string {
    const [unit, size] = UNITS.find(([, size]) => Math.abs(ns) >= size) ?? ["ns", 1];
    return `${digits(ns / size)} ${unit}`;
}

function digits(value: number): string {
    const size = Math.abs(value);
    if (Number.isInteger(value)) return String(value);
    return value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}

const WHOLE = new Intl.NumberFormat("en");

export function count(value: number): string {
    return WHOLE.format(value);
}

/** `1 span`, `2 spans`. */
export function counted(value: number, noun: string): string {
    return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** 0 to 1. */
export function percent(share: number): string {
    const value = share * 100;
    return `${value === 0 || value === 100 ? value : value < 0.1 ? "< 0.1" : value.toFixed(value < 10 ? 1 : 0)} %`;
}

export function bytes(value: number): string {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = 0;
    while (value >= 1024 && unit < units.length - 1) {
        value /= 1024;
        unit += 1;
    }
    return `${digits(value)} ${units[unit]}`;
}

export function perSecond(rate: number): string {
    return rate >= 1 || rate === 0 ? `${digits(rate)}/s` : `${digits(rate * 60)}/min`;
}

/** Nanoseconds since 1970 as milliseconds. */
export function toMs(ns: string): number {
    return Number(BigInt(ns) / 1000n) / 1000;
}

const pad = (value: number, width = 2) => String(value).padStart(width, "0");

/** Local time of day. */
export function clock(ms: number, withMs = true): string {
    const date = new Date(ms);
    const time = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
    return withMs ? `${time}.${pad(date.getMilliseconds(), 3)}` : time;
}

/** Local date and time of day. */
export function dateTime(ms: number): string {
    const date = new Date(ms);
    return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${clock(ms)}`;
}

/** How long ago that was, nanoseconds since 1970. */
export function ago(ns: string): string {
    return `${duration(Math.max(0, Math.round((Date.now() - toMs(ns)) / 1000)) * 1e9)} ago`;
}

/** A colour of its own for each name, as likely as 360 hues allow. */
export function hue(name: string): number {
    let hash = 2166136261;
    for (let i = 0; i < name.length; i++) {
        hash = Math.imul(hash ^ name.charCodeAt(i), 16777619);
    }
    // The last characters, by which names like a-1 and a-2 differ, have to reach every bit.
    hash = Math.imul(hash ^ (hash >>> 16), 2246822507);
    return ((hash ^ (hash >>> 13)) >>> 0) % 360;
}

/** Round numbers within a range, about `wanted` of them. */
export function ticks(from: number, to: number, wanted: number): number[] {
    const raw = (to - from) / wanted;
    if (!(raw > 0) || !Number.isFinite(raw)) return [from];
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = power * ([1, 2, 5].find((factor) => factor * power >= raw) ?? 10);
    const first = Math.ceil(from / step);
    return Array.from({ length: Math.max(0, Math.floor(to / step) - first + 1) }, (_, index) => (first + index) * step);
}
