//! The figures of `cargo xtask bench overhead` as tables.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::format::{median, table, thousands};
use super::host::Host;
use super::measure::{ProgramCost, Sample, Traced};
use super::overhead::{Page, Report, Round};
use super::wrk;

/// Prints a result: as tables for people, or as a line of JSON.
pub(super) fn show(report: &impl Serialize, text: &str, json: bool) {
    if json {
        // Structs of numbers and texts: there is nothing that could not be written.
        print(&serde_json::to_string(report).unwrap_or_default());
    } else {
        print(text);
    }
}

/// The one thing that goes to standard output.
#[expect(clippy::print_stdout, reason = "a benchmark reports to the terminal")]
pub(super) fn print(text: &str) {
    println!("{}", text.trim_end());
}

/// The tables in Markdown.
pub(super) fn text(report: &Report) -> String {
    let mut text = saturation(&report.host, &report.command, &report.saturated, &report.timed);
    // Writing to memory does not fail.
    let _ = writeln!(
        text,
        "**At {} requests/s, static page** ({})\n",
        thousands(report.rate as f64),
        rounds(report.fixed.len())
    );
    let _ = writeln!(text, "{}", table(&fixed(&report.fixed)));
    let reached = median(report.fixed.iter().map(|round| round.base.load.rate));
    if reached < report.rate as f64 * REACHED {
        let _ = writeln!(
            text,
            "The machine did not reach that rate without the tracer either ({} requests/s), so the latencies say nothing.\n",
            thousands(reached)
        );
    }
    let _ = writeln!(text, "{}", accounts(&report.fixed, 0));
    text
}

/// The tables of a saturated nginx.
pub(super) fn saturation(host: &Host, command: &str, pages: &[Page], timed: &Sample) -> String {
    let mut text = String::new();
    // Writing to memory does not fail.
    let _ = writeln!(text, "{}", host.line());
    let _ = writeln!(text, "`{command}`\n");
    for page in pages {
        let _ = writeln!(text, "**Saturated, {}** ({})\n", page.name, rounds(page.rounds.len()));
        let _ = writeln!(text, "{}", table(&saturated(page)));
        let _ = writeln!(text, "{}", accounts(&page.rounds, wrk::CONNECTIONS));
    }
    let costs = timed.tracer.as_ref().map_or(&[][..], |tracer| &tracer.programs);
    let _ = writeln!(text, "**Kernel programs** (one more round, timed by the kernel, which itself costs)\n");
    let _ = writeln!(text, "{}", table(&programs(costs, timed.load.requests)));
    text
}

/// The part of a rate that counts as reached.
const REACHED: f64 = 0.98;

/// How many rounds figures come from.
pub(super) fn rounds(count: usize) -> String {
    match count {
        1 => "1 round".to_owned(),
        count => format!("medians of {count} rounds; ratios within a round"),
    }
}

pub(super) type Value = fn(&Sample) -> f64;
type DaemonValue = fn(&Traced) -> f64;
pub(super) type Figure<V> = (&'static str, V, fn(f64) -> String);

/// What is compared between variants.
pub(super) const COMPARED: [Figure<Value>; 4] = [
    ("requests/s", |sample| sample.load.rate, thousands),
    ("latency p50, µs", |sample| sample.load.p50_us, thousands),
    ("latency p99, µs", |sample| sample.load.p99_us, thousands),
    ("CPU of nginx, µs/request", |sample| sample.server_cpu_us, hundredths),
];

/// What only a daemon has.
const DAEMON: [Figure<DaemonValue>; 2] = [
    ("CPU of the daemon, µs/request", |tracer| tracer.cpu_us, hundredths),
    ("memory of the daemon (RSS), MiB", |tracer| tracer.rss_mib, thousands),
];

fn hundredths(value: f64) -> String {
    format!("{value:.2}")
}

type Variant = fn(&Round) -> Option<&Sample>;

/// The variants of a saturated load, as tables call them.
const VARIANTS: [(&str, Variant); 3] = [
    ("server's end", |round| round.server.as_ref()),
    ("both ends", |round| Some(&round.traced)),
    ("both, OTLP", |round| round.exported.as_ref()),
];

fn saturated(page: &Page) -> Vec<Vec<String>> {
    let rounds = &page.rounds;
    let mut head = vec![String::new(), "without".to_owned()];
    head.extend(VARIANTS.iter().flat_map(|(name, _)| [(*name).to_owned(), "ratio".to_owned()]));
    let mut rows = vec![head];
    for (name, value, show) in COMPARED {
        let mut cells = vec![name.to_owned(), show(median(rounds.iter().map(|round| value(&round.base))))];
        for (_, variant) in VARIANTS {
            let pairs: Vec<_> = rounds
                .iter()
                .filter_map(|round| Some((value(&round.base), value(variant(round)?))))
                .collect();
            cells.push(show(median(pairs.iter().map(|&(_, traced)| traced))));
            cells.push(ratio(pairs));
        }
        rows.push(cells);
    }
    for (name, value, show) in DAEMON {
        let mut cells = row([name, ""]);
        for (_, variant) in VARIANTS {
            let tracers = rounds.iter().filter_map(|round| variant(round)?.tracer.as_ref());
            cells.extend([show(median(tracers.map(value))), String::new()]);
        }
        rows.push(cells);
    }
    rows
}

fn fixed(rounds: &[Round]) -> Vec<Vec<String>> {
    let mut rows = vec![row(["", "without", "traced", "ratio"])];
    rows.extend(COMPARED.map(|(name, value, show)| compared(rounds, name, value, show)));
    rows.extend(DAEMON.map(|(name, value, show)| row([name, "", &daemon(rounds, value, show)])));
    rows
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

fn compared(rounds: &[Round], name: &str, value: Value, show: fn(f64) -> String) -> Vec<String> {
    let pairs: Vec<(f64, f64)> =
        rounds.iter().map(|round| (value(&round.base), value(&round.traced))).collect();
    let without = show(median(pairs.iter().map(|&(base, _)| base)));
    let traced = show(median(pairs.iter().map(|&(_, traced)| traced)));
    vec![name.to_owned(), without, traced, ratio(pairs)]
}

fn daemon(rounds: &[Round], value: DaemonValue, show: fn(f64) -> String) -> String {
    show(median(rounds.iter().filter_map(|round| round.traced.tracer.as_ref()).map(value)))
}

/// The median of the ratios of pairs.
pub(super) fn ratio(pairs: Vec<(f64, f64)>) -> String {
    hundredths(median(pairs.into_iter().filter(|&(base, _)| base > 0.0).map(|(base, traced)| traced / base)))
}

/// What became of the requests. `in_flight`: requests that a load may leave unanswered, and so uncounted, at its end.
fn accounts(rounds: &[Round], in_flight: u64) -> String {
    let mut text = String::new();
    for (name, variant) in VARIANTS {
        let samples: Vec<&Sample> = rounds.iter().filter_map(variant).collect();
        let tracers: Vec<&Traced> = samples.iter().filter_map(|sample| sample.tracer.as_ref()).collect();
        if tracers.is_empty() {
            continue;
        }
        let sum = |value: fn(&Traced) -> u64| tracers.iter().map(|tracer| value(tracer)).sum::<u64>() as f64;
        let requests: u64 = samples.iter().map(|sample| sample.load.requests).sum();
        let surpluses = tracers.iter().map(|tracer| tracer.surplus);
        let ends = tracers.first().map_or(2, |tracer| tracer.ends);
        let _ = write!(
            text,
            "- {name}: {} requests, {} spans: {}; {}.",
            thousands(requests as f64),
            thousands(sum(|tracer| tracer.spans)),
            verdict(&surpluses.collect::<Vec<_>>(), ends, in_flight),
            losses(&tracers)
        );
        let exported = sum(|tracer| tracer.exported);
        if exported > 0.0 {
            let bytes = median(tracers.iter().map(|tracer| tracer.bytes_per_span));
            let _ = write!(text, " Exported: {} spans of {bytes:.0} bytes.", thousands(exported));
        }
        text.push('\n');
    }
    text
}

/// Whether the number of spans is what it must be in every round: one for each traced end of each request, and of those in flight
/// at its end.
fn verdict(surpluses: &[i64], ends: u64, in_flight: u64) -> String {
    let missing: i64 = surpluses.iter().map(|surplus| surplus.min(&0)).sum();
    let most = surpluses.iter().max().copied().unwrap_or(0);
    let each = if ends == 1 { "one" } else { "two" };
    if missing < 0 {
        format!("{} MISSING", thousands(-missing as f64))
    } else if most == 0 {
        format!("exactly {each} each")
    } else if most <= (ends * in_flight) as i64 {
        format!("{each} each, and at most {most} a round of requests in flight at its end")
    } else {
        format!("{each} each, and at most {most} a round of other HTTP on this host")
    }
}

/// What was lost, and what was left out by design.
pub(super) fn losses(tracers: &[&Traced]) -> String {
    let list = |drops: fn(&Traced) -> &BTreeMap<String, u64>| {
        let mut sums = BTreeMap::<&str, u64>::new();
        for (reason, count) in tracers.iter().flat_map(|tracer| drops(tracer)) {
            *sums.entry(reason).or_default() += count;
        }
        let items = sums.iter().map(|(reason, &count)| format!("{} {reason}", thousands(count as f64)));
        items.collect::<Vec<_>>().join(", ")
    };
    let mut text = match list(|tracer| &tracer.lost) {
        none if none.is_empty() => "none lost".to_owned(),
        lost => format!("LOST: {lost}"),
    };
    let by_design = list(|tracer| &tracer.by_design);
    if !by_design.is_empty() {
        let _ = write!(text, "; left out by design: {by_design}");
    }
    text
}

/// What each kernel program cost for a request.
pub(super) fn programs(programs: &[ProgramCost], requests: u64) -> Vec<Vec<String>> {
    let mut rows = vec![row(["program", "runs/request", "ns/run", "ns/request"])];
    let requests = requests.max(1) as f64;
    for program in programs.iter().filter(|program| program.runs > 0) {
        rows.push(vec![
            program.name.clone(),
            hundredths(program.runs as f64 / requests),
            thousands(program.nanoseconds as f64 / program.runs as f64),
            thousands(program.nanoseconds as f64 / requests),
        ]);
    }
    let sum = |value: fn(&ProgramCost) -> u64| programs.iter().map(value).sum::<u64>() as f64;
    let (runs, nanoseconds) = (sum(|program| program.runs), sum(|program| program.nanoseconds));
    rows.push(vec![
        "all".to_owned(),
        hundredths(runs / requests),
        thousands(nanoseconds / runs.max(1.0)),
        thousands(nanoseconds / requests),
    ]);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_spans_are_not_explained_away() {
        assert_eq!(verdict(&[0, 0], 2, 16), "exactly two each");
        assert_eq!(verdict(&[0], 1, 16), "exactly one each");
        assert_eq!(
            verdict(&[0, 32], 2, 16),
            "two each, and at most 32 a round of requests in flight at its end"
        );
        assert_eq!(verdict(&[17], 1, 16), "one each, and at most 17 a round of other HTTP on this host");
        assert_eq!(verdict(&[500, -1, -3], 2, 16), "4 MISSING");
    }

    #[test]
    fn losses_of_all_rounds_are_added() {
        let traced = |lost: &[(&str, u64)]| Traced {
            cpu_us: 0.0,
            rss_mib: 0.0,
            spans: 0,
            ends: 2,
            surplus: 0,
            exported: 0,
            bytes_per_span: 0.0,
            lost: lost.iter().map(|&(reason, count)| (reason.to_owned(), count)).collect(),
            by_design: BTreeMap::new(),
            written: 0,
            programs: Vec::new(),
        };
        let (a, b) = (traced(&[("kernel/ring_full", 2)]), traced(&[("kernel/ring_full", 3)]));
        assert_eq!(losses(&[&a, &b]), "LOST: 5 kernel/ring_full");
        assert_eq!(losses(&[&traced(&[])]), "none lost");
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        assert_eq!(ratio(vec![(100.0, 90.0), (10.0, 5.0), (1000.0, 800.0)]), "0.80");
        assert_eq!(ratio(vec![(0.0, 1.0)]), "0.00");
    }
}
