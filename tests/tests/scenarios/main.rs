//! Scenarios with real services: see `tracer_tests` for how they work and `README.md` for how to add one.

#![forbid(unsafe_code)]

mod alerts;
mod backends;
mod brokers;
mod connects;
mod context;
mod databases;
mod dns;
mod event_loops;
mod exporters;
mod failures;
mod fastcgi;
mod framing;
mod go;
mod grpc;
mod harness;
mod hosts;
mod http2;
mod instrumented;
mod io_uring;
mod kubernetes;
mod many;
mod metrics;
mod node;
mod open_before;
mod own_backend;
mod privileges;
mod propagation;
mod propagation_http2;
mod proxied;
mod python_clients;
mod recordings;
mod sampling;
mod selection;
mod short_lived;
mod started_later;
mod started_programs;
mod system_calls;
mod tls;
mod watching;
mod wsgi;
