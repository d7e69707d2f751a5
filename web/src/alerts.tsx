// What is wrong now, for how long, and where to see it?

import { useEffect, useState } from "preact/hooks";
import { Refusal, send, useAnswer } from "./api";
import { ago, counted, dateTime, hue, toMs } from "./format";
import { Answered, Empty } from "./parts/notice";
import { goWith, link } from "./router";
import { searchLink } from "./search/query";
import type { Alert, Alerts, Silence } from "./types";

/** Milliseconds between two looks: rules are judged as often. */
const EVERY = 5000;

const STATES = ["firing", "pending", "resolved"] as const;

/** How long a silence may last. */
const LASTS = ["30m", "2h", "8h", "1d", "7d"];

export function AlertsView({ query }: { query: URLSearchParams }) {
    const chosen = query.get("state") ?? "";
    const answer = useAnswer<Alerts>("/api/v1/alerts");
    useEffect(() => {
        const timer = setInterval(answer.again, EVERY);
        return () => clearInterval(timer);
    });
    return (
        <Answered answer={answer}>
            {(all) =>
                all.rules.length === 0 ? (
                    <Empty title="There are no rules">
                        <p>
                            Start <code>tracer run</code> or <code>tracer server</code> with <code>--rules FILE</code>; a file with a rule of every kind comes along with the tracer
                            (alert-rules.example.yaml).
                        </p>
                    </Empty>
                ) : (
                    <Known all={all} chosen={chosen} again={answer.again} />
                )
            }
        </Answered>
    );
}

function Known({ all, chosen, again }: { all: Alerts; chosen: string; again: () => void }) {
    const [silencing, setSilencing] = useState<string>();
    const shown = STATES.flatMap((state) => all.alerts.filter((alert) => alert.state === state && (chosen === "" || chosen === state)));
    return (
        <>
            <div class="tabs bar" role="group" aria-label="State">
                {["", ...STATES].map((state) => (
                    <button key={state} type="button" aria-pressed={chosen === state} onClick={() => goWith({ state })}>
                        {state === "" ? "all" : state} ({all.alerts.filter((alert) => state === "" || alert.state === state).length})
                    </button>
                ))}
            </div>
            {all.uncounted_calls > 0 && <p class="warning">{counted(all.uncounted_calls, "call")} of services or operations beyond the bound of their rule were not counted.</p>}
            {shown.length === 0 ? (
                <p>
                    {all.alerts.length === 0 ? "All is well" : "No alert is in this state"}: {counted(all.rules.length, "rule")} judged every five seconds ({all.rules.join(", ")}).
                </p>
            ) : (
                <ul class="results">
                    {shown.map((alert) => {
                        const key = `${alert.rule}\n${alert.service}\n${alert.operation ?? ""}`;
                        return (
                            <li key={key} class="agent">
                                <One alert={alert} silences={all.silences} />
                                {alert.state !== "resolved" &&
                                    alert.silenced_by === null &&
                                    (silencing === key ? (
                                        <SilenceForm
                                            alert={alert}
                                            done={() => {
                                                setSilencing(undefined);
                                                again();
                                            }}
                                        />
                                    ) : (
                                        <button type="button" onClick={() => setSilencing(key)} aria-label={`Silence ${alert.rule} of ${alert.service}`}>
                                            Silence
                                        </button>
                                    ))}
                            </li>
                        );
                    })}
                </ul>
            )}
            <Silences silences={all.silences} again={again} />
        </>
    );
}

function One({ alert, silences }: { alert: Alert; silences: Silence[] }) {
    const since = alert.state === "resolved" ? (alert.resolved_unix_ns ?? alert.since_unix_ns) : (alert.fired_unix_ns ?? alert.since_unix_ns);
    const silence = silences.find((silence) => silence.id === alert.silenced_by);
    return (
        <>
            <h2>
                <span class={alert.state === "firing" ? "state error" : "state"}>{alert.state}</span> {alert.rule}
            </h2>
            <p>{alert.summary}</p>
            <p class="result-facts">
                <a class="service" style={`--hue:${hue(alert.service)}`} href={link("/operations", { service: alert.service })}>
                    {alert.service}
                </a>
                {alert.operation !== null && <span>{alert.operation}</span>}
                <span title={dateTime(toMs(since))}>
                    {alert.state === "resolved" ? "resolved" : "since"} {ago(since)}
                </span>
                {Object.entries(alert.labels)
                    .filter(([name]) => !["alertname", "service", "operation"].includes(name))
                    .map(([name, value]) => (
                        <span key={name}>
                            {name}={value}
                        </span>
                    ))}
                {silence && <strong>silenced until {dateTime(toMs(silence.until_unix_ns))}</strong>}
            </p>
            {Object.entries(alert.annotations).map(([name, value]) => (
                <p key={name}>
                    {name}: {value}
                </p>
            ))}
            <p class="examples">
                {alert.example_trace_ids.map((id, index) => (
                    <a key={id} href={`/trace/${id}`}>
                        example {index + 1}
                    </a>
                ))}{" "}
                <a href={searchLink({ service: alert.service, operation: alert.operation ?? "" })}>all traces</a>
            </p>
        </>
    );
}

function SilenceForm({ alert, done }: { alert: Alert; done: () => void }) {
    const [problem, setProblem] = useState<string>();
    const submit = async (form: HTMLFormElement) => {
        const data = new FormData(form);
        const matchers: Record<string, string> = { alertname: alert.rule, service: alert.service };
        if (alert.operation !== null) matchers.operation = alert.operation;
        try {
            await send("POST", "/api/v1/alerts/silences", { matchers, lasts: data.get("lasts"), comment: data.get("comment") });
            done();
        } catch (error) {
            setProblem(error instanceof Refusal ? error.message : String(error));
        }
    };
    return (
        <form
            class="filters"
            aria-label={`Silence ${alert.rule} of ${alert.service}`}
            onSubmit={(event) => {
                event.preventDefault();
                void submit(event.currentTarget);
            }}
        >
            <label>
                For
                <select name="lasts">
                    {LASTS.map((lasts) => (
                        <option key={lasts}>{lasts}</option>
                    ))}
                </select>
            </label>
            <label class="wide">
                Why
                <input name="comment" autocomplete="off" />
            </label>
            <button type="submit" class="main">
                Tell nobody of it
            </button>
            {problem !== undefined && (
                <p class="error" role="alert">
                    {problem}
                </p>
            )}
        </form>
    );
}

function Silences({ silences, again }: { silences: Silence[]; again: () => void }) {
    if (silences.length === 0) return null;
    return (
        <section aria-labelledby="silences">
            <h2 id="silences">Silences</h2>
            <table class="figures">
                <thead>
                    <tr>
                        <th scope="col">Of alerts with</th>
                        <th scope="col">Until</th>
                        <th scope="col">Why</th>
                        <th scope="col">End it</th>
                    </tr>
                </thead>
                <tbody>
                    {silences.map((silence) => (
                        <tr key={silence.id}>
                            <td>
                                {Object.entries(silence.matchers)
                                    .map(([name, value]) => `${name}=${value}`)
                                    .join(", ")}
                            </td>
                            <td>{dateTime(toMs(silence.until_unix_ns))}</td>
                            <td>{silence.comment}</td>
                            <td>
                                <button
                                    type="button"
                                    aria-label={`End silence ${silence.id}`}
                                    onClick={() => {
                                        // If it is gone already, so much the better.
                                        send("DELETE", `/api/v1/alerts/silences/${silence.id}`).then(again, again);
                                    }}
                                >
                                    End
                                </button>
                            </td>
                        </tr>
                    ))}
                </tbody>
            </table>
        </section>
    );
}
