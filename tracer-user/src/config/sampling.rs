//! `[sampling]`: which traces are kept.

use serde::{Deserialize, Deserializer, de};

use super::{pattern::TextPattern, tail::Tail};

/// `[sampling]`: which traces are kept.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sampling {
    /// Decides where no rule applies.
    pub sampler: SamplerName,
    /// What the sampler is told.
    pub argument: Argument,
    /// Most traces a second of each service; 0 for no limit.
    pub traces_per_second: f64,
    /// Other samplers for some services and routes; the first that applies counts.
    pub rules: Vec<SamplingRule>,
    /// The header of a request that asks for its trace to be kept; empty for none.
    pub force_header: String,
    /// Attributes of a span that ask for its trace to be kept.
    pub force_attributes: Vec<ForceAttribute>,
    /// Policies over whole traces.
    pub tail: Tail,
}

/// The sampler of some services and routes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplingRule {
    /// Glob over the service that was asked.
    #[serde(default)]
    pub service: Option<TextPattern>,
    /// Glob over the route that was asked for.
    #[serde(default)]
    pub route: Option<TextPattern>,
    /// Decides.
    pub sampler: SamplerName,
    /// What the sampler is told.
    #[serde(default)]
    pub argument: Argument,
    /// Most traces a second of each service; 0 for no limit.
    #[serde(default)]
    pub traces_per_second: f64,
}

/// An attribute that asks for a trace to be kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForceAttribute {
    /// Its name.
    pub key: String,
    /// The value that it must have, as text; none for any.
    #[serde(default)]
    pub value: Option<String>,
}

/// A sampler by name: those of `OTEL_TRACES_SAMPLER` (OpenTelemetry specification, "General SDK configuration"), and `adaptive`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SamplerName {
    parent_based: bool,
    root: RootName,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum RootName {
    #[default]
    AlwaysOn,
    AlwaysOff,
    Ratio,
    Adaptive,
}

/// Text or a number: what `OTEL_TRACES_SAMPLER_ARG` holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Argument(String);

/// A sampler with its argument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Whether a caller elsewhere that has decided is followed.
    pub parent_based: bool,
    /// What decides on the other traces.
    pub root: Root,
}

/// What decides on traces that nobody decided on before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Root {
    /// Every one is kept.
    AlwaysOn,
    /// None is kept.
    AlwaysOff,
    /// This share is kept, 0 to 1.
    Ratio(f64),
    /// So many of each operation are kept.
    Adaptive {
        /// Traces a second of one operation, above 0.
        traces_per_second: f64,
    },
}

/// Traces a second of an operation where `adaptive` has no argument: enough to see what it does, whatever it costs.
const DEFAULT_TARGET: f64 = 1.0;

const NAMES: [(&str, RootName); 4] = [
    ("always_on", RootName::AlwaysOn),
    ("always_off", RootName::AlwaysOff),
    ("traceidratio", RootName::Ratio),
    ("adaptive", RootName::Adaptive),
];

impl Sampling {
    /// The sampler where no rule applies.
    pub fn choice(&self) -> Choice {
        self.sampler.with(&self.argument)
    }
}

impl SamplingRule {
    /// The sampler of the rule.
    pub fn choice(&self) -> Choice {
        self.sampler.with(&self.argument)
    }
}

impl SamplerName {
    /// What is wrong with an argument for this sampler. Those of samplers that take none are ignored, as the specification
    /// of `OTEL_TRACES_SAMPLER_ARG` says.
    pub(super) fn problem(self, argument: &Argument) -> Option<&'static str> {
        let number = argument.number();
        match self.root {
            RootName::AlwaysOn | RootName::AlwaysOff => None,
            _ if argument.0.is_empty() => None,
            RootName::Ratio => {
                let good = number.is_some_and(|number| (0.0..=1.0).contains(&number));
                (!good).then_some("traceidratio takes the share of traces that is kept, from 0 to 1")
            }
            RootName::Adaptive => {
                let good = number.is_some_and(|number| number > 0.0 && number <= 1e6);
                (!good).then_some("adaptive takes the traces a second of each operation, above 0 to 1000000")
            }
        }
    }

    /// The sampler with a checked argument.
    fn with(self, argument: &Argument) -> Choice {
        let number = argument.number();
        let root = match self.root {
            RootName::AlwaysOn => Root::AlwaysOn,
            RootName::AlwaysOff => Root::AlwaysOff,
            RootName::Ratio => Root::Ratio(number.unwrap_or(1.0)),
            RootName::Adaptive => Root::Adaptive { traces_per_second: number.unwrap_or(DEFAULT_TARGET) },
        };
        Choice { parent_based: self.parent_based, root }
    }
}

impl Argument {
    fn number(&self) -> Option<f64> {
        self.0.trim().parse().ok()
    }

    /// As it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for SamplerName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (parent_based, name) =
            text.strip_prefix("parentbased_").map_or((false, text.as_str()), |name| (true, name));
        if let Some((_, root)) = NAMES.iter().find(|(known, _)| *known == name) {
            return Ok(Self { parent_based, root: *root });
        }
        Err(de::Error::custom(if matches!(name, "jaeger_remote" | "xray") {
            format!("`{text}` asks a server what to keep, which this tracer does not do")
        } else {
            format!("\"{text}\" is no sampler")
        }))
    }
}

impl<'de> Deserialize<'de> for Argument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(f64),
            Text(String),
        }
        Ok(Self(match Either::deserialize(deserializer)? {
            Either::Number(number) => number.to_string(),
            Either::Text(text) => text,
        }))
    }
}
