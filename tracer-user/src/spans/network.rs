//! What is done before anything is asked for: names are looked up, connections are opened.

use std::sync::Arc;

use super::{exchange::Exchange, render::Attributes, span::Value};

/// An exchange that is neither a request nor a call of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// A name was looked up in DNS.
    Lookup(Lookup),
    /// A connection could not be opened, for a reason by its number (errno(3), Linux).
    Connect(u32),
}

/// See [`Network::Lookup`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// Tells which answer is for it.
    pub id: u16,
    /// `dns.question.name`
    pub name: Arc<str>,
    /// The type of records that were asked for.
    pub record: &'static str,
    /// Over UDP, not TCP.
    pub datagram: bool,
    /// The name of the answer's RCODE, where that is an error.
    pub error: Option<&'static str>,
}

/// Attributes but those of the ends. Returns the span's name and whether it failed.
pub(super) fn describe(
    attributes: &mut Attributes,
    exchange: &Exchange,
    network: &Network,
) -> (Arc<str>, bool) {
    let (name, error) = match network {
        Network::Lookup(lookup) => {
            attributes.put("dns.question.name", Value::Shared(lookup.name.clone()));
            attributes.put("network.protocol.name", Value::Static("dns"));
            attributes.put("network.transport", Value::Static(if lookup.datagram { "udp" } else { "tcp" }));
            let failure = exchange.failure.map(super::exchange::Failure::error_type);
            (format!("DNS {}", lookup.record).into(), lookup.error.or(failure))
        }
        Network::Connect(errno) => {
            attributes.put("network.transport", Value::Static("tcp"));
            ("connect".into(), Some(errno_name(*errno)))
        }
    };
    if let Some(error) = error {
        attributes.put("error.type", Value::Static(error));
    }
    (name, error.is_some())
}

/// The name of an errno that `connect` returns (connect(2); include/uapi/asm-generic/errno.h).
fn errno_name(errno: u32) -> &'static str {
    match errno {
        1 => "EPERM",
        13 => "EACCES",
        71 => "EPROTO",
        92 => "ENOPROTOOPT",
        99 => "EADDRNOTAVAIL",
        100 => "ENETDOWN",
        101 => "ENETUNREACH",
        103 => "ECONNABORTED",
        104 => "ECONNRESET",
        110 => "ETIMEDOUT",
        111 => "ECONNREFUSED",
        112 => "EHOSTDOWN",
        113 => "EHOSTUNREACH",
        _ => "_OTHER",
    }
}
