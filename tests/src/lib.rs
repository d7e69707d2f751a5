//! Scenario harness: real services, the real daemon, and an OTLP receiver that keeps every span.
//!
//! A scenario starts its services, attaches the daemon, makes load, stops the daemon and compares what arrived over
//! OTLP with whole trees written as text (see [`tree`]). Nothing is asserted on log lines. Scenarios run one after the
//! other, because the daemon sees the whole host: [`scenario::Scenario`] holds a host-wide lock.

#![forbid(unsafe_code)]

pub mod apps;
pub mod brokers;
pub mod cgroup;
pub mod client;
pub mod command;
pub mod daemon;
pub mod network;
pub mod ports;
pub mod programs;
pub mod receiver;
pub mod scenario;
pub mod service;
pub mod span;
pub mod swarm;
pub mod tree;
pub mod wait;
