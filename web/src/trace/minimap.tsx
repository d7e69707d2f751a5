// The whole trace in small; dragging chooses the part of the time that the timeline shows.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { duration, hue } from "../format";
import { isDark, onTheme } from "../theme";
import type { Model, Part } from "./model";

/** Pixels. */
const HEIGHT = 56;

interface Props {
    model: Model;
    range: Part;
    onRange: (range: Part) => void;
}

export function Minimap({ model, range, onRange }: Props) {
    const canvas = useRef<HTMLCanvasElement>(null);
    const [drag, setDrag] = useState<Part>();
    const [, redraw] = useState(0);
    useEffect(() => {
        const again = () => redraw((turn) => turn + 1);
        window.addEventListener("resize", again);
        const stop = onTheme(again);
        return () => {
            window.removeEventListener("resize", again);
            stop();
        };
    }, []);
    useLayoutEffect(() => {
        if (canvas.current) draw(canvas.current, model);
    });
    const at = (event: PointerEvent) => {
        const box = canvas.current?.getBoundingClientRect();
        const share = box ? (event.clientX - box.left) / box.width : 0;
        return Math.min(Math.max(share, 0), 1) * model.duration;
    };
    const shown = drag ? { start: Math.min(drag.start, drag.end), end: Math.max(drag.start, drag.end) } : range;
    const share = (ns: number) => `${(ns / model.duration) * 100}%`;
    const zoom = (factor: number) => {
        const middle = (range.start + range.end) / 2;
        const half = Math.max(((range.end - range.start) / 2) * factor, model.duration * 1e-7);
        onRange({ start: Math.max(0, middle - half), end: Math.min(model.duration, middle + half) });
    };
    const move = (direction: number) => {
        const length = range.end - range.start;
        const start = Math.min(Math.max(0, range.start + direction * length * 0.5), model.duration - length);
        onRange({ start, end: start + length });
    };
    const isAll = range.start <= 0 && range.end >= model.duration;
    return (
        <div class="minimap">
            <div
                class="minimap-picture"
                onPointerDown={(event) => {
                    event.currentTarget.setPointerCapture(event.pointerId);
                    setDrag({ start: at(event), end: at(event) });
                }}
                onPointerMove={(event) => drag && setDrag({ ...drag, end: at(event) })}
                onPointerUp={() => {
                    setDrag(undefined);
                    if (drag && shown.end - shown.start > model.duration * 0.002) onRange(shown);
                }}
                onPointerCancel={() => setDrag(undefined)}
            >
                <canvas ref={canvas} role="img" aria-label="All spans of the trace over its time" />
                <div class="minimap-out" style={`left:0;width:${share(shown.start)}`} />
                <div class="minimap-out" style={`left:${share(shown.end)};right:0`} />
            </div>
            <div class="minimap-tools" role="group" aria-label="Part of the time">
                <button type="button" onClick={() => zoom(0.5)} aria-label="Zoom in">
                    +
                </button>
                <button type="button" onClick={() => zoom(2)} disabled={isAll} aria-label="Zoom out">
                    −
                </button>
                <button type="button" onClick={() => move(-1)} disabled={isAll} aria-label="Earlier">
                    ◀
                </button>
                <button type="button" onClick={() => move(1)} disabled={isAll} aria-label="Later">
                    ▶
                </button>
                <button type="button" onClick={() => onRange({ start: 0, end: model.duration })} disabled={isAll}>
                    All
                </button>
                <span>
                    {duration(Math.round(shown.start))} to {duration(Math.round(shown.end))}
                </span>
            </div>
        </div>
    );
}

function draw(canvas: HTMLCanvasElement, model: Model): void {
    const scale = window.devicePixelRatio || 1;
    const width = canvas.clientWidth * scale;
    canvas.width = width;
    canvas.height = HEIGHT * scale;
    const context = canvas.getContext("2d");
    if (!context) return;
    const row = canvas.height / Math.max(model.nodes.length, 1);
    const thick = Math.max(Math.min(row * 0.8, 6 * scale), 1);
    const light = isDark() ? "60%" : "38%";
    const failed = isDark() ? "#ff8a80" : "#b3261e";
    model.nodes.forEach((node, index) => {
        context.fillStyle = node.span.status === "error" ? failed : `hsl(${hue(node.span.service)} 55% ${light})`;
        const left = (node.start / model.duration) * width;
        context.fillRect(left, index * row, Math.max(((node.end - node.start) / model.duration) * width, 1), thick);
    });
}
