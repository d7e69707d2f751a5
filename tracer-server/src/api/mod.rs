//! The query API: ours, and those of Jaeger, Tempo and Zipkin.

mod app;
mod error;
mod host;
mod jaeger;
mod own;
mod page;
mod params;
mod tempo;
mod time;
mod zipkin;

pub(crate) use app::{App, now_ns, router, zipkin_router};
pub(crate) use host::Hosts;
pub use host::names_this_host;
pub(crate) use time::rfc3339;
