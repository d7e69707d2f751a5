// The spans as a tree over time. The whole of it is one stop of the Tab key; arrows move within.

import { useEffect, useRef } from "preact/hooks";
import { counted, duration, hue } from "../format";
import { ROW, Rows, reveal } from "../parts/rows";
import { EVIDENCE_KEY } from "./evidence";
import { coarsen, type Model, type Node, type Part, show } from "./model";

interface Props {
    model: Model;
    /** Indices of the nodes that are shown. */
    rows: number[];
    matches: Uint8Array | undefined;
    collapsed: ReadonlySet<number>;
    range: Part;
    chosen: number;
    choose: (index: number) => void;
    fold: (index: number, isFolded: boolean) => void;
}

/** Steps of indentation that are told apart; deeper spans are only numbered. */
const DEEPEST = 24;

export function Timeline(props: Props) {
    const { model, rows, chosen, choose, collapsed, fold } = props;
    const scroller = useRef<HTMLDivElement>(null);
    const place = rows.indexOf(chosen);
    useEffect(() => {
        if (place >= 0) reveal(scroller, place);
    }, [place]);
    const move = (to: number) => {
        const index = rows[Math.min(Math.max(to, 0), rows.length - 1)];
        if (index !== undefined) choose(index);
    };
    const page = () => Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / ROW) - 1);
    const keys: Record<string, () => void> = {
        ArrowDown: () => move(place + 1),
        ArrowUp: () => move(place - 1),
        PageDown: () => move(place + page()),
        PageUp: () => move(place - page()),
        Home: () => move(0),
        End: () => move(rows.length - 1),
        ArrowRight: () => {
            if (collapsed.has(chosen)) fold(chosen, false);
            else if (model.nodes[chosen]?.children) move(place + 1);
        },
        ArrowLeft: () => {
            const node = model.nodes[chosen];
            if (node && node.children > 0 && !collapsed.has(chosen)) fold(chosen, true);
            else if (node && node.parent >= 0) choose(node.parent);
        },
    };
    return (
        <div class="timeline">
            <Ruler range={props.range} />
            <Rows
                scroller={scroller}
                count={rows.length}
                class="timeline-rows"
                role="tree"
                aria-label="Spans"
                tabIndex={0}
                aria-activedescendant={place >= 0 ? rowId(chosen) : undefined}
                onKeyDown={(event) => {
                    const action = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
                    if (!action) return;
                    event.preventDefault();
                    action();
                }}
                row={(at) => {
                    const index = rows[at] ?? 0;
                    const node = model.nodes[index];
                    return node && <Row key={index} {...props} index={index} node={node} />;
                }}
            />
        </div>
    );
}

function rowId(index: number): string {
    return `span-${index}`;
}

function Ruler({ range }: { range: Part }) {
    const ticks = [0, 0.25, 0.5, 0.75];
    return (
        <div class="ruler" aria-hidden="true">
            <span class="row-name">Service and operation</span>
            <span class="ruler-times">
                {ticks.map((share) => (
                    <span key={share} style={`left:${share * 100}%`}>
                        {duration(Math.round(range.start + share * (range.end - range.start)))}
                    </span>
                ))}
            </span>
            <span>Duration, evidence</span>
        </div>
    );
}

function Row({ index, node, matches, collapsed, range, chosen, choose, fold }: Props & { index: number; node: Node }) {
    const { span } = node;
    const isFolded = collapsed.has(index);
    const failed = span.status === "error";
    const evidence = span.attributes[EVIDENCE_KEY];
    const length = range.end - range.start;
    const share = (ns: number) => Math.min(Math.max((ns - range.start) / length, -0.01), 1.01) * 100;
    const left = share(node.start);
    const width = share(node.end) - left;
    const isSeen = node.end >= range.start && node.start <= range.end;
    return (
        <div
            id={rowId(index)}
            role="treeitem"
            aria-level={node.depth + 1}
            aria-expanded={node.children > 0 ? !isFolded : undefined}
            aria-selected={index === chosen}
            class={`row ${index === chosen ? "chosen" : ""} ${matches?.[index] === 0 ? "beside" : ""}`}
            style={`--hue:${hue(span.service)}`}
            onClick={() => choose(index)}
        >
            <span class="row-name" style={`padding-left:${Math.min(node.depth, DEEPEST) * 12}px`}>
                {node.children > 0 ? (
                    <span
                        class="fold"
                        aria-hidden="true"
                        onClick={(event) => {
                            event.stopPropagation();
                            fold(index, !isFolded);
                        }}
                    >
                        {isFolded ? "▸" : "▾"}
                    </span>
                ) : (
                    <span class="fold" />
                )}
                {node.depth > DEEPEST && <span class="depth">{node.depth}</span>}
                <span class="row-service">{span.service}</span> <span class="row-operation">{span.name}</span>
                {failed && <Sign text="failed" />}
                {!failed && isFolded && node.errorsBelow > 0 && <Sign text={`${counted(node.errorsBelow, "error")} below`} />}
                {isFolded && <span class="unseen"> {counted(node.below, "span")} below</span>}
                {node.critical.length > 0 && <span class="unseen"> on the critical path</span>}
            </span>
            <span class="row-time">
                {isSeen && <span class={`span-bar ${failed ? "failed" : ""}`} style={`left:${left}%;width:max(${width}%, 2px)`} />}
                {coarsen(node.critical, range.start, range.end, 200).map((part) => (
                    <span key={part.start} class="critical" style={`left:${share(part.start)}%;width:max(${share(part.end) - share(part.start)}%, 1px)`} />
                ))}
            </span>
            <span class="row-figures">
                {duration(span.duration_ns)}
                {evidence !== undefined && (
                    <span class="row-evidence">
                        <span class="unseen"> parent by</span> {show(evidence)}
                    </span>
                )}
            </span>
        </div>
    );
}

/** A warning sign, with what it warns of for those who listen. */
function Sign({ text }: { text: string }) {
    return (
        <span class="error" title={text}>
            <span aria-hidden="true"> ⚠</span>
            <span class="unseen"> {text}</span>
        </span>
    );
}
