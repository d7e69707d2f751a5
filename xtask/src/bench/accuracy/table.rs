//! The tables.

use std::fmt::Write as _;

use super::Report;
use super::ids::Kind;
use super::judge::Counts;
use super::run::{Load, Series};
use crate::bench::format::table;

/// All of it, as Markdown.
pub(super) fn text(report: &Report) -> String {
    let mut text = format!("{}\n`{}`\n", report.host.line(), report.command);
    for (plain, title) in [
        (false, "Calls that nothing on the wire tells apart"),
        (true, "Proxies, with plain ids (the path of a call holds that of its request)"),
    ] {
        let series: Vec<_> = report.series.iter().filter(|series| series.plain == plain).collect();
        if !series.is_empty() {
            let _ = write!(text, "\n**{title}**\n\n{}", table(&by_concurrency(&series)));
        }
    }
    let several: Vec<_> = report.series.iter().filter(|series| !series.plain).collect();
    if !several.is_empty() {
        let _ = write!(
            text,
            "\n**By kind of request, at every concurrency together: right / wrong / orphan**\n\n{}",
            table(&by_kind(&several))
        );
    }
    text.push_str("\n**The front services**\n\n");
    for series in &report.series {
        let _ = writeln!(text, "- {}: {} ({})", series.runtime, series.what, series.version);
    }
    for skipped in &report.skipped {
        let _ = writeln!(text, "- {}: did not run, {}", skipped.runtime, skipped.reason);
    }
    text
}

fn by_concurrency(series: &[&Series]) -> Vec<Vec<String>> {
    let head = [
        "front",
        "at a time",
        "calls",
        "right",
        "wrong",
        "orphan",
        "twice",
        "missing",
        "failed",
        "slowed",
        "latency",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for series in series {
        rows.extend(series.loads.iter().map(|load| row(series.runtime, load)));
    }
    rows
}

fn row(runtime: &str, load: &Load) -> Vec<String> {
    let counts = sum(load.by_kind.values());
    let numbers = [counts.calls, counts.right, counts.wrong, counts.orphan, counts.twice, counts.missing];
    let mut row = vec![runtime.to_owned(), load.concurrency.to_string()];
    row.extend(numbers.iter().map(u64::to_string));
    row.push(match load.failed_before {
        0 => load.failed.to_string(),
        before => format!("{} (before: {before})", load.failed),
    });
    row.push(load.slowed.to_string());
    row.push(if load.latency > 0.0 { format!("{:.2}", load.latency) } else { "-".to_owned() });
    row
}

fn by_kind(series: &[&Series]) -> Vec<Vec<String>> {
    let mut rows = vec![
        [
            "front",
            "one call",
            "two, in sequence",
            "two, in parallel",
            "after a pause",
            "after the answer",
            "long after the answer",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for series in series {
        let mut row = vec![series.runtime.to_owned()];
        row.extend(Kind::ALL.map(|kind| {
            let counts = sum(series.loads.iter().filter_map(|load| load.by_kind.get(&kind)));
            format!("{} / {} / {}", counts.right, counts.wrong, counts.orphan)
        }));
        rows.push(row);
    }
    rows
}

fn sum<'a>(counts: impl IntoIterator<Item = &'a Counts>) -> Counts {
    counts.into_iter().fold(Counts::default(), |mut sum, &counts| {
        sum += counts;
        sum
    })
}
