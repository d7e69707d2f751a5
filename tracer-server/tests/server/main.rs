//! The server from outside: OTLP in over real connections, questions over HTTP.

mod alerts;
mod analytics;
mod child;
mod durable;
mod jaeger;
mod openapi;
mod page;
mod receive;
mod support;
mod tempo;
mod token;
mod traces;
