//! What there is of trace context that is written into requests: wanted or not, and why not if it is.

use tracer_protocols::context::Format;

use crate::{
    config::Config,
    kernel::{
        loader::Kernel,
        propagation::{Propagation, PropagationError},
    },
    telemetry::status,
};

/// See the module.
pub enum Writing {
    /// It is not wanted.
    Off,
    /// It is written.
    On(Propagation),
    /// It is wanted, but not written.
    StoodDown(PropagationError),
}

impl Writing {
    /// Starts it if it is wanted; if that fails, says so and goes on without.
    pub fn start(kernel: &mut Kernel, config: &Config) -> Self {
        if !config.propagation.enabled {
            return Self::Off;
        }
        let result = if config.context.formats.contains(&Format::W3c) && config.context.custom.is_empty() {
            Propagation::start(kernel, &config.propagation)
        } else {
            Err(PropagationError::Settings(
                "[context] names other headers: requests that carry those, or services that do not read traceparent, \
                 would get two contexts",
            ))
        };
        match result {
            Ok(propagation) => Self::On(propagation),
            Err(error) => {
                tracing::warn!("no trace context is written into requests: {error}");
                Self::StoodDown(error)
            }
        }
    }

    /// What `tracer status` shows of it.
    pub fn status(&self) -> status::Propagation {
        let (state, outcomes) = match self {
            Self::Off => ("off".to_owned(), Vec::new()),
            Self::On(propagation) => ("on".to_owned(), propagation.outcomes().unwrap_or_default()),
            Self::StoodDown(error) => (format!("stood down: {error}"), Vec::new()),
        };
        let outcomes =
            outcomes.into_iter().map(|(outcome, count)| (outcome.name().to_owned(), count)).collect();
        status::Propagation { state, outcomes }
    }
}
