//! What SDKs are told to keep, in the form of Jaeger's remote sampling.
//!
//! The JSON is that of `jaeger.api_v2.SamplingStrategyResponse` (jaeger-idl, `sampling.proto`) as Jaeger's agent and collector answer it over
//! HTTP. An SDK decides by the name that it gives a span at its start, which need not be ours: then the default of the service applies, which is
//! the share that is kept of all of its requests.

use std::sync::Arc;

use serde::Serialize;

use super::{Entry, head::Head, operations::Operations};
use crate::asked::{Question, Request};

/// At least so many traces a second are kept of an operation that nothing is known of: one a minute, as with Jaeger's adaptive sampling
/// (`--sampling.min-samples-per-second`).
const LOWER_BOUND: f64 = 1.0 / 60.0;
/// An operation that was not seen for that long is not told of, nanoseconds.
const FORGOTTEN_NS: u64 = 600_000_000_000;

/// An SDK asks what to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrategyRequest {
    /// `service.name`
    pub service: String,
}

impl Question for StrategyRequest {
    const ENDPOINT: &'static str = "remote sampling";
    const KEY: &'static str = "remote_sampling.listen";
    // Those of Jaeger's agent and of its collector.
    const PATHS: &'static [&'static str] = &["/sampling", "/api/sampling"];

    fn read(request: &Request<'_>) -> Result<Self, &'static str> {
        let service = request.parameter("service").filter(|service| !service.is_empty());
        service
            .map(|service| Self { service: service.into_owned() })
            .ok_or("Name the service: /sampling?service=NAME.")
    }

    fn content_type(&self) -> &'static str {
        "application/json"
    }
}

/// The operations that there are, which SDKs are told of one by one.
#[derive(Debug, Default)]
pub(super) struct Remote {
    seen: Operations<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    route: Arc<str>,
    last_ns: u64,
}

/// `SamplingStrategyResponse`
#[derive(Debug, Serialize)]
#[serde(tag = "strategyType", rename_all = "SCREAMING_SNAKE_CASE")]
enum Strategy<'a> {
    #[serde(rename_all = "camelCase")]
    Probabilistic {
        probabilistic_sampling: Probability,
        #[serde(skip_serializing_if = "Option::is_none")]
        operation_sampling: Option<ByName<'a>>,
    },
    #[serde(rename_all = "camelCase")]
    RateLimiting { rate_limiting_sampling: Rate },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Probability {
    sampling_rate: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rate {
    max_traces_per_second: u32,
}

/// `PerOperationSamplingStrategies`
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ByName<'a> {
    default_sampling_probability: f64,
    default_lower_bound_traces_per_second: f64,
    per_operation_strategies: Vec<OfOperation<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OfOperation<'a> {
    operation: &'a str,
    probabilistic_sampling: Probability,
}

/// What is done with the requests of an operation at the moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Share {
    /// The share of them that is kept.
    pub(super) probability: f64,
    /// Requests a second, where they are counted.
    pub(super) rate: f64,
}

impl Remote {
    /// Notes the operation of an entry.
    pub(super) fn note(&mut self, entry: &Entry<'_>, now_ns: u64) {
        let oldest = now_ns.saturating_sub(FORGOTTEN_NS);
        let seen = self.seen.of(entry.served, |seen| seen.last_ns < oldest);
        seen.last_ns = now_ns;
        if *seen.route != *entry.route() {
            seen.route = entry.route().into();
        }
    }

    /// The answer for a service, JSON.
    pub(super) fn answer(&self, head: &Head, service: &str, now_ns: u64) -> String {
        let strategy = self.strategy(head, service, now_ns);
        // Numbers are finite and keys are text: nothing can fail.
        serde_json::to_string(&strategy).unwrap_or_default()
    }

    fn strategy<'a>(&'a self, head: &Head, service: &str, now_ns: u64) -> Strategy<'a> {
        let usual = head.usual(service);
        if let Some(limit) = usual.limit {
            // Whole numbers alone can be said; none at all would be what nobody asked for.
            let max_traces_per_second = limit.ceil() as u32;
            return Strategy::RateLimiting { rate_limiting_sampling: Rate { max_traces_per_second } };
        }
        let oldest = now_ns.saturating_sub(FORGOTTEN_NS);
        let mut operations = Vec::new();
        let (mut kept, mut all) = (0.0, 0.0);
        for ((of, name), seen) in self.seen.iter() {
            if **of != *service || seen.last_ns < oldest {
                continue;
            }
            let share = head.share(of, &seen.route, name, now_ns);
            kept += share.rate * share.probability;
            all += share.rate;
            let probabilistic_sampling = Probability { sampling_rate: share.probability };
            operations.push(OfOperation { operation: name, probabilistic_sampling });
        }
        // With a fixed probability it is that, whatever single operations have.
        let default = usual.probability.unwrap_or(if all > 0.0 { kept / all } else { 1.0 });
        operations.retain(|of| (of.probabilistic_sampling.sampling_rate - default).abs() > f64::EPSILON);
        operations.sort_unstable_by_key(|of| of.operation);
        let lower = if usual.probability.is_some() { 0.0 } else { LOWER_BOUND };
        let operation_sampling = (!operations.is_empty() || usual.probability.is_none()).then_some(ByName {
            default_sampling_probability: default,
            default_lower_bound_traces_per_second: lower,
            per_operation_strategies: operations,
        });
        Strategy::Probabilistic {
            probabilistic_sampling: Probability { sampling_rate: default },
            operation_sampling,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        export::testing::{service, span},
        sampling::head_tests::head,
        spans::span::{Span, SpanKind, Value},
    };

    const SECOND: u64 = 1_000_000_000;

    fn request(route: &'static str) -> Span {
        let mut span = span(1, &service("shop"), SpanKind::Server, &format!("GET {route}"));
        span.attributes.push(("http.route", Value::Static(route)));
        span
    }

    /// So many requests a second for a minute, and the answer then.
    fn answer(config: &str, rates: &[(&'static str, u64)]) -> String {
        let (mut head, mut remote) = (head(config), Remote::default());
        for second in 0..60 {
            for (route, rate) in rates {
                for at in 0..*rate {
                    let now_ns = second * SECOND + at * SECOND / rate;
                    let trace = [request(route)];
                    remote.note(&Entry::of(&trace).expect("a span"), now_ns);
                    let _ = head.decide(&trace, now_ns);
                }
            }
        }
        remote.answer(&head, "shop", 60 * SECOND)
    }

    #[test]
    fn samplers_that_do_not_learn_are_one_number() {
        let fixed = |config| answer(config, &[("/", 3)]);
        let probability = |number| {
            format!(
                r#"{{"strategyType":"PROBABILISTIC","probabilisticSampling":{{"samplingRate":{number}}}}}"#
            )
        };
        assert_eq!(fixed(""), probability("1.0"));
        assert_eq!(fixed("sampler = 'parentbased_always_off'"), probability("0.0"));
        assert_eq!(fixed("sampler = 'traceidratio'\nargument = 0.25"), probability("0.25"));
        assert_eq!(
            fixed("traces_per_second = 2.5"),
            r#"{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":3}}"#
        );
    }

    #[test]
    fn rules_hold_for_the_operations_that_they_are_for() {
        let rules = "sampler = 'traceidratio'\nargument = 0.5\nrules = [\
                     { service = 'shop', route = '/health', sampler = 'always_off' }, \
                     { service = 'other', sampler = 'always_off' }]";
        assert_eq!(
            answer(rules, &[("/", 3), ("/health", 1)]),
            r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.5},"operationSampling":{"defaultSamplingProbability":0.5,"defaultLowerBoundTracesPerSecond":0.0,"perOperationStrategies":[{"operation":"GET /health","probabilisticSampling":{"samplingRate":0.0}}]}}"#
        );
    }

    #[test]
    fn what_adaptive_sampling_has_found_out_is_told() {
        let text = answer("sampler = 'adaptive'\nargument = 2", &[("/busy", 40), ("/rare", 1)]);
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let operations = &json["operationSampling"]["perOperationStrategies"];
        let busy = operations[0]["probabilisticSampling"]["samplingRate"].as_f64().expect("a number");
        assert_eq!(operations[0]["operation"], "GET /busy");
        assert!((0.045..0.055).contains(&busy), "{text}");
        assert_eq!(operations[1]["operation"], "GET /rare");
        assert_eq!(operations[1]["probabilisticSampling"]["samplingRate"], 1.0);
        // Three traces a second of forty-one requests.
        let default = json["operationSampling"]["defaultSamplingProbability"].as_f64().expect("a number");
        assert!((0.065..0.08).contains(&default), "{text}");
        assert_eq!(json["probabilisticSampling"]["samplingRate"], default);
        assert_eq!(json["operationSampling"]["defaultLowerBoundTracesPerSecond"], LOWER_BOUND);
    }

    #[test]
    fn of_a_service_that_nobody_has_seen_everything_is_kept() {
        let text = Remote::default().answer(&head("sampler = 'adaptive'"), "new", SECOND);
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(json["probabilisticSampling"]["samplingRate"], 1.0);
        assert_eq!(json["operationSampling"]["perOperationStrategies"], serde_json::json!([]));
    }

    #[test]
    fn operations_that_are_gone_are_not_told_of() {
        let (mut head, mut remote) = (head("sampler = 'adaptive'"), Remote::default());
        let trace = [request("/")];
        remote.note(&Entry::of(&trace).expect("a span"), SECOND);
        let _ = head.decide(&trace, SECOND);
        assert!(
            !remote.answer(&head, "shop", 2 * SECOND).contains("GET"),
            "its share is that of the service"
        );
        for _ in 0..9 {
            let _ = head.decide(&[request("/")], SECOND);
        }
        let later = FORGOTTEN_NS + 2 * SECOND;
        assert!(remote.answer(&head, "shop", later).contains("\"samplingRate\":1.0"));
    }
}
