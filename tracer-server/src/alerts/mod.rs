//! Alerts: rules over what comes in, and who is told (docs/alerts.md).
//!
//! Spans -> [`series`] (counts by rule and subject, in steps of time) -> [`condition`] (a verdict for each) -> [`state`] (pending,
//! firing, resolved) -> [`notify`].

mod anomaly;
mod condition;
mod engine;
mod notify;
mod pattern;
mod rules;
mod series;
mod silences;
mod state;
mod weight;

pub(crate) use engine::Engine;
pub(crate) use notify::{Notifier, QUEUE};
pub(crate) use silences::{NewSilence, SilenceError};
pub(crate) use state::Phase;

pub use rules::{RuleError, Rules};
