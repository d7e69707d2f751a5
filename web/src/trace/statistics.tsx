// Which operations of the trace took the time?

import { count, duration, hue, percent } from "../format";
import type { Statistics } from "../types";

/** Rows; a trace may have a name for each of its spans. */
const MOST = 500;

export function StatisticsTable({ statistics }: { statistics: Statistics[] }) {
    const own = statistics.reduce((sum, row) => sum + row.self_ns, 0);
    return (
        <section class="scroll" aria-label="Statistics">
            <table class="figures">
                <thead>
                    <tr>
                        <th scope="col">Service</th>
                        <th scope="col">Operation</th>
                        <th scope="col">Spans</th>
                        <th scope="col">Errors</th>
                        <th scope="col">Time</th>
                        <th scope="col">Of their own</th>
                        <th scope="col">Share</th>
                    </tr>
                </thead>
                <tbody>
                    {statistics.slice(0, MOST).map((row) => (
                        <tr key={`${row.service} ${row.name}`}>
                            <td>
                                <span class="service" style={`--hue:${hue(row.service)}`}>
                                    {row.service}
                                </span>
                            </td>
                            <td>{row.name}</td>
                            <td>{count(row.spans)}</td>
                            <td class={row.errors > 0 ? "error" : ""}>{count(row.errors)}</td>
                            <td>{duration(row.total_ns)}</td>
                            <td>{duration(row.self_ns)}</td>
                            <td>{percent(own === 0 ? 0 : row.self_ns / own)}</td>
                        </tr>
                    ))}
                </tbody>
            </table>
            {statistics.length > MOST && <p>And {count(statistics.length - MOST)} more, with less time of their own.</p>}
        </section>
    );
}
