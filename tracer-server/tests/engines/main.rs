//! The backend against engines and clients that are not ours: ClickHouse's engine, an S3 server, DuckDB, exporters of OpenTelemetry's
//! SDK. `cargo xtask test engines` prepares the Python environment that brings them; without it each test says so and ends.
#![allow(dead_code, reason = "helpers are shared with the tests of the server, which need others of them")]

#[path = "../server/aged.rs"]
mod aged;
#[path = "../server/child.rs"]
mod child;
mod clickhouse;
mod clients;
mod environment;
mod s3;
#[path = "../server/support.rs"]
mod support;
