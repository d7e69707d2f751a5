//! Pure protocol parsers: the bytes of one direction of one connection in, messages out.
//!
//! Nothing here does I/O, reads a clock, logs, or knows of kernels and configuration. Parsers keep a few words of state
//! per direction and never own bytes: messages borrow from what the caller hands in. No input makes them panic,
//! loop, or hold more than the limits that each protocol names.
//!
//! [`contract`] is the agreement between a parser and the stream layer that feeds it. Each protocol lives in its own
//! module ([`http1`]); [`context`], [`redact`] and [`route`] are what the messages' text is turned into afterwards.
#![forbid(unsafe_code)]

pub mod context;
pub mod contract;
pub mod http1;
pub mod redact;
pub mod route;

/// Every protocol this crate can read.
///
/// Callers reach a protocol's parser by an exhaustive `match` on this enum, never through a registry: a new variant
/// makes the compiler list what has to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.0 and HTTP/1.1 (RFC 9112).
    Http1,
}

impl Protocol {
    /// The name for people and for metrics' labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
        }
    }
}
