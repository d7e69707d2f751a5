//! What can be asked of the store.

mod duration;
mod filter;
mod find;

pub use duration::parse_duration;
pub use filter::{Condition, Field, Filter, Op, Scope};
pub(crate) use find::Finder;
pub use find::{Deadline, Found, FoundTrace, Search};
