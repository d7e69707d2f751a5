//! The exporter against real servers on loopback.

mod backend;
mod credentials;
mod disk;
mod environment;
mod grpc;
mod http;
mod outage;
mod support;
mod tls;
