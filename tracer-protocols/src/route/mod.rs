//! From a path to a route of low cardinality, for `http.route` and span names.
//!
//! Patterns from the user ([`RoutePatterns`]) are right by definition. [`guess`] is what remains without them: it takes
//! out of a path what looks like an identifier and can neither know what is not there to see (`/users/alice`) nor bound
//! the number of routes; the caller does.

mod guess;
mod kinds;
mod patterns;
mod word;

pub use guess::{MAX_SEGMENTS, guess};
pub use patterns::{MAX_PATTERN, PatternError, RoutePatterns};
pub use word::is_opaque;
