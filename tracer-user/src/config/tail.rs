//! `[sampling.tail]`: policies over whole traces, named and nested as in the OpenTelemetry collector's `tail_sampling`.

use std::time::Duration;

use serde::Deserialize;

use super::{
    policies::{
        AdaptiveRate, BooleanAttribute, BytesLimiting, Composite, Latency, LearnedLatency, NumericAttribute,
        Probabilistic, Rare, RateLimiting, SpanCount, StatusCode, StringAttribute, TraceState, compiled,
    },
    sections::duration,
};

/// `[sampling.tail]`: what is kept of the traces that the head sampler let through, once they are whole.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tail {
    /// How long the parts of a trace are gathered before it is decided on.
    #[serde(deserialize_with = "duration")]
    pub decision_wait: Duration,
    /// Memory of the traces that wait; beyond it the oldest are decided on early.
    pub max_bytes: u64,
    /// A trace is kept that one of these wants; with none, all are kept and none waits.
    pub policies: Vec<Policy>,
}

/// A policy with its name.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Policy {
    /// What it is called in statistics.
    pub name: String,
    /// What it wants.
    pub kind: PolicyKind,
}

/// What a policy wants to be kept.
#[derive(Clone, Debug, PartialEq)]
pub enum PolicyKind {
    /// Every trace.
    AlwaysSample,
    /// Traces that took long, from the first start to the last end.
    Latency(Latency),
    /// Traces of which a span or resource has a whole number within a range.
    NumericAttribute(NumericAttribute),
    /// A share of all traces, by the consistent threshold.
    Probabilistic(Probabilistic),
    /// Traces with a span of such a status.
    StatusCode(StatusCode),
    /// Traces of which a span or resource has such a text.
    StringAttribute(StringAttribute),
    /// Traces of which a span or resource has such a truth value.
    BooleanAttribute(BooleanAttribute),
    /// Traces with such a member in `tracestate`.
    TraceState(TraceState),
    /// Traces with a span whose sampled flag is set.
    TraceFlags,
    /// As many spans a second.
    RateLimiting(RateLimiting),
    /// As many bytes a second.
    BytesLimiting(BytesLimiting),
    /// Traces with a number of spans within a range.
    SpanCount(SpanCount),
    /// Traces that all of these want.
    And(Vec<Policy>),
    /// Traces that all of these want are dropped, whatever else wants them.
    Drop(Vec<Policy>),
    /// Shares of a number of spans a second.
    Composite(Composite),
    /// Traces slower than most of their operation.
    LearnedLatency(LearnedLatency),
    /// Traces of operations that are seldom seen.
    Rare(Rare),
    /// So many a second of each operation.
    Adaptive(AdaptiveRate),
}

impl Default for Tail {
    fn default() -> Self {
        Self { decision_wait: Duration::from_secs(5), max_bytes: 64 << 20, policies: Vec::new() }
    }
}

/// A policy as it is written: the settings of a type stand in a table of its name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    r#type: String,
    latency: Option<Latency>,
    numeric_attribute: Option<NumericAttribute>,
    probabilistic: Option<Probabilistic>,
    status_code: Option<StatusCode>,
    #[serde(default, deserialize_with = "compiled")]
    string_attribute: Option<StringAttribute>,
    boolean_attribute: Option<BooleanAttribute>,
    trace_state: Option<TraceState>,
    rate_limiting: Option<RateLimiting>,
    bytes_limiting: Option<BytesLimiting>,
    span_count: Option<SpanCount>,
    and: Option<AndPolicies>,
    drop: Option<DropPolicies>,
    composite: Option<Composite>,
    learned_latency: Option<LearnedLatency>,
    rare: Option<Rare>,
    adaptive: Option<AdaptiveRate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AndPolicies {
    and_sub_policy: Vec<Policy>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DropPolicies {
    drop_sub_policy: Vec<Policy>,
}

impl TryFrom<Written> for Policy {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let (name, of) = (written.name, written.r#type);
        let missing = || format!("the policy \"{name}\" of type {of} has no table `{of}`");
        let kind = match of.as_str() {
            "always_sample" => PolicyKind::AlwaysSample,
            "trace_flags" => PolicyKind::TraceFlags,
            "latency" => PolicyKind::Latency(written.latency.ok_or_else(missing)?),
            "numeric_attribute" => {
                PolicyKind::NumericAttribute(written.numeric_attribute.ok_or_else(missing)?)
            }
            "probabilistic" => PolicyKind::Probabilistic(written.probabilistic.ok_or_else(missing)?),
            "status_code" => PolicyKind::StatusCode(written.status_code.ok_or_else(missing)?),
            "string_attribute" => PolicyKind::StringAttribute(written.string_attribute.ok_or_else(missing)?),
            "boolean_attribute" => {
                PolicyKind::BooleanAttribute(written.boolean_attribute.ok_or_else(missing)?)
            }
            "trace_state" => PolicyKind::TraceState(written.trace_state.ok_or_else(missing)?),
            "rate_limiting" => PolicyKind::RateLimiting(written.rate_limiting.ok_or_else(missing)?),
            "bytes_limiting" => PolicyKind::BytesLimiting(written.bytes_limiting.ok_or_else(missing)?),
            "span_count" => PolicyKind::SpanCount(written.span_count.ok_or_else(missing)?),
            "and" => PolicyKind::And(written.and.ok_or_else(missing)?.and_sub_policy),
            "drop" => PolicyKind::Drop(written.drop.ok_or_else(missing)?.drop_sub_policy),
            "composite" => PolicyKind::Composite(written.composite.ok_or_else(missing)?),
            "learned_latency" => PolicyKind::LearnedLatency(written.learned_latency.unwrap_or_default()),
            "rare" => PolicyKind::Rare(written.rare.unwrap_or_default()),
            "adaptive" => PolicyKind::Adaptive(written.adaptive.ok_or_else(missing)?),
            _ => return Err(format!("the policy \"{name}\" has the type \"{of}\", which is none")),
        };
        kind.problem(false).map_or(Ok(()), |problem| Err(format!("the policy \"{name}\" {problem}")))?;
        Ok(Self { name, kind })
    }
}

impl PolicyKind {
    /// What is wrong with the settings.
    fn problem(&self, within: bool) -> Option<&'static str> {
        let inner = |policies: &[Policy]| {
            if policies.is_empty() {
                return Some("is made of no policies");
            }
            let nested = policies.iter().any(|policy| policy.kind.problem(true).is_some());
            nested.then_some("has a drop policy inside: these stand at the top")
        };
        match self {
            Self::Drop(_) if within => Some("drops"),
            _ if within => None,
            Self::And(policies) | Self::Drop(policies) => inner(policies),
            Self::Probabilistic(Probabilistic { sampling_percentage }) => (!(0.0..=100.0)
                .contains(sampling_percentage))
            .then_some("needs a sampling_percentage from 0 to 100"),
            Self::Adaptive(AdaptiveRate { traces_per_second }) => {
                let good = *traces_per_second > 0.0 && *traces_per_second <= 1e6;
                (!good).then_some("needs traces_per_second above 0 to 1000000")
            }
            Self::LearnedLatency(LearnedLatency { quantile, .. }) => {
                (!(0.5..1.0).contains(quantile)).then_some("needs a quantile from 0.5 to below 1")
            }
            Self::Composite(composite) => {
                let known =
                    |name: &String| composite.composite_sub_policy.iter().any(|policy| policy.name == *name);
                let allocated = composite.rate_allocation.iter().map(|share| &share.policy);
                if !composite.policy_order.iter().chain(allocated).all(known) {
                    return Some("names a policy that is not in its composite_sub_policy");
                }
                if composite.policy_order.is_empty() {
                    return Some("names no policy in its policy_order");
                }
                let percents: u64 =
                    composite.rate_allocation.iter().map(|share| u64::from(share.percent)).sum();
                if percents > 100 {
                    return Some("gives out more than 100 percent");
                }
                inner(&composite.composite_sub_policy)
            }
            _ => None,
        }
    }
}
