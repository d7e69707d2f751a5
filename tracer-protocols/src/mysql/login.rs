//! How a connection begins: the client's answer to the server's greeting.

use super::packet::{Packet, number};

/// Capabilities (MySQL documentation, "Capabilities Flags").
mod capability {
    pub(super) const CONNECT_WITH_DB: u32 = 1 << 3;
    pub(super) const COMPRESS: u32 = 1 << 5;
    pub(super) const PROTOCOL_41: u32 = 1 << 9;
    pub(super) const SECURE_CONNECTION: u32 = 1 << 15;
    pub(super) const AUTH_WITH_LENGTH: u32 = 1 << 21;
    pub(super) const ZSTD: u32 = 1 << 26;
}

/// Capabilities, most bytes of a packet, character set, and bytes without a meaning.
const FIXED: usize = 32;

/// What is kept of the login of a client ("Protocol::HandshakeResponse41").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Login<'a> {
    /// The database to begin with; empty if none is named.
    pub database: &'a [u8],
    /// What follows the login is compressed.
    pub compressed: bool,
}

/// Whether bytes with a packet's header begin with a login; nothing if they are too few.
pub(super) fn looks_like_one(bytes: &[u8]) -> Option<bool> {
    let capabilities = u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?);
    let modern = capability::PROTOCOL_41 | capability::SECURE_CONNECTION;
    if capabilities & modern != modern {
        return Some(false);
    }
    // MariaDB has more capabilities in the last four of those that have no meaning.
    bytes.get(13..32).map(|reserved| reserved.iter().all(|&byte| byte == 0))
}

impl<'a> Login<'a> {
    /// Nothing for a request for TLS, which has no more than the fixed part.
    pub(super) fn read(packet: &Packet<'a>) -> Option<Self> {
        let capabilities = u32::from_le_bytes(*packet.body.first_chunk()?);
        if packet.length <= FIXED || capabilities & capability::PROTOCOL_41 == 0 {
            return None;
        }
        let compressed = capabilities & (capability::COMPRESS | capability::ZSTD) != 0;
        let database = if capabilities & capability::CONNECT_WITH_DB == 0 {
            None
        } else {
            packet.body.get(FIXED..).and_then(|rest| database(rest, capabilities))
        };
        Some(Self { database: database.unwrap_or_default(), compressed })
    }
}

/// The database, behind the user's name and what proves that it is that user.
fn database(rest: &[u8], capabilities: u32) -> Option<&[u8]> {
    let (_, rest) = text(rest)?;
    let (size, rest) = if capabilities & capability::AUTH_WITH_LENGTH != 0 {
        number(rest)?
    } else if capabilities & capability::SECURE_CONNECTION != 0 {
        let (&size, rest) = rest.split_first()?;
        (size.into(), rest)
    } else {
        (0, text(rest)?.1)
    };
    text(rest.get(usize::try_from(size).ok()?..)?).map(|(database, _)| database)
}

/// Text up to a NUL, and what is behind.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|&byte| byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}
