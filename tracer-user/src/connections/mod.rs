//! Stage 3: events become, for each connection, two gap-aware byte streams.

mod by;
mod connection;
mod ends;
mod names;
mod stream;
mod tracker;

pub use by::{By, Work};
pub use connection::{Connection, Way};
pub use ends::{End, Ends, Path};
pub use names::Names;
pub use stream::{At, Consumer, Insertion, Stream};
pub use tracker::{Limits, Tracker};
