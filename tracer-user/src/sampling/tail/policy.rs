//! Policies with their state.

use tracer_protocols::context::parse_tracestate;

use super::{
    super::{adaptive::Adaptive, bucket::Bucket, threshold::Threshold},
    learned::Learned,
    rare::Rare,
    vote::Vote,
    whole::Whole,
};
use crate::{
    config::{self, Code, PolicyKind},
    spans::span::{Status, Value},
};

/// W3C trace flag: the caller may have recorded the trace.
const SAMPLED: u8 = 0x01;

/// A policy with its state.
#[derive(Debug)]
pub(super) enum Policy {
    /// One whose settings are all that it needs.
    Plain(PolicyKind),
    Learned(Learned),
    Rare(Rare),
    Adaptive(Adaptive),
    Spans(Bucket),
    Bytes(Bucket),
    And(Vec<Policy>),
    /// Each with its share.
    Composite(Vec<(Policy, Bucket)>),
}

impl Policy {
    /// The policy that a configuration describes; for one that drops, the policy that says what.
    pub(super) fn new(config: &config::Policy) -> Self {
        match &config.kind {
            PolicyKind::LearnedLatency(learned) => Self::Learned(Learned::new(*learned)),
            PolicyKind::Rare(rare) => Self::Rare(Rare::new(*rare)),
            PolicyKind::Adaptive(adaptive) => Self::Adaptive(Adaptive::new(adaptive.traces_per_second)),
            PolicyKind::RateLimiting(limit) => {
                let rate = f64::from(limit.spans_per_second);
                Self::Spans(Bucket::new(rate, rate))
            }
            PolicyKind::BytesLimiting(limit) => {
                let rate = limit.bytes_per_second as f64;
                let burst = if limit.burst_capacity == 0 { 2.0 * rate } else { limit.burst_capacity as f64 };
                Self::Bytes(Bucket::new(rate, burst))
            }
            PolicyKind::And(policies) | PolicyKind::Drop(policies) => {
                let mut policies: Vec<_> = policies.iter().map(Self::new).collect();
                // Limits are asked last: what another one does not want takes no room.
                policies.sort_by_key(Self::is_limited);
                Self::And(policies)
            }
            PolicyKind::Composite(composite) => Self::composite(composite),
            plain => Self::Plain(plain.clone()),
        }
    }

    fn composite(config: &config::Composite) -> Self {
        let total = f64::from(config.max_total_spans_per_second);
        let equal = total / config.policy_order.len().max(1) as f64;
        let share = |name: &str| {
            let allocated = config.rate_allocation.iter().find(|share| share.policy == name);
            allocated.map_or(equal, |share| total * f64::from(share.percent) / 100.0)
        };
        let in_order = config.policy_order.iter().filter_map(|name| {
            let policy = config.composite_sub_policy.iter().find(|policy| policy.name == *name)?;
            let rate = share(name);
            Some((Self::new(policy), Bucket::new(rate, rate)))
        });
        Self::Composite(in_order.collect())
    }

    /// Whether what it wants depends on how much room there is.
    pub(super) fn is_limited(&self) -> bool {
        match self {
            Self::Spans(_) | Self::Bytes(_) | Self::Composite(_) => true,
            Self::And(policies) => policies.iter().any(Self::is_limited),
            Self::Plain(_) | Self::Learned(_) | Self::Rare(_) | Self::Adaptive(_) => false,
        }
    }

    /// What it says of a trace. One that is limited takes up the room for a trace that it wants.
    pub(super) fn vote(&mut self, trace: &Whole<'_>) -> Vote {
        match self {
            Self::Plain(kind) => plain(kind, trace),
            Self::Learned(learned) => Vote::of(learned.is_slow(trace)),
            Self::Rare(rare) => Vote::of(rare.is_rare(trace)),
            Self::Adaptive(adaptive) => Vote::Above(adaptive.threshold(trace.entry.served, trace.now_ns)),
            Self::Spans(bucket) => limited(bucket.take(trace.spans.len() as f64, trace.now_ns)),
            Self::Bytes(bucket) => limited(bucket.take(trace.bytes as f64, trace.now_ns)),
            Self::And(policies) => {
                let mut all = Vote::YES;
                for policy in policies {
                    // What is not wanted anyhow takes no room.
                    if policy.is_limited() && !all.wants(trace.randomness) {
                        return Vote::No;
                    }
                    all = all.and(policy.vote(trace));
                }
                all
            }
            Self::Composite(policies) => {
                for (policy, share) in policies {
                    if policy.vote(trace).wants(trace.randomness) {
                        return limited(share.take(trace.spans.len() as f64, trace.now_ns));
                    }
                }
                Vote::No
            }
        }
    }
}

fn limited(room: bool) -> Vote {
    if room { Vote::Limited(Threshold::ALWAYS) } else { Vote::No }
}

/// Policies without a state.
fn plain(kind: &PolicyKind, trace: &Whole<'_>) -> Vote {
    let spans = trace.spans;
    let wanted = match kind {
        PolicyKind::AlwaysSample => true,
        PolicyKind::Latency(latency) => {
            let ms = trace.duration_ns / 1_000_000;
            if latency.upper_threshold_ms == 0 {
                ms >= latency.threshold_ms
            } else {
                latency.threshold_ms < ms && ms <= latency.upper_threshold_ms
            }
        }
        PolicyKind::NumericAttribute(wanted) => trace.any(&wanted.key, |value| {
            matches!(value, Value::Int(number) if (wanted.min_value..=wanted.max_value).contains(number))
        }),
        PolicyKind::Probabilistic(share) => {
            let threshold = Threshold::from_probability(share.sampling_percentage / 100.0);
            return threshold.map_or(Vote::No, Vote::Above);
        }
        PolicyKind::StatusCode(wanted) => spans.iter().any(|span| {
            let code = match span.status {
                Status::Error => Code::Error,
                Status::Unset => Code::Unset,
            };
            wanted.status_codes.contains(&code)
        }),
        PolicyKind::StringAttribute(wanted) => trace.any(&wanted.key, |value| {
            value.as_str().is_some_and(|text| {
                if wanted.enabled_regex_matching {
                    wanted.patterns.iter().any(|pattern| pattern.is_match(text))
                } else {
                    wanted.values.iter().any(|wanted| wanted == text)
                }
            })
        }),
        PolicyKind::BooleanAttribute(wanted) => {
            trace.any(&wanted.key, |value| matches!(value, Value::Bool(truth) if *truth == wanted.value))
        }
        PolicyKind::TraceState(wanted) => spans.iter().any(|span| {
            let state = span.trace_state.as_deref().and_then(parse_tracestate);
            state.and_then(|state| state.get(&wanted.key)).is_some_and(|value| {
                wanted.values.iter().any(|wanted| wanted == value)
            })
        }),
        PolicyKind::TraceFlags => spans.iter().any(|span| span.flags & SAMPLED != 0),
        PolicyKind::SpanCount(wanted) => {
            let count = spans.len() as u64;
            count >= wanted.min_spans && (wanted.max_spans == 0 || count <= wanted.max_spans)
        }
        // Those with a state are not plain.
        PolicyKind::RateLimiting(_)
        | PolicyKind::BytesLimiting(_)
        | PolicyKind::And(_)
        | PolicyKind::Drop(_)
        | PolicyKind::Composite(_)
        | PolicyKind::LearnedLatency(_)
        | PolicyKind::Rare(_)
        | PolicyKind::Adaptive(_) => false,
    };
    Vote::of(wanted)
}
