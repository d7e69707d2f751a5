//! Which processes and ports are traced: compiled rules and a pure verdict.

use std::{fmt, sync::Arc};

use serde::Deserialize;

use super::pattern::{PathPattern, PortRange, TextPattern};
use crate::identity::ProcessFacts;

/// One rule: it matches where every field that is given matches.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Glob over the path of the executable, or over its file name where the glob has no `/`.
    pub exe: Option<PathPattern>,
    /// Glob over the whole command line, arguments joined by single spaces.
    pub command: Option<TextPattern>,
    /// The port of the server side of a connection, on whichever end this process is.
    pub port: Option<PortRange>,
    /// One process.
    pub pid: Option<u32>,
    /// Glob over the id (all 64 digits) or the name of the container.
    pub container: Option<TextPattern>,
    /// Glob over the service name that the tracer gives the process.
    pub service: Option<TextPattern>,
}

/// What to trace. Nothing in `include` means everything; `exclude` wins over `include`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Select {
    /// Rules of which at least one must match.
    pub include: Vec<Rule>,
    /// Rules of which none may match.
    pub exclude: Vec<Rule>,
}

/// Whether something is traced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of it.
    Trace,
    /// None of it.
    Skip(SkipReason),
    /// A rule that names a port matches otherwise: each connection is judged by [`PortFilter::verdict`].
    ByPort(PortFilter),
}

/// Why something is not traced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// There are include rules and none of them matches.
    NotIncluded,
    /// This exclude rule matches.
    Excluded(Arc<str>),
}

/// The rules of one process that depend on the port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortFilter {
    /// Ports of the matching include rules; `None` where all ports are included.
    include: Option<Vec<PortRange>>,
    /// Ports of the matching exclude rules, each with the text of its rule.
    exclude: Vec<(PortRange, Arc<str>)>,
}

// === impl Rule ===

impl Rule {
    /// Whether no field is given; such a rule would match everything and is refused when a config is loaded.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether every field but the port matches. `service` is called only where a rule needs it.
    fn matches_process(&self, facts: &ProcessFacts) -> bool {
        self.pid.is_none_or(|pid| pid == facts.pid)
            && self.exe.as_ref().is_none_or(|glob| facts.exe.as_deref().is_some_and(|exe| glob.matches(exe)))
            && self.command.as_ref().is_none_or(|glob| glob.matches(&facts.args.join(" ")))
            && self.container.as_ref().is_none_or(|glob| {
                [&facts.container_id, &facts.container_name]
                    .into_iter()
                    .flatten()
                    .any(|name| glob.matches(name))
            })
            && self.service.as_ref().is_none_or(|glob| glob.matches(&facts.service_name()))
    }

    fn names_only_a_port(&self) -> Option<&PortRange> {
        let without_port = Self { port: None, ..self.clone() };
        self.port.as_ref().filter(|_| without_port.is_empty())
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = [
            ("exe", self.exe.as_ref().map(|glob| glob.as_str().to_owned())),
            ("command", self.command.as_ref().map(|glob| glob.as_str().to_owned())),
            ("port", self.port.as_ref().map(ToString::to_string)),
            ("pid", self.pid.map(|pid| pid.to_string())),
            ("container", self.container.as_ref().map(|glob| glob.as_str().to_owned())),
            ("service", self.service.as_ref().map(|glob| glob.as_str().to_owned())),
        ];
        let given = fields.iter().filter_map(|(name, value)| value.as_ref().map(|value| (name, value)));
        for (index, (name, value)) in given.enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{name}={value}")?;
        }
        Ok(())
    }
}

// === impl Select ===

impl Select {
    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }

    /// The verdict on a process: pure, so it can be kept for as long as the process keeps its executable.
    pub fn verdict(&self, facts: &ProcessFacts) -> Verdict {
        let mut excluded_ports = Vec::new();
        for rule in self.exclude.iter().filter(|rule| rule.matches_process(facts)) {
            let text = Arc::from(rule.to_string());
            match &rule.port {
                None => return Verdict::Skip(SkipReason::Excluded(text)),
                Some(port) => excluded_ports.push((port.clone(), text)),
            }
        }
        let matching: Vec<_> = self.include.iter().filter(|rule| rule.matches_process(facts)).collect();
        let include = if self.include.is_empty() || matching.iter().any(|rule| rule.port.is_none()) {
            None
        } else if matching.is_empty() {
            return Verdict::Skip(SkipReason::NotIncluded);
        } else {
            Some(matching.into_iter().filter_map(|rule| rule.port.clone()).collect())
        };
        if include.is_none() && excluded_ports.is_empty() {
            Verdict::Trace
        } else {
            Verdict::ByPort(PortFilter { include, exclude: excluded_ports })
        }
    }

    /// The verdict on a server port while the process is not known yet: `Skip` only where an exclude rule
    /// names nothing but ports, so that no process could change it.
    pub fn port_verdict(&self, port: u16) -> Verdict {
        let hit = self
            .exclude
            .iter()
            .find(|rule| rule.names_only_a_port().is_some_and(|range| range.contains(port)));
        match hit {
            Some(rule) => Verdict::Skip(SkipReason::Excluded(Arc::from(rule.to_string()))),
            None => Verdict::Trace,
        }
    }
}

// === impl PortFilter ===

impl PortFilter {
    /// The verdict on one connection; `None` stands for a socket without a port (AF_UNIX), which no port rule
    /// can include or exclude. Never [`Verdict::ByPort`].
    pub fn verdict(&self, server_port: Option<u16>) -> Verdict {
        let within = |range: &PortRange| server_port.is_some_and(|port| range.contains(port));
        if let Some((_, rule)) = self.exclude.iter().find(|(range, _)| within(range)) {
            return Verdict::Skip(SkipReason::Excluded(rule.clone()));
        }
        match &self.include {
            Some(ranges) if !ranges.iter().any(within) => Verdict::Skip(SkipReason::NotIncluded),
            _ => Verdict::Trace,
        }
    }
}

// === impl SkipReason ===

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotIncluded => f.write_str("no include rule matches"),
            Self::Excluded(rule) => write!(f, "the exclude rule `{rule}` matches"),
        }
    }
}
