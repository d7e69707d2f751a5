use std::path::Path;

use super::*;
use crate::{
    alerts::{
        rules::Rules,
        series::{Call, Series, Subject},
    },
    spans::TraceId,
};

const S: u64 = 1_000_000_000;
const NOW_S: u64 = 1_000_000;

/// A course with calls that ended so many seconds ago, took so many milliseconds and failed or not; what a condition says of it.
fn judge(condition: &str, since_s: u64, calls: &[(u64, u64, bool)]) -> Option<Breach> {
    let text = format!("rules: [{{name: r, match: {{service: shop}}, if: {condition}}}]");
    let condition = Rules::parse(&text, Path::new("rules.yaml")).unwrap().rules.remove(0).condition;
    let mut series = Series::new(condition.step_ns(), condition.keep_ns());
    let subject = Subject { service: "shop".to_owned(), operation: None };
    series.expect(subject.clone());
    for (ago, ms, is_error) in calls {
        let duration_ns = ms * 1_000_000;
        let call = Call {
            end_ns: (NOW_S - ago) * S,
            duration_ns,
            is_bad: condition.is_bad(duration_ns, *is_error),
            weight: 1.0,
            trace_id: TraceId([1; 16]),
        };
        series.add(&subject, &call);
    }
    let at = Moment { now_ns: NOW_S * S, since_ns: (NOW_S - since_s) * S, step_ns: series.step_ns() };
    condition.judge(series.iter().next().unwrap().1, at)
}

/// So many calls, evenly over the last so many seconds; every n-th fails.
fn calls(count: u64, seconds: u64, failing: u64) -> Vec<(u64, u64, bool)> {
    (0..count).map(|n| (n * seconds / count, 10, failing != 0 && n % failing == 0)).collect()
}

#[test]
fn rates() {
    let is =
        |limit: &str, since| judge(&format!("{{rate: {{{limit}, over: 100s}}}}"), since, &calls(200, 100, 0));
    assert!((is("above: 1.5", 500).unwrap().value - 2.0).abs() < 0.2);
    assert_eq!(is("above: 2.5", 500), None);
    assert!(is("below: 2.5", 500).unwrap().summary.contains("below 2.5"));
    assert_eq!(is("below: 1.5", 500), None);
    // Nobody listened for long enough.
    assert_eq!(is("below: 2.5", 50), None);
}

#[test]
fn error_ratios() {
    let is = |limit: &str, count| {
        judge(&format!("{{error_ratio: {{{limit}, over: 5m}}}}"), 900, &calls(count, 200, 10))
    };
    let breach = is("above: 0.05", 100).unwrap();
    assert_eq!((breach.value, breach.summary.as_str()), (0.1, "10 % of calls failed over 5m, above 5 %"));
    assert_eq!(is("above: 0.1", 100), None);
    // Of few calls nothing is said, unless that is asked for.
    assert_eq!(is("above: 0.05", 9), None);
    assert!(is("above: 0.05, min_calls: 5", 9).is_some());
    assert_eq!(is("above: 0.05, min_calls: 0", 0), None);
}

#[test]
fn quantiles_are_exact() {
    // 2 of 100 take longer than 500 ms: quantile 0.98 does not, 0.99 does.
    let mut taken = calls(98, 200, 0);
    taken.extend([(10, 501, false), (20, 501, false)]);
    let is = |quantile: &str, above: &str| {
        judge(&format!("{{latency: {{quantile: {quantile}, above: {above}, over: 5m}}}}"), 900, &taken)
    };
    assert!(is("0.99", "500ms").unwrap().summary.contains("2 % of calls took longer than 500ms"));
    assert_eq!(is("0.98", "500ms"), None);
    assert_eq!(is("0.99", "501ms"), None);
}

#[test]
fn budgets_burn_in_both_windows_or_not_at_all() {
    let slo = "{slo: {objective: 0.99}}";
    // One in five fails, all the time: 20 times what is allowed.
    assert!(judge(slo, 30_000, &calls(36_000, 21_600, 5)).unwrap().summary.contains("20.0 times"));
    // It has ended: the short window is good.
    let ended: Vec<_> =
        calls(36_000, 21_600, 5).into_iter().map(|(ago, ms, bad)| (ago, ms, bad && ago > 1000)).collect();
    assert_eq!(judge(slo, 30_000, &ended), None);
    // One in ten: too slow for the first pair, fast enough for the second.
    assert!(judge(slo, 30_000, &calls(36_000, 21_600, 10)).unwrap().summary.contains("over 6h"));
    // Less than half of the window is known.
    assert_eq!(judge(slo, 1000, &calls(1000, 1000, 5)), None);
    // Slow calls count, if asked for.
    let slow: Vec<_> = calls(36_000, 21_600, 0).into_iter().map(|(ago, _, bad)| (ago, 900, bad)).collect();
    assert_eq!(judge(slo, 30_000, &slow), None);
    assert!(judge("{slo: {objective: 0.99, latency: 800ms}}", 30_000, &slow).is_some());
}

#[test]
fn silence() {
    let is = |since, calls: &[(u64, u64, bool)]| judge("{absent: {over: 10m}}", since, calls);
    assert!(is(5000, &[(601, 1, false)]).unwrap().summary.contains("no call for 601 s"));
    assert_eq!(is(5000, &[(599, 1, false)]), None);
    // Never seen, but listened to for long enough.
    assert!(is(600, &[]).is_some());
    assert_eq!(is(599, &[]), None);
}
