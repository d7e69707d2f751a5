//! The query API: ours, and those of Jaeger and Tempo.

mod app;
mod error;
mod jaeger;
mod own;
mod page;
mod params;
mod tempo;
mod time;

pub(crate) use app::{App, now_ns, router};
pub(crate) use time::rfc3339;
