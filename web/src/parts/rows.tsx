// Rows of one height, of which only those in sight exist.

import type { ComponentChildren, HTMLAttributes, RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";

/** Pixels. */
export const ROW = 26;

/** Rows beyond each edge, so that scrolling shows no gaps. */
const MARGIN = 8;

interface Props extends Omit<HTMLAttributes<HTMLDivElement>, "ref"> {
    count: number;
    row: (index: number) => ComponentChildren;
    scroller: RefObject<HTMLDivElement | null>;
}

export function Rows({ count, row, scroller, ...rest }: Props) {
    const [sight, setSight] = useState({ top: 0, height: 600 });
    useLayoutEffect(() => {
        const element = scroller.current;
        if (!element) return;
        const look = () => setSight({ top: element.scrollTop, height: element.clientHeight });
        const observer = new ResizeObserver(look);
        observer.observe(element);
        element.addEventListener("scroll", look, { passive: true });
        look();
        return () => {
            observer.disconnect();
            element.removeEventListener("scroll", look);
        };
    }, [scroller]);
    const first = Math.max(0, Math.min(count, Math.floor(sight.top / ROW)) - MARGIN);
    const last = Math.min(count, Math.ceil((sight.top + sight.height) / ROW) + MARGIN);
    const rows: ComponentChildren[] = [];
    for (let index = first; index < last; index++) rows.push(row(index));
    return (
        <div {...rest} ref={scroller} class={`rows ${rest.class ?? ""}`}>
            <div class="rows-all" role="presentation" style={`height:${count * ROW}px`}>
                <div class="rows-seen" role="presentation" style={`transform:translateY(${first * ROW}px)`}>
                    {rows}
                </div>
            </div>
        </div>
    );
}

/** Scrolls as little as shows the row. */
export function reveal(scroller: RefObject<HTMLDivElement | null>, index: number): void {
    const element = scroller.current;
    if (!element) return;
    const top = index * ROW;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + ROW > element.scrollTop + element.clientHeight) element.scrollTop = top + ROW - element.clientHeight;
}
