//! Policies one by one, together, and the traces that wait for them.

use super::*;
use crate::{
    export::testing::{service, span},
    sampling::{Sampler, Threshold, head_tests::config},
    spans::span::{SpanKind, Status, Value},
    telemetry::status::Sampled,
    traces::ids::Ids,
};

const SECOND: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;

fn sampler(policies: &str) -> Sampler {
    Sampler::new(&config(&format!("[sampling.tail]\ndecision_wait = '0s'\npolicies = [{policies}]")))
}

fn trace(number: u64) -> Vec<Span> {
    let mut span = span(1, &service("shop"), SpanKind::Server, "GET /");
    span.trace_id = (1 << 100 | u128::from(number)).to_be_bytes();
    vec![span]
}

/// Whether a trace is kept.
fn keeps(sampler: &mut Sampler, trace: Vec<Span>) -> bool {
    keeps_at(sampler, trace, SECOND)
}

fn keeps_at(sampler: &mut Sampler, trace: Vec<Span>, now_ns: u64) -> bool {
    let mut kept = false;
    sampler.take(trace, now_ns, &mut |_| kept = true);
    kept
}

/// Which of several traces one policy keeps.
fn kept_by<const N: usize>(policy: &str, change: impl Fn(usize, &mut Vec<Span>)) -> [bool; N] {
    let mut sampler = sampler(policy);
    std::array::from_fn(|at| {
        let mut trace = trace(at as u64);
        change(at, &mut trace);
        keeps(&mut sampler, trace)
    })
}

#[test]
fn by_status() {
    let statuses = |codes| {
        kept_by(
            &format!("{{ name = 'p', type = 'status_code', status_code = {{ status_codes = [{codes}] }} }}"),
            |at, trace| {
                // The error may be anywhere in the trace.
                trace.extend(super::tests::trace(at as u64));
                trace[1].status = [Status::Unset, Status::Error][at];
            },
        )
    };
    assert_eq!(statuses("'ERROR'"), [false, true]);
    assert_eq!(statuses("'UNSET'"), [true, true], "a trace with an error has other spans, too");
    assert_eq!(statuses("'OK'"), [false, false]);
}

#[test]
fn by_latency() {
    let lasting = |settings| {
        kept_by(&format!("{{ name = 'p', type = 'latency', latency = {{ {settings} }} }}"), |at, trace| {
            // The trace takes as long as all of its spans from end to end.
            trace.extend(super::tests::trace(at as u64));
            trace[0].end_ns = trace[0].start_ns + 1;
            trace[1].start_ns += 50 * MS;
            trace[1].end_ns = trace[0].start_ns + [99, 100, 101, 200, 201][at] * MS;
        })
    };
    assert_eq!(lasting("threshold_ms = 100"), [false, true, true, true, true]);
    assert_eq!(lasting("threshold_ms = 100, upper_threshold_ms = 200"), [false, false, true, true, false]);
}

#[test]
fn by_attributes_of_spans_and_resources() {
    let values = || {
        [
            Value::Str("checkout-7".into()),
            Value::Static("cart"),
            Value::Int(7),
            Value::Bool(true),
            Value::Int(12),
        ]
    };
    let on_span = |policy: &str| {
        kept_by(policy, |at, trace| trace[0].attributes.push(("app.key", values()[at].clone())))
    };
    let on_resource = |policy: &str| {
        kept_by(policy, |at, trace| {
            let mut resource = (*trace[0].resource).clone();
            resource.attributes.push(("app.key".into(), values()[at].clone()));
            trace[0].resource = resource.into();
        })
    };
    let cases = [
        (
            "{ name = 'p', type = 'string_attribute', string_attribute = { key = 'app.key', values = ['cart', 'x'] } }",
            [false, true, false, false, false],
        ),
        (
            "{ name = 'p', type = 'string_attribute', string_attribute = { key = 'app.key', values = ['out-[0-9]+$', '^x'], \
             enabled_regex_matching = true, cache_max_size = 10 } }",
            [true, false, false, false, false],
        ),
        (
            "{ name = 'p', type = 'numeric_attribute', numeric_attribute = { key = 'app.key', min_value = 7, max_value = 11 } }",
            [false, false, true, false, false],
        ),
        (
            "{ name = 'p', type = 'numeric_attribute', numeric_attribute = { key = 'app.key', min_value = 8 } }",
            [false, false, false, false, true],
        ),
        (
            "{ name = 'p', type = 'boolean_attribute', boolean_attribute = { key = 'app.key', value = true } }",
            [false, false, false, true, false],
        ),
        (
            "{ name = 'p', type = 'boolean_attribute', boolean_attribute = { key = 'app.key', value = false } }",
            [false; 5],
        ),
        (
            "{ name = 'p', type = 'string_attribute', string_attribute = { key = 'other', values = ['cart'] } }",
            [false; 5],
        ),
    ];
    for (policy, expected) in cases {
        assert_eq!(on_span(policy), expected, "{policy}");
        assert_eq!(on_resource(policy), expected, "{policy}");
    }
}

#[test]
fn by_what_the_caller_sent() {
    let states = [None, Some("vendor=gold,a=b"), Some("vendor=silver"), Some("vendor=iron")];
    let policy =
        "{ name = 'p', type = 'trace_state', trace_state = { key = 'vendor', values = ['gold', 'silver'] } }";
    let kept = kept_by(policy, |at, trace| trace[0].trace_state = states[at].map(Into::into));
    assert_eq!(kept, [false, true, true, false]);
    let kept = kept_by("{ name = 'p', type = 'trace_flags' }", |at, trace| trace[0].flags = at as u8);
    assert_eq!(kept, [false, true, false, true]);
}

#[test]
fn by_number_of_spans() {
    let counted = |settings| {
        kept_by(
            &format!("{{ name = 'p', type = 'span_count', span_count = {{ {settings} }} }}"),
            |at, trace| {
                for _ in 0..at {
                    trace.push(trace[0].clone());
                }
            },
        )
    };
    assert_eq!(counted("min_spans = 2"), [false, true, true, true]);
    assert_eq!(counted("min_spans = 2, max_spans = 3"), [false, true, true, false]);
}

#[test]
fn all_or_none() {
    assert_eq!(kept_by("{ name = 'p', type = 'always_sample' }", |_, _| {}), [true; 2]);
    let share = |percent| {
        let mut sampler = sampler(&format!(
            "{{ name = 'p', type = 'probabilistic', probabilistic = {{ sampling_percentage = {percent} }} }}"
        ));
        [0, (1 << 56) - 1].map(|randomness| keeps(&mut sampler, trace(randomness)))
    };
    assert_eq!([share("0"), share("50"), share("100.0")], [[false, false], [false, true], [true, true]]);
}

#[test]
fn limits_of_spans_and_bytes() {
    let kept = |policy: &str, from_s: u64, count: u64| {
        let mut sampler = sampler(policy);
        let decisions = (0..count).map(|at| {
            let mut trace = trace(at);
            trace.push(trace[0].clone());
            keeps_at(&mut sampler, trace, (from_s + at / 100) * SECOND)
        });
        decisions.filter(|&kept| kept).count()
    };
    let spans = "{ name = 'p', type = 'rate_limiting', rate_limiting = { spans_per_second = 20 } }";
    assert_eq!(kept(spans, 100, 300), 30, "ten traces of two spans in each of three seconds");
    let one = whole::memory_of(&trace(0)[0]) as u64 * 2 + 128;
    let bytes = |rest: &str| {
        format!(
            "{{ name = 'p', type = 'bytes_limiting', bytes_limiting = {{ bytes_per_second = {}{rest} }} }}",
            5 * one
        )
    };
    assert_eq!(kept(&bytes(""), 100, 100), 10, "two seconds' worth at once");
    assert_eq!(kept(&bytes(&format!(", burst_capacity = {one}")), 100, 100), 1);
}

#[test]
fn and_drop_and_the_order_of_weight() {
    let errors = "{ name = 'errors', type = 'status_code', status_code = { status_codes = ['ERROR'] } }";
    let health = "{ name = 'health', type = 'drop', drop = { drop_sub_policy = [\
                  { name = 'route', type = 'string_attribute', string_attribute = { key = 'http.route', values = ['/health'] } }] } }";
    let big = "{ name = 'big errors', type = 'and', and = { and_sub_policy = [\
               { name = 'e', type = 'status_code', status_code = { status_codes = ['ERROR'] } },\
               { name = 'n', type = 'span_count', span_count = { min_spans = 2 } }] } }";
    let of = |policies: &str| {
        kept_by(policies, |at, trace| {
            let (error, route, count) =
                [(true, "/", 1), (true, "/health", 2), (true, "/", 2), (false, "/", 2)][at];
            trace[0].status = if error { Status::Error } else { Status::Unset };
            trace[0].attributes.push(("http.route", Value::Static(route)));
            trace.extend((1..count).map(|_| trace[0].clone()).collect::<Vec<_>>());
        })
    };
    assert_eq!(of(errors), [true, true, true, false]);
    assert_eq!(of(&format!("{errors}, {health}")), [true, false, true, false], "who drops wins");
    assert_eq!(of(big), [false, true, true, false]);
}

/// A limit within `and` gives its room to nothing that the others do not want.
#[test]
fn limits_are_asked_last() {
    let mut sampler = sampler(
        "{ name = 'p', type = 'and', and = { and_sub_policy = [\
         { name = 'l', type = 'rate_limiting', rate_limiting = { spans_per_second = 1 } },\
         { name = 'e', type = 'status_code', status_code = { status_codes = ['ERROR'] } }] } }",
    );
    let failed = |number| {
        let mut trace = trace(number);
        trace[0].status = Status::Error;
        trace
    };
    assert!(!keeps(&mut sampler, trace(1)));
    assert!(keeps(&mut sampler, failed(2)));
    assert!(!keeps(&mut sampler, failed(3)));
}

#[test]
fn composite_shares_out_spans() {
    let mut sampler = sampler(
        "{ name = 'c', type = 'composite', composite = { max_total_spans_per_second = 100,\
         policy_order = ['errors', 'slow', 'rest'], composite_sub_policy = [\
         { name = 'errors', type = 'status_code', status_code = { status_codes = ['ERROR'] } },\
         { name = 'slow', type = 'latency', latency = { threshold_ms = 2000 } },\
         { name = 'rest', type = 'always_sample' }],\
         rate_allocation = [{ policy = 'errors', percent = 50 }, { policy = 'slow', percent = 25 }] } }",
    );
    let mut kept = [0; 3];
    for at in 0..600u64 {
        let mut trace = trace(at);
        let kind = (at % 3) as usize;
        trace[0].status = if kind == 0 { Status::Error } else { Status::Unset };
        trace[0].end_ns += if kind == 1 { 2 * SECOND } else { 0 };
        kept[kind] += u32::from(keeps(&mut sampler, trace));
    }
    assert_eq!(kept, [50, 25, 33], "the rest has no share of its own: an equal one");
}

#[test]
fn policies_that_learn() {
    let mut sampler = sampler(
        "{ name = 'slow', type = 'learned_latency', learned_latency = { quantile = 0.9, min_traces = 20 } },\
         { name = 'rare', type = 'rare', rare = { traces = 2, window = '1m' } },\
         { name = 'some', type = 'adaptive', adaptive = { traces_per_second = 1 } }",
    );
    let named = |number, name: &str, ms: u64| {
        let mut trace = trace(number);
        (trace[0].name, trace[0].end_ns) = (name.into(), trace[0].start_ns + ms * MS);
        trace
    };
    // Randomness that only a certain keep lets through.
    let kept: Vec<_> = (0..30).filter(|&at| keeps(&mut sampler, named(at, "GET /busy", 10))).collect();
    assert_eq!(kept, [0, 1]);
    assert!(keeps(&mut sampler, named(100, "GET /busy", 500)), "slow for what it is");
    assert!(!keeps(&mut sampler, named(101, "GET /busy", 10)));
    assert!(keeps(&mut sampler, named(102, "GET /rare", 1)));
    // The highest randomness there is: adaptive wants a share of the busy ones.
    assert!(keeps(&mut sampler, named((1 << 56) - 1, "GET /busy", 10)));
    let kept = sampler.state().decisions.into_iter().filter(|sampled| sampled.kept);
    let reasons: Vec<_> = kept.map(|sampled| sampled.reason).collect();
    assert_eq!(reasons, ["slow", "rare", "some"]);
}

// === what kept traces stand for ===

/// Errors are all kept and a tenth of the rest: the sums of adjusted counts are those of the traces, of errors, too.
#[test]
fn adjusted_counts_are_right_over_a_million_traces() {
    const TRACES: u32 = 1_000_000;
    let config = config(
        "[sampling]\nsampler = 'traceidratio'\nargument = 0.5\n[sampling.tail]\npolicies = [\
         { name = 'rest', type = 'probabilistic', probabilistic = { sampling_percentage = 10 } },\
         { name = 'errors', type = 'status_code', status_code = { status_codes = ['ERROR'] } }]",
    );
    let half = Threshold::from_probability(0.5);
    let mut tail = Tail::new(&config.tail).expect("policies");
    let mut head = super::super::Head::new(&config);
    let mut ids = Ids::seeded(9);
    let mut spans = trace(0);
    let (mut counts, mut all, mut kept) = ([0.0; 2], [0u32; 2], [0u32; 2]);
    for at in 0..TRACES {
        spans[0].trace_id = ids.trace();
        let failed = usize::from(at % 50 == 0);
        spans[0].status = [Status::Unset, Status::Error][failed];
        all[failed] += 1;
        let first = head.decide(&spans, 0);
        assert_eq!(first.threshold, half);
        if !first.keep {
            continue;
        }
        let decision = tail.decide(&spans, 0, first.threshold, 0);
        if let Some(count) = decision.adjusted_count() {
            counts[failed] += count;
            kept[failed] += 1;
        }
    }
    let share = |failed: usize| f64::from(kept[failed]) / f64::from(all[failed]);
    let sigma = |p: f64, all: u32| (p * (1.0 - p) / f64::from(all)).sqrt();
    assert!((share(0) - 0.1).abs() < 3.0 * sigma(0.1, all[0]), "{}", share(0));
    assert!(
        (share(1) - 0.5).abs() < 3.0 * sigma(0.5, all[1]),
        "every error that the head let through: {}",
        share(1)
    );
    assert!(((counts[0] + counts[1]) / f64::from(TRACES) - 1.0).abs() < 0.01, "{counts:?}");
    assert!((counts[1] / f64::from(all[1]) - 1.0).abs() < 0.02, "{counts:?}");
}

#[test]
fn only_what_can_be_counted_says_what_it_stands_for() {
    let state = |policies: &str, number| {
        let mut kept = None;
        sampler(policies).take(trace(number), SECOND, &mut |trace| kept = trace[0].trace_state.clone());
        kept.map(String::from)
    };
    let tenth = "{ name = 'p', type = 'probabilistic', probabilistic = { sampling_percentage = 10 } }";
    let limit = "{ name = 'l', type = 'rate_limiting', rate_limiting = { spans_per_second = 5 } }";
    let all = "{ name = 'a', type = 'always_sample' }";
    assert_eq!(state(tenth, (1 << 56) - 1).as_deref(), Some("ot=th:e666"));
    assert_eq!(state(&format!("{tenth}, {limit}"), 1), None, "kept by the limit");
    assert_eq!(state(&format!("{tenth}, {all}"), (1 << 56) - 1), None, "it would have been kept in any case");
}

// === waiting ===

fn waiting(settings: &str) -> Sampler {
    Sampler::new(&config(&format!(
        "[sampling.tail]\n{settings}\npolicies = [{{ name = 'errors', type = 'status_code', status_code = {{ status_codes = \
         ['ERROR'] }} }}]"
    )))
}

fn failed(number: u64) -> Vec<Span> {
    let mut trace = trace(number);
    trace[0].status = Status::Error;
    trace
}

#[test]
fn parts_are_gathered_and_late_ones_follow() {
    let mut sampler = waiting("decision_wait = '5s'");
    let mut kept = Vec::new();
    let mut take = |sampler: &mut Sampler, trace, now_s: u64| {
        sampler.take(trace, now_s * SECOND, &mut |trace: Vec<Span>| kept.push(trace.len()));
        sampler.flush(now_s * SECOND, &mut |trace: Vec<Span>| kept.push(trace.len()));
        kept.clone()
    };
    assert_eq!(take(&mut sampler, trace(1), 10), [0; 0]);
    assert_eq!(take(&mut sampler, trace(2), 11), [0; 0]);
    assert_eq!(take(&mut sampler, failed(1), 14), [0; 0], "the error came with the second part");
    assert_eq!(sampler.state().waiting_traces, 2);
    assert_eq!(take(&mut sampler, trace(3), 15), [2], "both parts at once");
    assert_eq!(
        take(&mut sampler, trace(1), 16),
        [2, 1],
        "a late part follows, and the trace without an error is gone"
    );
    assert_eq!(take(&mut sampler, failed(2), 17), [2, 1], "so do late parts of a dropped one");
    let mut rest = 0;
    sampler.finish(17 * SECOND, &mut |_| rest += 1);
    assert_eq!((rest, sampler.state().waiting_traces, sampler.state().waiting_bytes), (0, 0, 0));
    let counted = sampler.state().decisions;
    let line = |reason: &str, policy, kept, traces, spans| Sampled {
        reason: reason.to_owned(),
        policy,
        kept,
        traces,
        spans,
    };
    assert_eq!(counted, [line("errors", true, true, 1, 3), line("no_policy", false, false, 2, 3)]);
}

/// However many traces there are, memory stays within its bound, no error is lost, and what could not wait is counted.
#[test]
fn every_error_is_kept_within_the_memory_bound() {
    const BOUND: u64 = 1 << 20;
    let mut sampler = waiting(&format!("decision_wait = '30s'\nmax_bytes = {BOUND}"));
    let mut errors = 0u64;
    for at in 0..50_000u64 {
        let trace = if at % 100 == 0 { failed(at) } else { trace(at) };
        sampler.take(trace, at * 10_000, &mut |trace: Vec<Span>| {
            assert_eq!(trace[0].status, Status::Error);
            errors += 1;
        });
        assert!(sampler.state().waiting_bytes as u64 <= BOUND);
    }
    let waited = sampler.state().waiting_traces as u64;
    assert_eq!(sampler.state().decided_early, 50_000 - waited);
    sampler.finish(SECOND, &mut |_| errors += 1);
    assert_eq!(errors, 500);
    assert!(waited > 1000 && waited < 50_000, "{waited}");
}

#[test]
fn a_forced_trace_waits_for_nobody() {
    let mut sampler = Sampler::new(&config(
        "[sampling]\nforce_attributes = [{ key = 'debug' }]\n[sampling.tail]\n\
         policies = [{ name = 'none', type = 'latency', latency = { threshold_ms = 1000000 } }]",
    ));
    let mut forced = trace(1);
    forced[0].attributes.push(("debug", Value::Bool(true)));
    assert!(keeps(&mut sampler, forced));
    assert!(!keeps(&mut sampler, trace(2)));
}

// === nothing goes missing ===

/// Configurations in which something is left out, each for another reason.
const CONFIGURATIONS: [&str; 5] = [
    "[sampling]\nsampler = 'traceidratio'\nargument = 0.5",
    "[sampling]\nsampler = 'parentbased_adaptive'\ntraces_per_second = 3",
    "[sampling.tail]\ndecision_wait = '1s'\nmax_bytes = 65536\npolicies = [{ name = 'n', type = 'span_count', span_count = \
     { min_spans = 3 } }]",
    "[sampling]\nforce_attributes = [{ key = 'k' }]\n[sampling.tail]\ndecision_wait = '0s'\npolicies = [{ name = 'r', type = \
     'rate_limiting', rate_limiting = { spans_per_second = 5 } }]",
    "",
];

proptest::proptest! {
    /// However traces come, in parts or not: every span is handed on or counted as dropped, and every trace is decided on
    /// once and kept or dropped whole.
    #[test]
    fn every_span_is_accounted_for(
        parts in proptest::collection::vec((0u64..20, 1usize..5, 0u64..3), 1..80),
        configuration in 0..CONFIGURATIONS.len(),
    ) {
        let mut sampler = Sampler::new(&config(CONFIGURATIONS[configuration]));
        let (mut taken, mut handed_on, mut now_ns) = (std::collections::HashMap::new(), Vec::new(), SECOND);
        for (number, spans, seconds) in parts {
            let part: Vec<Span> = (0..spans).map(|_| trace(number << 51).remove(0)).collect();
            *taken.entry(part[0].trace_id).or_insert(0) += spans;
            now_ns += seconds * SECOND / 2;
            sampler.take(part, now_ns, &mut |trace| handed_on.extend(trace));
            sampler.flush(now_ns, &mut |trace| handed_on.extend(trace));
        }
        sampler.finish(now_ns, &mut |trace| handed_on.extend(trace));
        let state = sampler.state();
        let sum = |kept: bool| -> u64 {
            state.decisions.iter().filter(|sampled| sampled.kept == kept).map(|sampled| sampled.spans).sum()
        };
        proptest::prop_assert_eq!(sum(true), handed_on.len() as u64);
        proptest::prop_assert_eq!(sum(true) + sum(false), taken.values().sum::<usize>() as u64);
        for (id, spans) in taken {
            let kept = handed_on.iter().filter(|span| span.trace_id == id).count();
            proptest::prop_assert!(kept == 0 || kept == spans, "{} of {}", kept, spans);
        }
    }
}
