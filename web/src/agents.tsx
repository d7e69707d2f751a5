// What tracers say of themselves: what they are attached to, what they cost, and what they dropped.

import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { useAnswer } from "./api";
import { ago, bytes, count, duration, percent, toMs } from "./format";
import { Answered, Figure } from "./parts/notice";
import type { Agent, Agents, Sample } from "./types";

/** Milliseconds between two looks: they are heard of every ten seconds. */
const EVERY = 10_000;

/** Milliseconds after which something is wrong if nothing was heard. */
const SILENT = 60_000;

export function AgentsView() {
    const answer = useAnswer<Agents>("/api/v1/agents");
    // Once for each answer: what else is shown beside is drawn more often.
    useEffect(() => {
        const timer = setTimeout(answer.again, EVERY);
        return () => clearTimeout(timer);
    }, [answer.data, answer.error]);
    return (
        <section aria-labelledby="agents">
            <h2 id="agents">The agents</h2>
            <Answered answer={answer}>
                {(known) => (
                    <>
                        {known.agents.map((agent) => (
                            <One key={agent.instance} agent={agent} />
                        ))}
                        {known.agents.length === 0 && (
                            <p>
                                No agent has told this server how it is. <code>tracer run</code> does so every ten seconds; <code>tracer agent</code> does with{" "}
                                <code>TRACER_METRICS_PUSH_INTERVAL=10s</code> and this server as its OTLP endpoint.
                            </p>
                        )}
                        <p>
                            On its host, <code>tracer status</code> says more of an agent: why a program is not attached, and the last error of a backend. <code>tracer check</code> says whether a host can
                            be traced.
                        </p>
                    </>
                )}
            </Answered>
        </section>
    );
}

/** The values of a metric. */
const all = (agent: Agent, name: string): Sample[] => agent.metrics.filter((sample) => sample.name === name);

/** The value of a metric with a single one. */
const single = (agent: Agent, name: string): number => all(agent, name)[0]?.value ?? 0;

const label = (sample: Sample, name: string): string => String(sample.labels[name] ?? "");

function One({ agent }: { agent: Agent }) {
    const isSilent = Date.now() - toMs(agent.seen_unix_ns) > SILENT;
    const up = toMs(agent.seen_unix_ns) / 1000 - single(agent, "process_start_time_seconds");
    const cpu = single(agent, "process_cpu_seconds_total");
    const drops = all(agent, "tracer_drops_total").filter((drop) => drop.value > 0);
    const lost = drops.filter((drop) => label(drop, "kind") === "loss");
    return (
        <article class="agent" aria-label={agent.host === "" ? agent.instance : agent.host}>
            <h3>
                {agent.host === "" ? agent.instance : agent.host} <span class={isSilent ? "error" : ""}>{isSilent ? `silent, last heard of ${ago(agent.seen_unix_ns)}` : ""}</span>
            </h3>
            <dl class="facts">
                <Figure name="Version" value={agent.version} />
                <Figure name="Running for" value={duration(Math.max(up, 0) * 1e9)} />
                <Figure name="Memory" value={bytes(single(agent, "process_resident_memory_bytes"))} />
                <Figure name="CPU, of one core since its start" value={percent(up > 0 ? cpu / up : 0)} />
                <Figure name="Records from the kernel" value={count(single(agent, "tracer_records_total"))} />
                <Figure name="Spans made" value={count(single(agent, "tracer_spans_total"))} />
                <Figure name="Processes" value={count(single(agent, "tracer_processes"))} />
                <Figure name="Connections" value={count(single(agent, "tracer_connections"))} />
                <Figure name="Lost, in all" value={count(lost.reduce((sum, drop) => sum + drop.value, 0))} />
            </dl>
            <details>
                <summary>Kernel programs and their maps</summary>
                <Programs agent={agent} />
                <Maps agent={agent} />
            </details>
            <details open={lost.length > 0}>
                <summary>Not turned into spans ({drops.length === 0 ? "nothing" : drops.length})</summary>
                <Table head={["Stage", "Reason", "Count", "Why"]}>
                    {[...lost, ...drops.filter((drop) => !lost.includes(drop))].map((drop) => (
                        <tr key={`${label(drop, "stage")} ${label(drop, "reason")}`}>
                            <td>{label(drop, "stage")}</td>
                            <td>{label(drop, "reason")}</td>
                            <td>{count(drop.value)}</td>
                            <td class={lost.includes(drop) ? "error" : ""}>{lost.includes(drop) ? "lost" : "by design"}</td>
                        </tr>
                    ))}
                </Table>
            </details>
            <details>
                <summary>Backends and sampling</summary>
                <Backends agent={agent} />
            </details>
        </article>
    );
}

function Programs({ agent }: { agent: Agent }) {
    const of = (name: string, program: string) => all(agent, name).find((sample) => label(sample, "program") === program)?.value ?? 0;
    return (
        <Table head={["Program", "Attached", "Runs", "Time of a run"]}>
            {all(agent, "tracer_program_attached").map((sample) => {
                const program = label(sample, "program");
                const runs = of("tracer_program_runs_total", program);
                return (
                    <tr key={program}>
                        <td>{program}</td>
                        <td class={sample.value > 0 ? "" : "error"}>{sample.value > 0 ? "yes" : "no"}</td>
                        <td>{runs > 0 ? count(runs) : "not counted"}</td>
                        <td>{runs > 0 ? duration((of("tracer_program_run_seconds_total", program) / runs) * 1e9) : ""}</td>
                    </tr>
                );
            })}
        </Table>
    );
}

function Maps({ agent }: { agent: Agent }) {
    const maps = all(agent, "tracer_map_max_entries");
    return (
        <Table head={["Map", "Entries", "Most", "Full"]}>
            {maps.map((most) => {
                const map = label(most, "map");
                const entries = all(agent, "tracer_map_entries").find((sample) => label(sample, "map") === map)?.value;
                return (
                    <tr key={map}>
                        <td>{map}</td>
                        <td>{entries === undefined ? "not counted yet" : count(entries)}</td>
                        <td>{count(most.value)}</td>
                        <td class={entries !== undefined && entries > 0.9 * most.value ? "error" : ""}>{entries === undefined ? "" : percent(entries / most.value)}</td>
                    </tr>
                );
            })}
        </Table>
    );
}

function Backends({ agent }: { agent: Agent }) {
    const of = (name: string, exporter: string) => all(agent, name).find((sample) => label(sample, "exporter") === exporter)?.value ?? 0;
    return (
        <>
            <Table head={["Backend", "State", "Spans taken", "Batches that wait", "Repeated attempts"]}>
                {all(agent, "tracer_export_failing").map((sample) => {
                    const exporter = label(sample, "exporter");
                    return (
                        <tr key={exporter}>
                            <td>{exporter}</td>
                            <td class={sample.value > 0 ? "error" : ""}>{sample.value > 0 ? "not available" : "takes what it gets"}</td>
                            <td>{count(of("tracer_export_spans_total", exporter))}</td>
                            <td>
                                {count(of("tracer_export_queued_batches", exporter))} ({bytes(of("tracer_export_queued_bytes", exporter))})
                            </td>
                            <td>{count(of("tracer_export_retries_total", exporter))}</td>
                        </tr>
                    );
                })}
            </Table>
            <Table head={["Traces", "Reason", "Count"]}>
                {all(agent, "tracer_sampling_traces_total").map((sample) => (
                    <tr key={`${label(sample, "decision")} ${label(sample, "kind")} ${label(sample, "reason")}`}>
                        <td>{label(sample, "decision")}</td>
                        <td>{label(sample, "reason")}</td>
                        <td>{count(sample.value)}</td>
                    </tr>
                ))}
            </Table>
        </>
    );
}

function Table({ head, children }: { head: string[]; children: VNode[] }) {
    if (children.length === 0) return null;
    return (
        <div class="scroll">
            <table class="figures">
                <thead>
                    <tr>
                        {head.map((title) => (
                            <th key={title} scope="col">
                                {title}
                            </th>
                        ))}
                    </tr>
                </thead>
                <tbody>{children}</tbody>
            </table>
        </div>
    );
}
