//! Pure protocol parsers: the bytes of one direction of one connection in, messages out.
//!
//! Nothing here does I/O, reads a clock, logs, or knows of kernels and configuration. Parsers keep a few words of state
//! per direction and own no bytes of the stream: messages borrow from what the caller hands in. ([`http2`] has to keep the
//! table that its header blocks refer to.) No input makes them panic,
//! loop, or hold more than the limits that each protocol names.
//!
//! [`contract`] is the agreement between a parser and the stream layer that feeds it. Each protocol lives in its own
//! module ([`http1`], [`http2`], with [`grpc`] on top); [`context`], [`redact`] and [`route`] are what the messages' text is turned into afterwards.
#![forbid(unsafe_code)]

pub mod amqp;
pub mod cassandra;
pub mod context;
pub mod contract;
mod cursor;
pub mod detect;
pub mod dns;
pub mod fastcgi;
mod framing;
pub mod grpc;
pub mod http1;
pub mod http2;
pub mod kafka;
pub mod memcached;
pub mod mongodb;
pub mod mqtt;
pub mod mysql;
pub mod nats;
pub mod postgres;
pub mod redact;
pub mod redis;
pub mod route;
pub mod sql;
pub mod zstandard;

/// Every protocol this crate can read.
///
/// Callers reach a protocol's parser by an exhaustive `match` on this enum, never through a registry: a new variant
/// makes the compiler list what has to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.0 and HTTP/1.1 (RFC 9112).
    Http1,
    /// HTTP/2 (RFC 9113), and gRPC over it.
    Http2,
    /// DNS, over TCP or UDP.
    Dns,
    /// FastCGI 1.0.
    FastCgi,
    /// Redis and Valkey.
    Redis,
    /// PostgreSQL (protocol 3).
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
    /// Memcached.
    Memcached,
    /// MongoDB.
    Mongodb,
    /// Cassandra.
    Cassandra,
    /// Kafka.
    Kafka,
    /// AMQP 0-9-1 (RabbitMQ).
    Amqp,
    /// NATS.
    Nats,
    /// MQTT 3.1.1 and 5.
    Mqtt,
}

impl Protocol {
    /// The name for people and for metrics' labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::Http2 => "http2",
            Self::Dns => "dns",
            Self::FastCgi => "fastcgi",
            Self::Redis => "redis",
            Self::Postgres => "postgresql",
            Self::Mysql => "mysql",
            Self::Memcached => "memcached",
            Self::Mongodb => "mongodb",
            Self::Cassandra => "cassandra",
            Self::Kafka => "kafka",
            Self::Amqp => "amqp",
            Self::Nats => "nats",
            Self::Mqtt => "mqtt",
        }
    }
}
