// Duration over time, one mark for each trace. Dragging zooms into a part.

import { useRef, useState } from "preact/hooks";
import { clock, duration, hue, ticks, toMs } from "../format";
import type { Summary } from "../types";

/** A part of the plot: milliseconds since 1970, and nanoseconds of duration. */
export interface Zoom {
    from: number;
    to: number;
    shortest: number;
    longest: number;
}

export function isWithin(trace: Summary, zoom: Zoom): boolean {
    const ms = toMs(trace.start_unix_ns);
    return ms >= zoom.from && ms <= zoom.to && trace.duration_ns >= zoom.shortest && trace.duration_ns <= zoom.longest;
}

export function readZoom(text: string | null): Zoom | undefined {
    const [from, to, shortest, longest] = (text ?? "").split("~").map(Number);
    if (from === undefined || to === undefined || shortest === undefined || longest === undefined) return undefined;
    return [from, to, shortest, longest].every(Number.isFinite) && from < to && shortest < longest ? { from, to, shortest, longest } : undefined;
}

export function writeZoom(zoom: Zoom): string {
    return [zoom.from, zoom.to, zoom.shortest, zoom.longest].join("~");
}

const WIDTH = 1000;
const HEIGHT = 220;
const LEFT = 70;
const BOTTOM = 24;
const TOP = 10;
const RIGHT = 14;

/** Of the time, where it is told. */
const SHARES = [0, 0.25, 0.5, 0.75, 1];

/** All traces, with some room around them. */
function extent(traces: Summary[]): Zoom {
    let [from, to, longest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1000];
    for (const trace of traces) {
        const ms = toMs(trace.start_unix_ns);
        from = Math.min(from, ms);
        to = Math.max(to, ms);
        longest = Math.max(longest, trace.duration_ns);
    }
    const room = Math.max((to - from) * 0.02, 1);
    return { from: from - room, to: to + room, shortest: 0, longest: longest * 1.08 };
}

interface Props {
    traces: Summary[];
    zoom: Zoom | undefined;
    onZoom: (zoom: Zoom | undefined) => void;
}

export function Scatter({ traces, zoom, onZoom }: Props) {
    const svg = useRef<SVGSVGElement>(null);
    const [drag, setDrag] = useState<{ x0: number; y0: number; x1: number; y1: number }>();
    const view = zoom ?? extent(traces);
    const x = (ms: number) => LEFT + ((ms - view.from) / (view.to - view.from)) * (WIDTH - LEFT - RIGHT);
    const y = (ns: number) => HEIGHT - BOTTOM - ((ns - view.shortest) / (view.longest - view.shortest)) * (HEIGHT - BOTTOM - TOP);
    const place = (event: PointerEvent) => {
        const box = svg.current?.getBoundingClientRect() ?? { left: 0, top: 0, width: 1, height: 1 };
        const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);
        return {
            x: clamp(((event.clientX - box.left) / box.width) * WIDTH, LEFT, WIDTH - RIGHT),
            y: clamp(((event.clientY - box.top) / box.height) * HEIGHT, TOP, HEIGHT - BOTTOM),
        };
    };
    const end = () => {
        if (!drag) return;
        setDrag(undefined);
        const [left, right] = [Math.min(drag.x0, drag.x1), Math.max(drag.x0, drag.x1)];
        const [top, bottom] = [Math.min(drag.y0, drag.y1), Math.max(drag.y0, drag.y1)];
        if (right - left < 5) return;
        const time = (at: number) => view.from + ((at - LEFT) / (WIDTH - LEFT - RIGHT)) * (view.to - view.from);
        const length = (at: number) => view.shortest + ((HEIGHT - BOTTOM - at) / (HEIGHT - BOTTOM - TOP)) * (view.longest - view.shortest);
        // A drag along the time says nothing of durations.
        const flat = bottom - top < 8;
        onZoom({
            from: time(left),
            to: time(right),
            shortest: flat ? view.shortest : length(bottom),
            longest: flat ? view.longest : length(top),
        });
    };
    const seen = traces.filter((trace) => isWithin(trace, view));
    return (
        <figure class="scatter">
            <svg
                ref={svg}
                viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
                role="group"
                aria-label={`Duration over time of ${seen.length} traces; the list below has the same`}
                onPointerDown={(event) => {
                    if (event.button !== 0 || (event.target as Element).closest("a")) return;
                    const { x, y } = place(event);
                    event.currentTarget.setPointerCapture(event.pointerId);
                    setDrag({ x0: x, y0: y, x1: x, y1: y });
                }}
                onPointerMove={(event) => {
                    if (!drag) return;
                    const { x, y } = place(event);
                    setDrag({ ...drag, x1: x, y1: y });
                }}
                onPointerUp={end}
                onPointerCancel={() => setDrag(undefined)}
            >
                {ticks(view.shortest, view.longest, 4).map((at) => (
                    <g key={`y${at}`}>
                        <line class="grid" x1={LEFT} x2={WIDTH - RIGHT} y1={y(at)} y2={y(at)} />
                        <text x={LEFT - 8} y={y(at) + 4} text-anchor="end">
                            {duration(at)}
                        </text>
                    </g>
                ))}
                {SHARES.map((share) => {
                    const at = view.from + share * (view.to - view.from);
                    return (
                        <text key={`x${share}`} x={x(at)} y={HEIGHT - 6} text-anchor={share === 1 ? "end" : share === 0 ? "start" : "middle"}>
                            {clock(at, view.to - view.from < 60_000)}
                        </text>
                    );
                })}
                {seen.map((trace) => (
                    // Out of the order of tabs: the list below has the same links, in words.
                    <a key={trace.trace_id} href={`/trace/${trace.trace_id}`} tabindex={-1} aria-hidden="true">
                        <title>{`${trace.root_service}: ${trace.root_name}, ${duration(trace.duration_ns)}`}</title>
                        <Mark trace={trace} x={x(toMs(trace.start_unix_ns))} y={y(trace.duration_ns)} />
                    </a>
                ))}
                {drag && (
                    <rect
                        class="selection"
                        x={Math.min(drag.x0, drag.x1)}
                        y={Math.abs(drag.y1 - drag.y0) < 8 ? TOP : Math.min(drag.y0, drag.y1)}
                        width={Math.abs(drag.x1 - drag.x0)}
                        height={Math.abs(drag.y1 - drag.y0) < 8 ? HEIGHT - TOP - BOTTOM : Math.abs(drag.y1 - drag.y0)}
                    />
                )}
            </svg>
            <figcaption>
                {zoom ? (
                    <button type="button" onClick={() => onZoom(undefined)}>
                        Show all
                    </button>
                ) : (
                    "Drag to zoom. Circles are traces, squares are traces with errors; larger ones have more spans."
                )}
            </figcaption>
        </figure>
    );
}

function Mark({ trace, x, y }: { trace: Summary; x: number; y: number }) {
    const size = Math.min(4 + Math.log2(trace.spans + 1) * 0.6, 12);
    const style = `--hue:${hue(trace.root_service)}`;
    return trace.errors > 0 ? (
        <rect class="mark failed" x={x - size} y={y - size} width={size * 2} height={size * 2} />
    ) : (
        <circle class="mark" style={style} cx={x} cy={y} r={size} />
    );
}
