//! Who the two ends of a connection are.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use tracer_common::event::{Connect, Family, Open};

/// An address with its text, which spans share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// The IP address; IPv4-mapped IPv6 addresses as IPv4, so that both ends of a dual-stack connection agree.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// The address as text.
    pub text: Arc<str>,
    /// The name that the other end's process looked up to find it.
    pub name: Option<Arc<str>>,
}

/// Path of a unix socket; abstract names start with `@` (unix(7)).
pub type Path = Arc<str>;

/// The two ends as one socket sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ends {
    /// TCP.
    Inet {
        /// This socket's end.
        local: End,
        /// The other end.
        peer: End,
        /// Inode number of the network namespace.
        net: u32,
    },
    /// AF_UNIX stream.
    Unix {
        /// This socket's identity.
        local: u64,
        /// The other socket's identity, 0 where it is gone.
        peer: u64,
        /// The listening side's path, empty for an unnamed pair.
        path: Path,
    },
    /// The describing record was lost.
    Unknown,
}

impl Ends {
    /// Reads an `Open` record.
    pub fn new(open: &Open) -> Self {
        if open.family == Family::Unix as u16 {
            let bytes = open.path.get(..usize::from(open.path_len)).unwrap_or(&open.path);
            return Self::Unix { local: open.socket, peer: open.peer_socket, path: path(bytes) };
        }
        let v6 = open.family == Family::V6 as u16;
        Self::Inet {
            local: end(open.local, v6, open.local_port),
            peer: end(open.peer, v6, open.peer_port),
            net: open.net,
        }
    }

    /// Reads a record of a connection that was asked for.
    pub fn of_connect(connect: &Connect) -> Self {
        let v6 = connect.family == Family::V6 as u16;
        Self::Inet {
            local: end(connect.local, v6, connect.local_port),
            peer: end(connect.peer, v6, connect.peer_port),
            net: connect.net,
        }
    }

    /// The same, with the name that is known of the other end.
    #[must_use]
    pub fn named(mut self, name: impl FnOnce(IpAddr) -> Option<Arc<str>>) -> Self {
        if let Self::Inet { peer, .. } = &mut self {
            peer.name = name(peer.address);
        }
        self
    }

    /// The port that a server of this connection listens on, given whether this end is the server.
    pub fn server_port(&self, is_server: bool) -> Option<u16> {
        match self {
            Self::Inet { local, peer, .. } => Some(if is_server { local.port } else { peer.port }),
            Self::Unix { .. } | Self::Unknown => None,
        }
    }
}

fn end(bytes: [u8; 16], v6: bool, port: u16) -> End {
    let address = if v6 {
        IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
    } else {
        IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]))
    };
    End { address, port, text: address.to_string().into(), name: None }
}

fn path(bytes: &[u8]) -> Path {
    match bytes.split_first() {
        Some((0, name)) => format!("@{}", String::from_utf8_lossy(until_nul(name))).into(),
        _ => String::from_utf8_lossy(until_nul(bytes)).into(),
    }
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_are_v4() {
        let mut mapped = [0; 16];
        mapped[10..].copy_from_slice(&[0xff, 0xff, 127, 0, 0, 1]);
        assert_eq!(end(mapped, true, 80), end([127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], false, 80));
    }

    #[test]
    fn abstract_paths_are_marked() {
        assert_eq!(&*path(b"\0name\0\0"), "@name");
        assert_eq!(&*path(b"/run/x.sock\0\0"), "/run/x.sock");
        assert_eq!(&*path(b""), "");
    }
}
