//! Head sampling: what the entry of a trace alone decides.

use std::{collections::HashMap, sync::Arc};

use foldhash::fast::RandomState;

use super::{
    adaptive::Adaptive,
    bucket::Bucket,
    decision::{Decision, Reason},
    entry::Entry,
    remote::Share,
    threshold::{Randomness, Threshold},
    trace_state,
};
use crate::{
    config::{Choice, ForceAttribute, Root, Sampling, TextPattern},
    spans::span::{Span, Value},
};

/// W3C trace flag: the caller may have recorded the trace.
const SAMPLED: u8 = 0x01;
/// Services whose traces are limited one by one; the others share one limit.
const MAX_SERVICES: usize = 1024;

/// The attribute of a span whose request asked to be traced by the header of the configuration.
pub const FORCED_KEY: &str = "tracer.sampling.forced";

/// The samplers of a configuration.
#[derive(Debug)]
pub struct Head {
    usual: Plan,
    rules: Vec<Rule>,
    force_header: bool,
    force_attributes: Vec<ForceAttribute>,
}

/// What is done for some services and routes.
#[derive(Debug)]
struct Rule {
    service: Option<TextPattern>,
    route: Option<TextPattern>,
    plan: Plan,
}

/// One sampler with its state.
#[derive(Debug)]
struct Plan {
    parent_based: bool,
    root: Roots,
    limits: Option<Limits>,
}

/// What decides on traces that nobody decided on before.
#[derive(Debug)]
enum Roots {
    On,
    Off,
    /// None keeps nothing.
    Ratio(Option<Threshold>),
    Adaptive(Adaptive),
}

/// What is done with the requests of a service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Usual {
    /// The share that is kept, where it does not change.
    pub(super) probability: Option<f64>,
    /// Traces a second, where nothing else decides.
    pub(super) limit: Option<f64>,
}

/// Traces a second of each service.
#[derive(Debug)]
struct Limits {
    per_second: f64,
    services: HashMap<Arc<str>, Bucket, RandomState>,
    others: Bucket,
}

impl Head {
    /// The samplers of a configuration.
    pub fn new(config: &Sampling) -> Self {
        let rule = |rule: &crate::config::SamplingRule| Rule {
            service: rule.service.clone(),
            route: rule.route.clone(),
            plan: Plan::new(rule.choice(), rule.traces_per_second),
        };
        Self {
            usual: Plan::new(config.choice(), config.traces_per_second),
            rules: config.rules.iter().map(rule).collect(),
            force_header: !config.force_header.is_empty(),
            force_attributes: config.force_attributes.clone(),
        }
    }

    /// Whether every trace is kept, so that there is nothing to look at.
    pub(super) fn keeps_all(&self) -> bool {
        self.rules.is_empty()
            && self.usual.limits.is_none()
            && !self.usual.parent_based
            && matches!(self.usual.root, Roots::On)
    }

    /// Decides on a trace, or on the first part of one that is seen.
    pub fn decide(&mut self, trace: &[Span], now_ns: u64) -> Decision {
        let Some(entry) = Entry::of(trace) else {
            return Decision { keep: true, reason: Reason::AlwaysOn, threshold: Some(Threshold::ALWAYS) };
        };
        if self.is_forced(trace) {
            return Decision { keep: true, reason: Reason::Forced, threshold: Some(Threshold::ALWAYS) };
        }
        self.plan_mut(&entry).decide(&entry, now_ns)
    }

    /// Counts a request that somebody else decides on by what they are told here.
    pub(super) fn witness(&mut self, entry: &Entry<'_>, now_ns: u64) {
        if let Roots::Adaptive(adaptive) = &mut self.plan_mut(entry).root {
            let _ = adaptive.threshold(entry.served, now_ns);
        }
    }

    /// What is done with requests of a service where no route tells more.
    pub(super) fn usual(&self, service: &str) -> Usual {
        let plan = self.plan(service, "");
        let probability = match &plan.root {
            Roots::On => Some(1.0),
            Roots::Off => Some(0.0),
            Roots::Ratio(threshold) => Some(threshold.map_or(0.0, Threshold::probability)),
            Roots::Adaptive(_) => None,
        };
        // A limit behind a sampler cannot be told along with it.
        let limit = plan.limits.as_ref().map(|limits| limits.per_second);
        Usual { probability, limit: limit.filter(|_| matches!(plan.root, Roots::On)) }
    }

    /// What is kept of an operation, and how many requests it has.
    pub(super) fn share(&self, service: &Arc<str>, route: &str, name: &Arc<str>, now_ns: u64) -> Share {
        let fixed = |probability| Share { probability, rate: 0.0 };
        match &self.plan(service, route).root {
            Roots::On => fixed(1.0),
            Roots::Off => fixed(0.0),
            Roots::Ratio(threshold) => fixed(threshold.map_or(0.0, Threshold::probability)),
            Roots::Adaptive(adaptive) => adaptive.share(service, name, now_ns),
        }
    }

    fn plan(&self, service: &str, route: &str) -> &Plan {
        let rule = self.rules.iter().find(|rule| rule.applies(service, route));
        rule.map_or(&self.usual, |rule| &rule.plan)
    }

    fn plan_mut(&mut self, entry: &Entry<'_>) -> &mut Plan {
        let rule = self.rules.iter_mut().find(|rule| rule.applies(entry.service(), entry.route()));
        rule.map_or(&mut self.usual, |rule| &mut rule.plan)
    }

    fn is_forced(&self, trace: &[Span]) -> bool {
        (self.force_header && trace.iter().any(|span| span.attribute(FORCED_KEY).is_some()))
            || self.force_attributes.iter().any(|force| trace.iter().any(|span| asks(force, span)))
    }
}

/// Whether a span has the attribute that asks for its trace.
fn asks(force: &ForceAttribute, span: &Span) -> bool {
    let Some(found) = span.attribute(&force.key) else { return false };
    match (&force.value, found) {
        (None, _) => true,
        (Some(wanted), Value::Int(number)) => wanted.parse() == Ok(*number),
        (Some(wanted), Value::Bool(truth)) => wanted.parse() == Ok(*truth),
        (Some(wanted), text) => text.as_str() == Some(wanted),
    }
}

impl Rule {
    fn applies(&self, service: &str, route: &str) -> bool {
        self.service.as_ref().is_none_or(|glob| glob.matches(service))
            && self.route.as_ref().is_none_or(|glob| glob.matches(route))
    }
}

impl Plan {
    fn new(choice: Choice, traces_per_second: f64) -> Self {
        let root = match choice.root {
            Root::AlwaysOn => Roots::On,
            Root::AlwaysOff => Roots::Off,
            Root::Ratio(ratio) => Roots::Ratio(Threshold::from_probability(ratio)),
            Root::Adaptive { traces_per_second } => Roots::Adaptive(Adaptive::new(traces_per_second)),
        };
        let limits = (traces_per_second > 0.0).then(|| Limits::new(traces_per_second));
        Self { parent_based: choice.parent_based, root, limits }
    }

    fn decide(&mut self, entry: &Entry<'_>, now_ns: u64) -> Decision {
        let ot = entry.trace_state().map(trace_state::read).unwrap_or_default();
        let randomness = ot.randomness.unwrap_or_else(|| Randomness::of_trace(&entry.root.trace_id));
        if self.parent_based
            && let Some(flags) = entry.caller_flags()
        {
            // Of a threshold that would have dropped the trace nothing can be concluded.
            let threshold = ot.threshold.filter(|threshold| threshold.keeps(randomness));
            return Decision { keep: flags & SAMPLED != 0, reason: Reason::Parent, threshold };
        }
        let consistent = |threshold: Option<Threshold>, reason| Decision {
            keep: threshold.is_some_and(|threshold| threshold.keeps(randomness)),
            reason,
            threshold,
        };
        let decision = match &mut self.root {
            Roots::On => consistent(Some(Threshold::ALWAYS), Reason::AlwaysOn),
            Roots::Off => consistent(None, Reason::AlwaysOff),
            Roots::Ratio(threshold) => consistent(*threshold, Reason::Ratio),
            Roots::Adaptive(adaptive) => {
                consistent(Some(adaptive.threshold(entry.served, now_ns)), Reason::Adaptive)
            }
        };
        match &mut self.limits {
            Some(limits) if decision.keep => Decision {
                keep: limits.allow(&entry.served.resource.service_name, now_ns),
                threshold: None,
                reason: Reason::RateLimit,
            },
            _ => decision,
        }
    }
}

impl Limits {
    fn new(per_second: f64) -> Self {
        Self { per_second, services: HashMap::default(), others: Self::bucket(per_second) }
    }

    /// A second's worth at once, and at least one.
    fn bucket(per_second: f64) -> Bucket {
        Bucket::new(per_second, per_second.max(1.0))
    }

    fn allow(&mut self, service: &Arc<str>, now_ns: u64) -> bool {
        let full = self.services.len() >= MAX_SERVICES;
        let bucket = match self.services.get_mut(service) {
            Some(bucket) => bucket,
            None if full => &mut self.others,
            None => self.services.entry(service.clone()).or_insert_with(|| Self::bucket(self.per_second)),
        };
        bucket.take(1.0, now_ns)
    }
}
