//! Which tracer says something of itself.

use std::sync::Arc;

use crate::identity::{Host, instance_id};

/// This daemon among all others, for as long as it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// `service.instance.id`
    pub id: String,
    /// `host.name`
    pub host: Option<Arc<str>>,
}

impl Instance {
    /// This process, started at `start_ns` since the Unix epoch.
    pub fn of_this_process(host: &Host, start_ns: u64) -> Self {
        Self { id: instance_id(&host.seed, std::process::id(), start_ns), host: host.name.clone() }
    }
}
