//! `[security]`: what the daemon gives up.

use serde::Deserialize;

/// `[security]`: what the daemon gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Security {
    /// Whether capabilities are dropped that it does not need.
    pub drop_capabilities: bool,
    /// Whether the kernel refuses system calls that it does not make.
    pub seccomp: bool,
}

impl Default for Security {
    fn default() -> Self {
        Self { drop_capabilities: true, seccomp: true }
    }
}
