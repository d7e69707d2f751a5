//! What rules a file holds.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Deserializer, de};

use super::{condition::Condition, pattern::Pattern};
use crate::{query::parse_duration, spans::Kind};

/// Largest rules file, bytes.
const LARGEST: u64 = 1 << 20;

/// Rules, and whom to tell.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Rules, in the order of the file.
    #[serde(default)]
    pub(crate) rules: Vec<Rule>,
    /// Whom to tell.
    #[serde(default)]
    pub(crate) notify: Vec<Target>,
}

/// When to raise an alert.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Its name, unlike every other.
    pub(crate) name: String,
    /// Which calls it is about.
    #[serde(default, rename = "match")]
    pub(crate) calls: Calls,
    /// What is judged by itself.
    #[serde(default)]
    pub(crate) per: Subject,
    /// What must hold.
    #[serde(rename = "if")]
    pub(crate) condition: Condition,
    /// How long it must hold before anyone is told.
    #[serde(default, rename = "for")]
    pub(crate) hold: Time,
    /// What others sort it by, such as `page`.
    #[serde(default = "default_severity")]
    pub(crate) severity: String,
    /// Further labels of its alerts.
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    /// What a person should know, such as a link to a runbook.
    #[serde(default)]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// Which spans count as calls.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Calls {
    /// By service.
    #[serde(default)]
    pub(crate) service: Pattern,
    /// By the name of the span.
    #[serde(default)]
    pub(crate) operation: Pattern,
    /// By kind.
    #[serde(default)]
    pub(crate) kind: CallKind,
}

/// Kinds of spans that rules are about.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CallKind {
    /// What a service answers.
    #[default]
    Server,
    /// What a service asks of others.
    Client,
    /// What a service sends into a queue.
    Producer,
    /// What a service takes out of one.
    Consumer,
}

/// What an alert is about.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Subject {
    /// Every service by itself.
    #[default]
    Service,
    /// Every operation of every service by itself.
    Operation,
}

/// Whom to tell, and how.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Target {
    /// An Alertmanager, by its API v2.
    Alertmanager(Receiver),
    /// Anything that takes JSON.
    Webhook(Receiver),
    /// Slack, and what takes its messages.
    Slack(Receiver),
}

/// Where messages go.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Receiver {
    /// `http://` or `https://`. Often a secret.
    #[serde(deserialize_with = "url")]
    pub(crate) url: hyper::Uri,
    /// A file with a token to send as `authorization: Bearer`.
    pub(crate) token_file: Option<PathBuf>,
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("host", &self.url.host()).finish_non_exhaustive()
    }
}

/// A duration as people write it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(pub(crate) Duration);

/// A rules file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// It cannot be read.
    #[error("The rules file {} cannot be read: {source}.", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is too large.
    #[error("The rules file {} has more than 1 MiB.", .0.display())]
    TooLarge(PathBuf),
    /// It does not say what it should.
    #[error("The rules file {} is not understood: {reason}", path.display())]
    Syntax {
        /// Which.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// A rule makes no sense.
    #[error("The rule {rule:?} in {}: {reason}", path.display())]
    Rule {
        /// In which file.
        path: PathBuf,
        /// Its name.
        rule: String,
        /// What is wrong, and what to do.
        reason: String,
    },
}

impl Rules {
    /// Reads a file and checks what it says.
    pub fn read(path: &Path) -> Result<Self, RuleError> {
        let failed = |source| RuleError::Read { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(failed)?.len() > LARGEST {
            return Err(RuleError::TooLarge(path.to_owned()));
        }
        Self::parse(&std::fs::read_to_string(path).map_err(failed)?, path)
    }

    /// The names of the rules, and how many are told.
    pub fn summary(&self) -> (Vec<&str>, usize) {
        (self.rules.iter().map(|rule| rule.name.as_str()).collect(), self.notify.len())
    }

    /// Whom to tell.
    pub(crate) fn targets(&self) -> Vec<Target> {
        self.notify.clone()
    }

    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, RuleError> {
        let rules: Self = serde_saphyr::from_str(text)
            .map_err(|error| RuleError::Syntax { path: path.to_owned(), reason: error.to_string() })?;
        let mut names = HashSet::new();
        for rule in &rules.rules {
            let wrong =
                |reason: String| RuleError::Rule { path: path.to_owned(), rule: rule.name.clone(), reason };
            if rule.name.is_empty() {
                return Err(wrong("It needs a name.".to_owned()));
            }
            if !names.insert(&rule.name) {
                return Err(wrong("Another rule has the same name; give it one of its own.".to_owned()));
            }
            rule.condition.check(rule).map_err(wrong)?;
        }
        Ok(rules)
    }
}

impl Calls {
    /// Whether a span counts.
    pub(crate) fn include(&self, service: &str, operation: &str, kind: Kind) -> bool {
        self.kind.is(kind) && self.service.matches(service) && self.operation.matches(operation)
    }
}

impl CallKind {
    fn is(self, kind: Kind) -> bool {
        match self {
            Self::Server => kind == Kind::Server,
            Self::Client => kind == Kind::Client,
            Self::Producer => kind == Kind::Producer,
            Self::Consumer => kind == Kind::Consumer,
        }
    }
}

impl Time {
    /// Nanoseconds.
    pub(crate) fn ns(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.ns();
        let units = [
            (86_400_000_000_000, "d"),
            (3_600_000_000_000, "h"),
            (60_000_000_000, "m"),
            (1_000_000_000, "s"),
            (1_000_000, "ms"),
            (1000, "us"),
            (1, "ns"),
        ];
        let (unit, name) =
            units.into_iter().find(|(unit, _)| ns >= *unit && ns.is_multiple_of(*unit)).unwrap_or((1, "ns"));
        write!(f, "{}{name}", ns / unit)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_duration(&text).map(|ns| Self(Duration::from_nanos(ns))).ok_or_else(|| {
            de::Error::custom(format!("{text:?} is no duration; write one such as 250ms, 5m or 1h30m"))
        })
    }
}

fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<hyper::Uri, D::Error> {
    let text = String::deserialize(deserializer)?;
    let uri = text.parse::<hyper::Uri>().ok();
    uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
        .ok_or_else(|| de::Error::custom("a url must begin with http:// or https:// and name a host"))
}

fn default_severity() -> String {
    "warning".to_owned()
}

#[cfg(test)]
mod tests;
