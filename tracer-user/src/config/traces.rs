//! `[traces]`: how requests find their causes.

use serde::Deserialize;

use crate::runtimes::PROMPT_LOOPS;

/// `[traces]`: how requests find their causes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Traces {
    /// Programs whose event loop handles one event at a time.
    pub event_loops: EventLoops,
    /// Whether ids of traces are in the form that AWS X-Ray asks for.
    pub xray_ids: bool,
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
