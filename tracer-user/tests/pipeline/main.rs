//! Stages 2 to 7 on records built by hand: what a host does, and the traces that come of it. No root, no kernel.

mod brokers;
mod clock;
mod connects;
mod context;
mod databases;
mod dns;
mod far;
mod fastcgi;
#[path = "../../../tracer-protocols/tests/common/frames.rs"]
mod frames;
mod grpc;
mod http;
mod http2;
mod instrumented;
mod joins;
mod losses;
mod origins;
mod outline;
mod records;
mod sampling;
mod scene;
mod selection;
mod tasks;
mod threads;
mod tls;
mod turns;
mod values;
mod written;
