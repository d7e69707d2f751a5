//! `[traces]`: how requests find their causes.

use serde::Deserialize;

use crate::runtimes::PROMPT_LOOPS;

/// `[traces]`: how requests find their causes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Traces {
    /// Programs whose event loop handles one event at a time.
    pub event_loops: EventLoops,
    /// What becomes of processes that report their own spans.
    pub instrumented: OfInstrumented,
    /// Whether ids of traces are in the form that AWS X-Ray asks for.
    pub xray_ids: bool,
}

/// What becomes of processes that report their own spans by OTLP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OfInstrumented {
    /// Theirs are left to them.
    #[default]
    Yield,
    /// They are traced like any other.
    Trace,
}

/// Names of executables, beside those that are known anyway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct EventLoops(Vec<String>);

impl EventLoops {
    /// Whether a program of this name sends what a read leads to before it reads anything else.
    pub fn matches(&self, executable: &str) -> bool {
        PROMPT_LOOPS.contains(&executable) || self.0.iter().any(|name| name == executable)
    }
}
