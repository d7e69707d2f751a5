//! The server from outside: OTLP in over real connections, questions over HTTP.

mod aged;
mod agents;
mod alerts;
mod analytics;
mod child;
mod clickhouse;
mod cold;
mod durable;
mod hosts;
mod jaeger;
mod jaeger_clients;
mod openapi;
mod page;
mod receive;
mod support;
mod tempo;
mod tls;
mod token;
mod traces;
mod zipkin;
