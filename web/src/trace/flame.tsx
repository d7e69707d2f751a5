// Where the time went: spans of one operation in one place are one, as wide as the time that they and all below had of their own.

import { useMemo, useState } from "preact/hooks";
import { counted, duration, hue, percent } from "../format";
import type { Model } from "./model";

export interface Frame {
    service: string;
    name: string;
    spans: number;
    errors: number;
    /** Nanoseconds of their own. */
    self: number;
    /** And of all below: the width. Parallel spans count each, so the whole may be longer than the trace. */
    total: number;
    depth: number;
    /** Nanoseconds to the left. */
    left: number;
    parent: Frame | undefined;
    children: Map<string, Frame>;
}

/** All frames, each behind the one above it. */
export function frames(model: Model): Frame[] {
    const top = frame("", "all", undefined);
    const all = [top];
    const frameOf: Frame[] = [];
    model.nodes.forEach((node, index) => {
        const parent = frameOf[node.parent] ?? top;
        const key = `${node.span.service}\u0000${node.span.name}`;
        let own = parent.children.get(key);
        if (!own) {
            own = frame(node.span.service, node.span.name, parent);
            parent.children.set(key, own);
            all.push(own);
        }
        own.spans += 1;
        own.errors += node.span.status === "error" ? 1 : 0;
        own.self += node.self;
        frameOf[index] = own;
    });
    for (let index = all.length - 1; index >= 0; index--) {
        const one = all[index];
        if (!one) continue;
        one.total += one.self;
        if (one.parent) one.parent.total += one.total;
    }
    for (const one of all) {
        let left = one.left;
        for (const child of [...one.children.values()].sort((a, b) => b.total - a.total)) {
            child.left = left;
            left += child.total;
        }
    }
    return all;
}

function frame(service: string, name: string, parent: Frame | undefined): Frame {
    const depth = parent ? parent.depth + 1 : 0;
    return { service, name, spans: 0, errors: 0, self: 0, total: 0, depth, left: 0, parent, children: new Map() };
}

/** Narrower ones are left out: nobody sees them. */
const NARROWEST = 0.001;

/** Pixels. */
const HEIGHT = 24;

export function Flame({ model }: { model: Model }) {
    const all = useMemo(() => frames(model), [model]);
    const [focus, setFocus] = useState<Frame>();
    const top = focus ?? all[0];
    if (!top || top.total === 0) return <p>No span of this trace took any time.</p>;
    const right = top.left + top.total;
    const seen = all.filter((one) => {
        const share = Math.min(one.left + one.total, right) - Math.max(one.left, top.left);
        return share > top.total * NARROWEST && (one.depth >= top.depth || isAbove(one, top));
    });
    const deepest = seen.reduce((depth, one) => Math.max(depth, one.depth), 0);
    return (
        <section class="flame" aria-label="Flame graph">
            <p>
                As wide as the time that spans of one operation in one place, and all below them, had of their own. Parallel work adds up. Choose one to widen it.{" "}
                {focus?.parent && (
                    <button type="button" onClick={() => setFocus(undefined)}>
                        Show all
                    </button>
                )}
            </p>
            <div class="flame-frames" style={`height:${(deepest + 1) * HEIGHT}px`}>
                {seen.map((one, index) => {
                    const above = one.depth < top.depth;
                    const left = above ? 0 : (one.left - top.left) / top.total;
                    const width = above ? 1 : one.total / top.total;
                    const facts = `${duration(one.total)} (${percent(one.total / (all[0]?.total ?? 1))}), own ${duration(one.self)}, ${counted(one.spans, "span")}`;
                    const name = one.parent ? `${one.service}: ${one.name}` : "All";
                    return (
                        <button
                            key={index}
                            type="button"
                            class={`frame ${one.errors > 0 ? "failed" : ""} ${one.parent ? "" : "frame-all"}`}
                            style={`--hue:${hue(one.service)};left:${left * 100}%;width:${width * 100}%;top:${one.depth * HEIGHT}px`}
                            title={`${name}\n${facts}`}
                            aria-label={`${name}, ${facts}`}
                            onClick={() => setFocus(one)}
                        >
                            {name} {duration(one.total)}
                        </button>
                    );
                })}
            </div>
        </section>
    );
}

function isAbove(one: Frame, other: Frame): boolean {
    for (let parent = other.parent; parent; parent = parent.parent) {
        if (parent === one) return true;
    }
    return false;
}
