//! The settings of each type of policy in `[sampling.tail]`: those of the collector's `tail_sampling`, and three of our own.

use std::time::Duration;

use regex::Regex;
use serde::{Deserialize, Deserializer, de};

use super::{sections::duration, tail::Policy};

/// `latency`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Least duration, milliseconds; above it where there is an upper bound.
    pub threshold_ms: u64,
    /// Largest duration, milliseconds; 0 for none.
    #[serde(default)]
    pub upper_threshold_ms: u64,
}

/// `numeric_attribute`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumericAttribute {
    /// Its name.
    pub key: String,
    /// Least value.
    #[serde(default = "least")]
    pub min_value: i64,
    /// Largest value.
    #[serde(default = "largest")]
    pub max_value: i64,
}

/// `probabilistic`
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probabilistic {
    /// Of a hundred traces.
    pub sampling_percentage: f64,
}

/// `status_code`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusCode {
    /// Any of these.
    pub status_codes: Vec<Code>,
}

/// The status of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Code {
    /// Set by instrumentation alone: no span of this tracer has it.
    Ok,
    /// It failed.
    Error,
    /// It did not.
    Unset,
}

/// `string_attribute`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StringAttribute {
    /// Its name.
    pub key: String,
    /// Any of these.
    pub values: Vec<String>,
    /// Whether the values are regular expressions, found anywhere in the text.
    #[serde(default)]
    pub enabled_regex_matching: bool,
    /// The collector's cache of compared texts; there is none here.
    #[serde(default)]
    pub cache_max_size: u64,
    /// The compiled values.
    #[serde(skip)]
    pub patterns: Vec<Regex>,
}

/// `boolean_attribute`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BooleanAttribute {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: bool,
}

/// `trace_state`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceState {
    /// The member.
    pub key: String,
    /// Any of these.
    pub values: Vec<String>,
}

/// `rate_limiting`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimiting {
    /// Spans a second.
    pub spans_per_second: u32,
}

/// `bytes_limiting`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BytesLimiting {
    /// Bytes of memory of spans, a second.
    pub bytes_per_second: u64,
    /// Bytes at once; 0 for two seconds' worth.
    #[serde(default)]
    pub burst_capacity: u64,
}

/// `span_count`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpanCount {
    /// Fewest.
    pub min_spans: u64,
    /// Most; 0 for no bound.
    #[serde(default)]
    pub max_spans: u64,
}

/// `composite`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Composite {
    /// Spans a second of all together.
    pub max_total_spans_per_second: u32,
    /// The names of the policies in the order in which they are asked; those that are not named are not asked.
    pub policy_order: Vec<String>,
    /// The policies.
    pub composite_sub_policy: Vec<Policy>,
    /// Their shares; a policy without one gets an equal share.
    #[serde(default)]
    pub rate_allocation: Vec<RateAllocation>,
}

/// The share of one policy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateAllocation {
    /// Its name.
    pub policy: String,
    /// Of a hundred spans.
    pub percent: u32,
}

/// `learned_latency`
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LearnedLatency {
    /// Traces above this quantile of their operation's durations are kept.
    pub quantile: f64,
    /// Traces of an operation that must have been seen before.
    pub min_traces: u32,
}

/// `rare`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rare {
    /// The first traces of an operation in each window are kept: how many.
    pub traces: u32,
    /// The window.
    #[serde(deserialize_with = "duration")]
    pub window: Duration,
}

/// `adaptive`
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdaptiveRate {
    /// Traces a second of each operation.
    pub traces_per_second: f64,
}

impl Default for LearnedLatency {
    fn default() -> Self {
        Self { quantile: 0.99, min_traces: 100 }
    }
}

impl Default for Rare {
    fn default() -> Self {
        Self { traces: 10, window: Duration::from_mins(10) }
    }
}

impl PartialEq for StringAttribute {
    fn eq(&self, other: &Self) -> bool {
        (&self.key, &self.values, self.enabled_regex_matching)
            == (&other.key, &other.values, other.enabled_regex_matching)
    }
}

fn least() -> i64 {
    i64::MIN
}

fn largest() -> i64 {
    i64::MAX
}

/// Compiles the expressions.
pub(super) fn compiled<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<StringAttribute>, D::Error> {
    let mut attribute = StringAttribute::deserialize(deserializer)?;
    if attribute.enabled_regex_matching {
        let compiled = attribute.values.iter().map(|value| Regex::new(value));
        // The message of an expression shows it over several lines; the place is shown by the configuration.
        attribute.patterns = compiled.collect::<Result<_, _>>().map_err(|error| {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default().to_owned();
            de::Error::custom(format!("a regular expression is wrong: {last}"))
        })?;
    }
    Ok(Some(attribute))
}
