//! The embedded backend: receives OTLP, stores spans, answers queries. All that it knows arrives as OTLP.
#![forbid(unsafe_code)]

mod agents;
mod alerts;
pub mod analysis;
mod api;
pub mod counters;
mod https;
mod listen;
pub mod query;
pub mod receive;
mod serve;
mod server;
mod settings;
pub mod spans;
pub mod store;
mod token;
pub mod traceql;

pub use alerts::{RuleError, Rules};
pub use api::names_this_host;
pub use listen::{TlsError, TlsFiles};
pub use receive::LARGEST_REQUEST;
pub use serve::{ServeError, serve};
pub use server::{Addresses, Server, StartError};
pub use settings::Settings;
