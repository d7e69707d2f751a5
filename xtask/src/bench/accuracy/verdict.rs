//! What a front service must not show, and what it has to.

use super::judge::Counts;
use super::run::{Load, Series};
use super::store::Store;

/// The share of calls that have to be linked, where they can be. An event loop that is put to sleep by something else than its own
/// waiting (a garbage collector) loses one now and then, and Puma hands connections that are slow to a thread that polls them.
const LINKED: f64 = 0.75;

/// What is wrong with a front service's traces, in sentences.
pub(super) fn faults(series: &Series) -> Vec<String> {
    series.loads.iter().flat_map(|load| of_load(series, load)).collect()
}

/// One line for people.
pub(super) fn summary(series: &Series) -> String {
    let all = series.loads.iter().fold(Counts::default(), |mut all, load| {
        all += load.all();
        all
    });
    let Counts { calls, right, wrong, orphan, .. } = all;
    format!("{}: of {calls} calls {right} are right, {wrong} wrong, {orphan} alone.", series.runtime)
}

fn of_load(series: &Series, load: &Load) -> Vec<String> {
    let (name, at, all) = (series.runtime, load.concurrency, load.all());
    let mut faults = Vec::new();
    let mut none = |count: u64, what: &str| {
        if count > 0 {
            faults.push(format!("{name}: {count} {what} with {at} requests at a time."));
        }
    };
    none(all.wrong, "calls are in the trace of another request");
    none(all.twice, "spans are reported twice");
    if series.store != Some(Store::Redis { pipelined: true }) {
        none(all.missing, "calls have no span");
    }
    none(load.failed.saturating_sub(load.failed_before) as u64, "requests failed under the tracer");
    none(series.dropped, "records or spans were lost");
    for kind in series.linked {
        let counts = load.by_kind.get(kind).copied().unwrap_or_default();
        if (counts.right as f64) < counts.calls as f64 * LINKED {
            let (right, calls, kind) = (counts.right, counts.calls, kind.name());
            faults.push(format!("{name}: only {right} of {calls} calls of kind `{kind}` are linked."));
        }
    }
    faults
}
